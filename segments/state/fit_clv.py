"""Customer value: the models of the day, fitted when they are due, and what they say of a batch."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from optiengine.lib.columns import read_columns
from segments.models import ClvModel, Organisation
from segments.state.customer_facts import FACTS, every_kth
from segments.state.numerics.clv import (
    BetaGeometric,
    GammaGamma,
    NotConverged,
    NotEnoughCustomers,
    expected_margin,
)

Array = NDArray[np.float64]

REFIT_DAYS = 28
MOST_CUSTOMERS = 50_000  # in a fit, which then knows its parameters to about 1 %
WEEKS_A_YEAR = 365.25 / 7
LEAST_CENTS = 1.0  # per order; the spend model knows no order without a margin, or with a loss


@dataclass(frozen=True)
class Histories:
    """Purchase histories of n customers, arrays (n,)."""

    is_buyer: NDArray[np.bool_]
    x: NDArray[np.int32]  # repeat occasions after the first
    t_x: Array  # weeks from the first occasion to the last
    T: Array  # weeks from the first occasion to the end
    n_valued: NDArray[np.int32]  # occasions whose amount is known
    mean_cents: Array  # per such occasion


@dataclass(frozen=True)
class Valuation:
    """What customers are worth over the organisation's horizon, by the models of a day.

    model : BG/NBD and Gamma-Gamma; None where the base is too small to fit them, and then every
    buyer is worth buyer_cents. Someone who never ordered is worth 0 either way: the models speak
    of histories that begin with an order, and the first order is then worth its margin and all
    the value that it starts.
    """

    model: ClvModel | None
    buyer_cents: float
    horizon_weeks: float
    weekly_discount: float

    def of(self, histories: Histories) -> tuple[Array, Array]:
        """(P(alive), expected margin in cents), both (n,). P(alive) is NaN where unknown."""
        buyers = histories.is_buyer
        p_alive, value_cents = np.full(len(buyers), np.nan), np.zeros(len(buyers))
        if self.model is None:
            value_cents[buyers] = self.buyer_cents
        elif buyers.any():
            purchases = BetaGeometric.from_fitted(self.model.purchases)
            spend = GammaGamma.from_fitted(self.model.spend)
            x, t_x, T = histories.x[buyers], histories.t_x[buyers], histories.T[buyers]
            p_alive[buyers] = purchases.p_alive(x, t_x, T)
            value_cents[buyers] = expected_margin(
                purchases,
                spend,
                x,
                t_x,
                T,
                np.maximum(histories.mean_cents[buyers], LEAST_CENTS),
                n_valued=histories.n_valued[buyers],
                horizon_weeks=self.horizon_weeks,
                weekly_discount=self.weekly_discount,
            )
        return p_alive, value_cents


def value_customers(as_of: date, organisation: Organisation, *, seed: int = 0) -> Valuation:
    """The valuation of a day. Fits anew, from the day's facts, when the last fit is too old.

    Without enough customers for the models, a buyer is worth what buyers brought on average in
    the last 365 days, as a steady stream over the horizon.
    """
    weekly_discount = (1 + organisation.yearly_discount) ** (1 / WEEKS_A_YEAR) - 1
    horizon_weeks = float(organisation.clv_horizon_weeks)
    model = _recent_model(as_of) or fit_models(as_of, seed=seed)
    if model and model.pk is None:
        model.save()
    return Valuation(
        model=model,
        buyer_cents=0.0 if model else _stream_cents(horizon_weeks, weekly_discount),
        horizon_weeks=horizon_weeks,
        weekly_discount=weekly_discount,
    )


def _recent_model(as_of: date) -> ClvModel | None:
    oldest = as_of - timedelta(days=REFIT_DAYS)
    recent = ClvModel.objects.filter(fitted_on__gt=oldest, fitted_on__lte=as_of)
    return recent.order_by("fitted_on", "pk").last()


def fit_models(as_of: date, *, seed: int = 0) -> ClvModel | None:
    """The models fitted on the day's facts, not saved; None where these cannot identify them.

    None too where mean spend has no finite expectation, as that values nobody new.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {FACTS} WHERE stage <> 'prospect'")
        (n_buyers,) = cursor.fetchone()
    facts, used = sql.Identifier(FACTS), every_kth(n_buyers, MOST_CUSTOMERS, seed)
    histories = read_columns(
        sql.SQL(
            'SELECT x, t_x, "T", count(*) AS n FROM {} '
            "WHERE stage <> 'prospect' AND {} GROUP BY 1, 2, 3"
        ).format(facts, used),
        ["x", "t_x", "T", "n"],
    )
    purses = read_columns(
        sql.SQL(
            "SELECT n_valued, mean_cents, count(*) AS n FROM {} "
            "WHERE n_valued > 0 AND mean_cents > 0 AND {} GROUP BY 1, 2"
        ).format(facts, used),
        ["n_valued", "mean_cents", "n"],
    )
    try:
        purchases = BetaGeometric().fit(
            histories["x"], histories["t_x"], histories["T"], histories["n"]
        )
        spend = GammaGamma().fit(purses["n_valued"], purses["mean_cents"], purses["n"])
    except (NotEnoughCustomers, NotConverged):
        return None
    if not np.isfinite(spend.population_mean):
        return None
    return ClvModel(
        fitted_on=as_of,
        n_customers=int(histories["n"].sum()),
        purchases=purchases.get_fitted(),
        spend=spend.get_fitted(),
        log_likelihood=purchases.log_likelihood_,
    )


def _stream_cents(horizon_weeks: float, weekly_discount: float) -> float:
    """Worth today of the mean buyer's margin of the last 365 days, spread over the horizon."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT avg(year_cents) FROM {FACTS} WHERE stage <> 'prospect'")
        (year_cents,) = cursor.fetchone()
    force = np.log1p(weekly_discount)
    weeks = -np.expm1(-force * horizon_weeks) / force if force > 0 else horizon_weeks
    return max(year_cents or 0.0, 0.0) / (365 / 7) * weeks

"""Predicted customer value against what came: the models of one day, judged on a later one."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_start
from reports.errors import ReportError
from reports.numerics.clv_backtest import (
    Agreement,
    Forecast,
    ForecastGroup,
    agreement,
    by_decile,
    by_frequency,
    joined,
)
from segments.event_money import IS_MONEY, IS_PURCHASE, SIGNED_CENTS
from segments.feature_catalogue import BUILT_IN
from segments.models import ClvModel, Organisation
from segments.same_person import person_of
from segments.state.customer_facts import FACTS, collect_facts
from segments.state.fit_clv import Histories, Valuation, fit_models
from segments.state.numerics.clv import BetaGeometric

BATCH = 50_000  # customers whose histories are in memory at once; 36 bytes of each are kept
HOLDOUT = "clv_holdout"  # temporary, of this transaction
HISTORY = ("x", "t_x", "T", "n_valued", "mean_cents")
COLUMNS = ("customer_id", *HISTORY, "purchases", "actual_cents", "n_unvalued")

# Purchases are counted as the models count them: days with an order. Value is margin: what
# returns took back in the same time is not value. Who is one person by now is so in both times: the
# models are judged on people, not on when it was found out who is who.
COLLECT = """
CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS
SELECT {person} AS customer_id,
       count(DISTINCT (occurred_at AT TIME ZONE {zone})::date)
           FILTER (WHERE {is_purchase}) AS purchases,
       count(*) FILTER (WHERE kind = 'order' AND amount_cents IS NULL) AS n_unvalued,
       coalesce(sum({signed_cents}::float8), 0) AS actual_cents
FROM segments_event e {with_person}
WHERE {is_money} AND occurred_at >= {start} AND occurred_at < {end}
GROUP BY 1
"""
READ = """
SELECT f.customer_id, f.x, f.t_x, f."T", f.n_valued, f.mean_cents,
       coalesce(h.purchases, 0)::float8 AS purchases,
       coalesce(h.actual_cents, 0)::float8 AS actual_cents,
       coalesce(h.n_unvalued, 0)::int8 AS n_unvalued
FROM {facts} f LEFT JOIN {holdout} h ON h.customer_id = f.customer_id
WHERE f.stage <> 'prospect' AND f.customer_id > {last_id}
ORDER BY f.customer_id LIMIT {limit}
"""


@dataclass(frozen=True)
class ClvBacktest:
    """The models as of one day, and what they said of the time up to another, which came true."""

    as_of: date
    until: date  # the first day that does not count
    model: ClvModel  # fitted for this, not saved
    n_customers: int  # who had ordered before as_of
    n_unvalued: int  # orders in the time whose amount is unknown, counted as 0
    deciles: list[ForecastGroup]  # by predicted value, the most valuable first
    frequencies: list[ForecastGroup]  # by repeat purchases before as_of
    purchases: Agreement
    value: Agreement  # in cents

    @property
    def weeks(self) -> float:
        return (self.until - self.as_of).days / 7

    def as_dict(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of,
            "until": self.until,
            "n_customers": self.n_customers,
            "n_unvalued": self.n_unvalued,
            "purchases": agreement_figures(self.purchases),
            "value_cents": agreement_figures(self.value),
            "groups": list(self.lines()),
        }

    def lines(self) -> Iterable[dict[str, Any]]:
        for by, groups in (("decile", self.deciles), ("repeats", self.frequencies)):
            for group in groups:
                yield {"by": by, "group": group.label, **group_figures(group)}


def clv_backtest(*, as_of: date, until: date, seed: int = 0) -> ClvBacktest:
    """Fit on what was known when `as_of` began; compare with as_of up to the day before `until`.

    Nothing is discounted, as what came is not. Saves nothing. seed : of the sample that the models
    are fitted on. Raises ReportError where the days or the histories allow no such comparison.
    """
    organisation = Organisation.current()
    with transaction.atomic():
        _check_days(as_of, until, organisation)
        collect_facts(as_of, _least_features(), organisation)
        model = fit_models(as_of, seed=seed)
        if model is None:
            raise ReportError(
                _(
                    "The purchase histories before %(day)s are too few or too similar to "
                    "fit the customer value models."
                )
                % {"day": as_of}
            )
        _collect_holdout(as_of, until, organisation.time_zone)
        forecast, n_unvalued = _forecast(model, (until - as_of).days / 7)
    return ClvBacktest(
        as_of=as_of,
        until=until,
        model=model,
        n_customers=len(forecast),
        n_unvalued=n_unvalued,
        deciles=by_decile(forecast),
        frequencies=by_frequency(forecast),
        purchases=agreement(forecast.predicted_purchases, forecast.actual_purchases),
        value=agreement(forecast.predicted_cents, forecast.actual_cents),
    )


def last_known_day(organisation: Organisation) -> date | None:
    """The first day after the newest event, up to which can be compared; None without events."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (max(occurred_at) AT TIME ZONE %s)::date FROM segments_event",
            [organisation.time_zone],
        )
        (day,) = cursor.fetchone()
    return day + timedelta(days=1) if day else None


def _check_days(as_of: date, until: date, organisation: Organisation) -> None:
    if until <= as_of:
        raise ReportError(
            _("The end, %(until)s, must be after the day of the prediction, %(as_of)s.")
            % {"until": until, "as_of": as_of}
        )
    known = last_known_day(organisation)
    if known is None:
        raise ReportError(_("There are no events yet."))
    if until > known:
        raise ReportError(
            _("Events are only known up to %(known)s. Choose an earlier end.") % {"known": known}
        )


def _least_features() -> list[Any]:
    """The one feature without which the facts of a day are not collected."""
    return [feature for feature in BUILT_IN if feature.name == "margin_365d_cents"]


def _collect_holdout(as_of: date, until: date, zone: str) -> None:
    bounds = {
        name: sql.SQL("{}::timestamptz").format(sql.Literal(day_start(day, zone)))
        for name, day in (("start", as_of), ("end", until))
    }
    table = sql.Identifier(HOLDOUT)
    money = {
        "is_money": sql.SQL(IS_MONEY),
        "is_purchase": sql.SQL(IS_PURCHASE),
        "signed_cents": sql.SQL(SIGNED_CENTS),
    }
    person = person_of("e.customer_id")
    persons = {"person": sql.SQL(person.id), "with_person": sql.SQL(person.join)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        cursor.execute(
            sql.SQL(COLLECT).format(
                table=table, zone=sql.Literal(zone), **bounds, **money, **persons
            )
        )
        # Or the planner, without statistics, would look for one customer among all each time.
        cursor.execute(sql.SQL("ANALYZE {}, {}").format(table, sql.Identifier(FACTS)))


def _forecast(model: ClvModel, weeks: float) -> tuple[Forecast, int]:
    """Predicted and actual purchases of every buyer of the facts; orders without an amount."""
    purchases = BetaGeometric.from_fitted(model.purchases)
    valuation = Valuation(model, buyer_cents=0.0, horizon_weeks=weeks, weekly_discount=0.0)
    parts, n_unvalued, last_id, n_read = [], 0, -1, BATCH
    while n_read == BATCH:
        rows = read_columns(
            sql.SQL(READ).format(
                facts=sql.Identifier(FACTS),
                holdout=sql.Identifier(HOLDOUT),
                last_id=sql.Literal(last_id),
                limit=sql.Literal(BATCH),
            ),
            COLUMNS,
        )
        n_read = len(rows["x"])
        if not n_read:
            break
        last_id = int(rows["customer_id"][-1])
        n_unvalued += int(rows["n_unvalued"].sum())
        histories = Histories(is_buyer=rows["x"] >= 0, **{name: rows[name] for name in HISTORY})
        parts.append(
            Forecast(
                repeats=rows["x"],
                predicted_purchases=purchases.expected_purchases(
                    rows["x"], rows["t_x"], rows["T"], weeks
                ),
                actual_purchases=rows["purchases"],
                predicted_cents=valuation.of(histories)[1],
                actual_cents=rows["actual_cents"],
            )
        )
    return joined(parts), n_unvalued


def group_figures(group: ForecastGroup) -> dict[str, Any]:
    """A group as one flat row: means per customer, None where unknown."""
    figures: dict[str, Any] = {"n_customers": group.n}
    for name in ("purchases", "cents"):
        limits = getattr(group, f"actual_{name}").interval()
        figures[f"predicted_{name}"] = getattr(group, f"predicted_{name}")
        figures[f"actual_{name}"] = limits.estimate
        figures[f"actual_{name}_low"] = limits.low if limits.is_known else None
        figures[f"actual_{name}_high"] = limits.high if limits.is_known else None
    return figures


def agreement_figures(agreement: Agreement) -> Mapping[str, float | None]:
    figures = {
        "predicted_total": agreement.predicted_total,
        "actual_total": agreement.actual_total,
        "ratio": agreement.ratio.estimate,
        "ratio_low": agreement.ratio.low,
        "ratio_high": agreement.ratio.high,
        "mean_absolute_error": agreement.mean_absolute_error,
        "correlation": agreement.correlation,
        "gini": agreement.gini,
    }
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}

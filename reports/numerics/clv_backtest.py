"""How well predictions of customers' purchases and value came true, in groups and over all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from reports.numerics.intervals import UNKNOWN, Interval
from reports.numerics.means import Moments

Array = NDArray[np.float64]

MOST_REPEATS = 7  # customers with at least as many repeats form one group, as in the papers


@dataclass(frozen=True)
class Forecast:
    """What was predicted of n customers, and what came: arrays (n,), per customer."""

    repeats: NDArray[np.int32]  # occasions after the first, when the prediction was made
    predicted_purchases: Array
    actual_purchases: Array
    predicted_cents: Array
    actual_cents: Array

    def __len__(self) -> int:
        return len(self.repeats)


@dataclass(frozen=True)
class ForecastGroup:
    """Some of the customers: means per customer of what was predicted and of what came."""

    label: str
    predicted_purchases: float
    actual_purchases: Moments
    predicted_cents: float
    actual_cents: Moments

    @property
    def n(self) -> int:
        return self.actual_purchases.n


@dataclass(frozen=True)
class Agreement:
    """How one predicted quantity agrees with what came, over all customers.

    ratio : predicted total by actual total, 1 where right, with 95 % limits from the spread of
    what came; unknown where nothing came. mean_absolute_error : per customer, in the quantity's
    unit. correlation : Pearson's. gini : see `normalised_gini`. nan where not defined.
    """

    predicted_total: float
    actual_total: float
    ratio: Interval
    mean_absolute_error: float
    correlation: float
    gini: float


def by_decile(forecast: Forecast, *, n_groups: int = 10) -> list[ForecastGroup]:
    """Groups of as good as equal size by predicted value, the most valuable first.

    Fewer customers than groups make groups of one. Ties are cut in the order of the rows.
    """
    order = np.argsort(-forecast.predicted_cents, kind="stable")
    parts = np.array_split(order, min(n_groups, len(order))) if len(order) else []
    return [_group(str(number), forecast, rows) for number, rows in enumerate(parts, start=1)]


def by_frequency(forecast: Forecast, *, most: int = MOST_REPEATS) -> list[ForecastGroup]:
    """Groups by repeat purchases before the prediction: 0, 1, … and `most` or more.

    The layout of Fader, Hardie & Lee (2005), figure 6. Numbers that nobody has are left out.
    """
    repeats = np.minimum(forecast.repeats, most)
    return [
        _group(f"{x}+" if x == most else str(x), forecast, np.flatnonzero(repeats == x))
        for x in np.unique(repeats)
    ]


def _group(label: str, forecast: Forecast, rows: NDArray[np.intp]) -> ForecastGroup:
    return ForecastGroup(
        label=label,
        predicted_purchases=float(forecast.predicted_purchases[rows].mean()),
        actual_purchases=_moments(forecast.actual_purchases[rows]),
        predicted_cents=float(forecast.predicted_cents[rows].mean()),
        actual_cents=_moments(forecast.actual_cents[rows]),
    )


def _moments(values: Array) -> Moments:
    return Moments(len(values), float(values.sum()), float(values @ values))


def agreement(predicted: ArrayLike, actual: ArrayLike) -> Agreement:
    """Over n customers, both (n,). Raises ValueError where there is none, or lengths differ."""
    predicted, actual = np.asarray(predicted, float), np.asarray(actual, float)
    if predicted.shape != actual.shape or predicted.ndim != 1 or not len(predicted):
        raise ValueError(f"cannot compare shapes {predicted.shape} and {actual.shape}")
    varies = predicted.std() > 0 and actual.std() > 0
    return Agreement(
        predicted_total=float(predicted.sum()),
        actual_total=float(actual.sum()),
        ratio=_ratio(float(predicted.mean()), _moments(actual)),
        mean_absolute_error=float(np.abs(predicted - actual).mean()),
        correlation=float(np.corrcoef(predicted, actual)[0, 1]) if varies else math.nan,
        gini=normalised_gini(predicted, actual),
    )


def _ratio(predicted: float, actual: Moments) -> Interval:
    if actual.total <= 0:
        return UNKNOWN
    limits = actual.interval()
    low = predicted / limits.high if limits.is_known else math.nan
    high = predicted / limits.low if limits.is_known and limits.low > 0 else math.inf
    return Interval(predicted / actual.mean, low, high)


def normalised_gini(predicted: Array, actual: Array) -> float:
    """How well the order of predictions finds what came: 1 the best order there is, 0 chance.

    The concentration of `actual` in the order of `predicted`, by its concentration in its own
    order; ties share their mean rank, which is the mean over all ways to break them. nan where
    nothing came or all got the same.
    Source: Lerman & Yitzhaki (1984), Economics Letters 15:363-368, for the form by ranks; Frees,
    Meyers & Cummings (2011), JASA 106:1085-1098, for its use on predictions.
    """
    if actual.sum() <= 0:
        return math.nan
    best = _concentration(rankdata(actual), actual)
    return _concentration(rankdata(predicted), actual) / best if best > 0 else math.nan


def _concentration(ranks: Array, values: Array) -> float:
    n = len(values)
    return float(2 * (ranks @ values) / (n * values.sum()) - (n + 1) / n)


def joined(parts: Sequence[Forecast]) -> Forecast:
    """The forecasts of disjoint customers as one. parts : at least one."""
    return Forecast(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Forecast.__dataclass_fields__
        )
    )

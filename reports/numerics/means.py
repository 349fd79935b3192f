"""Means of money and their differences, from sums that a database can compute."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import norm
from scipy.stats import t as student

from reports.numerics.intervals import UNKNOWN, Interval


@dataclass(frozen=True)
class Moments:
    """A count, a sum and a sum of squares, one unit per customer or contact. Adds up.

    Money has heavy tails: with a few hundred customers one order can carry most of the sum of
    squares, and the mean is then far from normal. Where that matters values are winsorised
    before they are summed, and the report says so.
    """

    n: int = 0
    total: float = 0.0
    square: float = 0.0

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.n + other.n, self.total + other.total, self.square + other.square)

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """Unbiased variance of one value; nan below two values."""
        if self.n < 2:
            return math.nan
        return max(self.square - self.total**2 / self.n, 0.0) / (self.n - 1)

    @property
    def mean_variance(self) -> float:
        """Squared standard error of the mean."""
        return self.variance / self.n if self.n else math.nan

    def interval(self, *, level: float = 0.95) -> Interval:
        """The mean with limits by Student's t; unknown below two values."""
        if self.n < 2:
            return Interval(self.mean, math.nan, math.nan)
        half = float(student.isf((1 - level) / 2, self.n - 1)) * math.sqrt(self.mean_variance)
        return Interval(self.mean, self.mean - half, self.mean + half)


def welch_interval(treated: Moments, control: Moments, *, level: float = 0.95) -> Interval:
    """The difference of two means without supposing equal variances; nan below two values each.

    Source: Welch (1947), Biometrika 34:28-35, degrees of freedom after Satterthwaite (1946).
    """
    return stratified_welch([1.0], [(treated, control)], level=level)


def stratified_welch(
    weights: Sequence[float], strata: Sequence[tuple[Moments, Moments]], *, level: float = 0.95
) -> Interval:
    """The weighted sum over strata of differences (treated, control) of means, in their unit.

    weights : as many as strata, adding up to 1. Of one stratum it is Welch's interval. nan
    without strata, or where a group has fewer than two values.
    Source: Satterthwaite (1946), Biometrics Bulletin 2:110-114, for the freedom of a sum of
    variances.
    """
    if len(weights) != len(strata):
        raise ValueError(f"{len(weights)} weights for {len(strata)} strata")
    if not strata or any(group.n < 2 for pair in strata for group in pair):
        return UNKNOWN
    pairs = list(zip(weights, strata, strict=True))
    difference = sum(w * (treated.mean - control.mean) for w, (treated, control) in pairs)
    parts = [(w * w * group.mean_variance, group.n - 1) for w, pair in pairs for group in pair]
    variance = sum(part for part, _ in parts)
    if variance == 0:  # nobody differs from anybody: no spread is not a proof of none
        return Interval(difference, math.nan, math.nan)
    freedom = variance**2 / sum(part**2 / df for part, df in parts)
    half = float(student.isf((1 - level) / 2, freedom)) * math.sqrt(variance)
    return Interval(difference, difference - half, difference + half)


def relative_lift(treated: Moments, control: Moments, *, level: float = 0.95) -> Interval:
    """(treated mean - control mean) / control mean with its limits, as a share: 0.1 is 10 %.

    Unknown unless the control mean is above 0 with its own limits: a ratio to what may be nothing
    may be anything.
    Source: Fieller (1954), JRSS B 16:175-185, for independent means, normal quantiles.
    """
    if treated.n < 2 or control.n < 2 or control.mean <= 0:
        return UNKNOWN
    z = float(norm.isf((1 - level) / 2))
    g = z**2 * control.mean_variance / control.mean**2
    if g >= 1:
        return UNKNOWN
    ratio = treated.mean / control.mean
    spread = math.sqrt(treated.mean_variance * (1 - g) + ratio**2 * control.mean_variance)
    half = z * spread / control.mean
    return Interval(ratio - 1, (ratio - half) / (1 - g) - 1, (ratio + half) / (1 - g) - 1)

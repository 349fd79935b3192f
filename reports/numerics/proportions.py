"""Response rates and their differences."""

import math
from dataclasses import dataclass

from scipy.stats import norm

from reports.numerics.intervals import UNKNOWN, Interval


@dataclass(frozen=True)
class Proportion:
    """Responses out of contacts. Adds up across days, segments and channels."""

    n: int
    responses: int

    def __post_init__(self) -> None:
        if not 0 <= self.responses <= self.n:
            raise ValueError(f"{self.responses} responses out of {self.n} contacts")

    def __add__(self, other: "Proportion") -> "Proportion":
        return Proportion(self.n + other.n, self.responses + other.responses)

    @property
    def rate(self) -> float:
        return self.responses / self.n if self.n else math.nan  # unknown is not zero

    def wilson(self, level: float = 0.95) -> tuple[float, float]:
        """Score interval of the rate, as (low, high) in [0, 1]; nan without contacts.

        Source: Wilson (1927), JASA 22:209-212.
        """
        if self.n == 0:
            return math.nan, math.nan
        z2 = norm.isf((1 - level) / 2) ** 2
        centre = (self.responses + z2 / 2) / (self.n + z2)
        half = math.sqrt(z2 * (self.responses * (1 - self.rate) + z2 / 4)) / (self.n + z2)
        # At 0 and at n responses the limit is exact; rounding must not push it past the rate.
        return min(self.rate, max(0.0, centre - half)), max(self.rate, min(1.0, centre + half))


def uplift_interval(treated: Proportion, control: Proportion, *, level: float = 0.95) -> Interval:
    """The difference in response rate with its limits, in [-1, 1]; nan if a group is empty.

    Source: Newcombe (1998), Statistics in Medicine 17:873-890, method 10.
    """
    if treated.n == 0 or control.n == 0:
        return UNKNOWN
    difference = treated.rate - control.rate
    t_low, t_high = treated.wilson(level)
    c_low, c_high = control.wilson(level)
    below = math.hypot(treated.rate - t_low, c_high - control.rate)
    above = math.hypot(t_high - treated.rate, control.rate - c_low)
    return Interval(difference, difference - below, difference + above)


def pooled_variance(treated: Proportion, control: Proportion) -> float:
    """Variance of the difference of the rates if there is no difference; nan if a group is empty.

    The rate is that of both groups together: with a handful of responses in the smaller group a
    variance per group collapses, and tests built on it raise false alarms by the dozen.
    """
    if treated.n == 0 or control.n == 0:
        return math.nan
    rate = (treated + control).rate
    return rate * (1 - rate) * (1 / treated.n + 1 / control.n)

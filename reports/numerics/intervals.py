"""An estimate with what it may as well be, and how estimates of strata are put together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence limits, in the unit of the estimate; nan where unknown."""

    estimate: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def times(self, factor: float) -> "Interval":
        """The same in another unit; factor is 0 or more."""
        return Interval(self.estimate * factor, self.low * factor, self.high * factor)


UNKNOWN = Interval(NAN, NAN, NAN)


def combine(weights: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """The weighted sum of independent estimates, with limits recovered from theirs.

    weights : as many as intervals, 0 or more; for a mean over strata they add up to 1.
    Of one interval with weight 1 it is that interval. nan where there is none.
    Source: Zou & Donner (2008), Statistics in Medicine 27:1693-1702, the method of variance
    estimates recovery (MOVER).
    """
    if len(weights) != len(intervals):
        raise ValueError(f"{len(weights)} weights for {len(intervals)} intervals")
    if not intervals:
        return UNKNOWN
    pairs = list(zip(weights, intervals, strict=True))
    estimate = sum(w * i.estimate for w, i in pairs)
    below = math.sqrt(sum((w * (i.estimate - i.low)) ** 2 for w, i in pairs))
    above = math.sqrt(sum((w * (i.high - i.estimate)) ** 2 for w, i in pairs))
    return Interval(estimate, estimate - below, estimate + above)

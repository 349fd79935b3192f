"""Which effects may be called real although the report is looked at every day."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reports.numerics.intervals import Interval

LEVEL = 0.05
TUNING = 5_000.0  # contacts at which the sequential test is sharpest; fixed for every experiment


def always_valid_p(
    difference: float, variance: float, n: float, *, tuning: float = TUNING
) -> float:
    """A p-value that keeps its promise however often it is looked at, in (0, 1].

    difference : of two means; variance : of that difference; n : contacts behind it, all groups.
    1 where the variance is unknown or 0. It inverts the asymptotic confidence sequence of
    Waudby-Smith et al. (2024), Annals of Statistics 52:2613-2640, theorem 2.2, at a tuning that
    does not depend on the data: the sequential interval that GrowthBook's reports use.
    """
    if not (math.isfinite(difference) and math.isfinite(variance)) or variance <= 0:
        return 1.0
    growth = _growth(n, tuning)
    log_p = 0.5 * math.log1p(growth) - difference**2 / variance * growth / (2 * (growth + 1))
    return math.exp(min(log_p, 0.0))


def always_valid_interval(
    difference: float, variance: float, n: float, *, tuning: float = TUNING
) -> Interval:
    """The differences that `always_valid_p` does not refute: an interval for every look.

    variance is above 0, n, too. Source: as there.
    """
    growth = _growth(n, tuning)
    spread = 2 * (growth + 1) / growth * (0.5 * math.log1p(growth) - math.log(LEVEL))
    half = math.sqrt(variance * spread)
    return Interval(difference, difference - half, difference + half)


def _growth(n: float, tuning: float) -> float:
    """n rho^2, with the rho that is best at n = tuning."""
    return n * (-2 * math.log(LEVEL) + math.log(-2 * math.log(LEVEL) + 1)) / tuning


def discoveries(p_values: Sequence[float], *, level: float = LEVEL) -> NDArray[np.bool_]:
    """Which of several effects to flag so that of the flagged a share `level` at most is false.

    If no effect is real, some flag is raised in `level` of reports at most. p-values of campaigns
    and segments of independent or positively dependent contacts.
    Source: Benjamini & Hochberg (1995), JRSS B 57:289-300, their procedure (1).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.size == 0:
        return np.zeros(0, dtype=bool)
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= level * np.arange(1, p.size + 1) / p.size)
    flagged = np.zeros(p.size, dtype=bool)
    if passed.size:
        flagged[order[: passed[-1] + 1]] = True
    return flagged

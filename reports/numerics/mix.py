"""Whether one action of a mix is better than another, from contacts drawn with known shares."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from reports.numerics.flags import (
    LEVEL,
    always_valid_interval,
    always_valid_p,
    discoveries,
)
from reports.numerics.intervals import UNKNOWN, Interval

SETTLED_SHARE = 0.9  # share of the leading action from which a mix may be called settled
MUCH_EVIDENCE = 10  # times the minimum after which "no difference proven" is a finding
TUNING = 1_000.0  # contacts of an even split: about where a mix that is decided leaves it
GRID = 2_000  # points that the probability of being best is integrated on


class State(Enum):
    """How far the mix of a campaign's actions has come."""

    SINGLE = "single"  # there is one action: nothing to mix
    FIXED = "fixed"  # set by hand
    NO_CONTROL = "no_control"  # nothing can be learned
    TEST = "test"  # even shares, below minimum evidence
    BORROWING = "borrowing"  # a micro-segment that moves on what the others taught
    SHIFTING = "shifting"
    NO_DIFFERENCE = "no_difference"  # shifting, and much evidence proves nothing
    SETTLED = "settled"


@dataclass(frozen=True)
class PairSums:
    """Sums over the test contacts that had one of two actions, first or second. They add up.

    Of a contact let q be the probability that of the two it had the first, h = q (1 - q), and
    g = t - q with t = 1 if it had the first, else 0; y its value in cents. So E[g | q] = 0 and
    E[g^2 | q] = h.
    """

    n_first: float = 0.0
    n_second: float = 0.0
    h: float = 0.0
    hy: float = 0.0
    g: float = 0.0
    gy: float = 0.0
    g2: float = 0.0
    g2y: float = 0.0
    g2y2: float = 0.0

    @classmethod
    def of(cls, first: ArrayLike, q: ArrayLike, y: ArrayLike) -> "PairSums":
        """first : (n,) bool. q : (n,) in (0, 1). y : (n,)."""
        t, y = np.asarray(first, dtype=bool), np.asarray(y, dtype=np.float64)
        q = np.asarray(q, dtype=np.float64)
        g, h = t - q, q * (1 - q)
        return cls(
            n_first=float(t.sum()),
            n_second=float((~t).sum()),
            h=float(h.sum()),
            hy=float((h * y).sum()),
            g=float(g.sum()),
            gy=float((g * y).sum()),
            g2=float((g**2).sum()),
            g2y=float((g**2 * y).sum()),
            g2y2=float((g**2 * y**2).sum()),
        )

    def __add__(self, other: "PairSums") -> "PairSums":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return PairSums(*(ours + theirs for ours, theirs in pairs))

    def turned(self) -> "PairSums":
        """The same contacts with the second action first."""
        return replace(self, n_first=self.n_second, n_second=self.n_first, g=-self.g, gy=-self.gy)

    @property
    def n_effective(self) -> float:
        """Contacts of an even split that would tell as much: 4 sum h, at most their number."""
        return 4 * self.h

    def difference(self) -> tuple[float, float]:
        """What the first action brings more than the second, in cents, and its variance.

        With m = sum h y / sum h, delta = sum g (y - m) / sum h: what is left of the regression
        of y on t once the known q has been taken off. Unbiased whatever y depends on and
        whomever the mix preferred for which action: neither h nor, of actions that do the same,
        m depends on the draw. Its variance is sum g^2 (y - m)^2 / (sum h)^2. nan where either
        action has no contact.
        Source: Robinson (1988), Econometrica 56:931-954, with a known propensity; the weights h of
        the customers are the overlap weights of Li, Morgan & Zaslavsky (2018), JASA 113:390-400.
        """
        if min(self.n_first, self.n_second, self.h) <= 0:
            return math.nan, math.nan
        m = self.hy / self.h
        delta = (self.gy - m * self.g) / self.h
        spread = max(self.g2y2 - 2 * m * self.g2y + m**2 * self.g2, 0.0)
        return delta, spread / self.h**2

    def p_value(self, *, advantage_cents: float = 0.0) -> float:
        """Of "the first is no better than the second", however often it is looked at, in (0, 1].

        advantage_cents : what a contact by the first costs more. Two-sided; 1 where the second
        is ahead.
        """
        delta, variance = self.difference()
        ahead = delta - advantage_cents
        return (
            always_valid_p(ahead, variance, self.n_effective, tuning=TUNING) if ahead > 0 else 1.0
        )

    def interval(self, *, advantage_cents: float = 0.0) -> Interval:
        """The difference less the costs, with limits that hold however often one looks."""
        delta, variance = self.difference()
        if not (math.isfinite(variance) and variance > 0):
            return UNKNOWN
        ahead = delta - advantage_cents
        return always_valid_interval(ahead, variance, self.n_effective, tuning=TUNING)


def lead_p_value(p_values: Sequence[float]) -> float:
    """Of "the leading action is better than every other", from one p-value against each.

    The leader is picked by looking at all, which is paid for: all k actions being equal, the
    chance that any one of them is ever called better than all others is at most the level.
    1 where there is no other action.
    """
    k = len(p_values) + 1
    return min(1.0, max(p_values) * k / 2) if p_values else 1.0


def prob_best(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(each of k values is the largest), taken as independent normal: (k,), adding up to 1.

    mean, sd : (k,), sd zero or more. Equal values known for certain share.
    Raises ValueError on shapes that differ, unknown values or a negative s.d.
    """
    if mean.ndim != 1 or mean.shape != sd.shape or not len(mean):
        raise ValueError(f"shapes do not fit: means {mean.shape}, s.d. {sd.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(sd).all() and (sd >= 0).all()):
        raise ValueError("every mean and s.d. must be a finite number, no s.d. below 0")
    scale = max(float(np.abs(mean).max()), float(sd.max()), 1e-12)
    sd = np.maximum(sd, 1e-9 * scale)  # certainty, to within rounding
    points = ndtri((np.arange(GRID) + 0.5) / GRID)
    probability = np.empty(len(mean))
    for k in range(len(mean)):
        values = mean[k] + sd[k] * points
        below = ndtr((values[:, None] - mean) / sd)
        probability[k] = np.delete(below, k, axis=1).prod(axis=1).mean()
    return probability / probability.sum()


def mix_state(
    *,
    leader_share: float,
    is_proven: bool,
    own_evidence: float,
    overall_evidence: float,
) -> State:
    """The state of a mix that learns.

    leader_share : of the action with the largest share, lately. is_proven : it is better than
    every other. own_evidence, overall_evidence : what the action that is least known has, as a
    multiple of the minimum, in this micro-segment and over all; for the total they are one.

    Settled is a claim about the world, so it takes proof from the log, and that the mix
    followed. A posterior probability of being best above .95, or shares at the floor, do not do:
    of equal actions one passes such a mark sooner or later in a third of campaigns and more.
    """
    if overall_evidence < 1:
        return State.TEST
    if own_evidence < 1:
        return State.BORROWING
    if is_proven and leader_share >= SETTLED_SHARE:
        return State.SETTLED
    if own_evidence >= MUCH_EVIDENCE and not is_proven:
        return State.NO_DIFFERENCE
    return State.SHIFTING


def proven(total: float, micro_segments: Sequence[float], *, level: float = LEVEL) -> list[bool]:
    """Which leads are proven: the total's, then those of micro-segments, in their order.

    total, micro_segments : p-values of leads, always valid. Half of the level is the total's,
    half the micro-segments' together, so that in a campaign of equal actions nothing at all is
    ever called proven with a probability of 1 - level.
    """
    return [total <= level / 2, *discoveries(micro_segments, level=level / 2).tolist()]

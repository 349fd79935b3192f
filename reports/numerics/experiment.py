"""Test against control: what was counted, and what a message changed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scipy.stats import norm

from reports.numerics.flags import always_valid_p
from reports.numerics.intervals import UNKNOWN, Interval, combine
from reports.numerics.means import Moments, stratified_welch
from reports.numerics.proportions import Proportion, pooled_variance, uplift_interval
from reports.numerics.sample_ratio import SampleRatio, sample_ratio

DETECTABLE = float(norm.isf(0.025) + norm.isf(0.2))  # standard errors


@dataclass(frozen=True)
class Group:
    """Contacts of one kind, test or control, by intention to treat. Adds up."""

    n: int = 0  # whose window has closed and was measured
    n_open: int = 0
    n_contaminated: int = 0  # of all: got another campaign's message within the window
    responders: int = 0
    margin: Moments = field(default_factory=Moments)  # cents per measured contact
    value: Moments = field(default_factory=Moments)  # cents per measured contact
    cost_cents: float = 0.0  # of measured contacts whose message left
    n_unsent: int = 0  # of all: reserved, but the message never left
    n_events: int = 0  # conversions of measured contacts, several of one customer among them
    n_late: int = 0  # of these, came after the window had been measured

    def __add__(self, other: "Group") -> "Group":
        return Group(
            self.n + other.n,
            self.n_open + other.n_open,
            self.n_contaminated + other.n_contaminated,
            self.responders + other.responders,
            self.margin + other.margin,
            self.value + other.value,
            self.cost_cents + other.cost_cents,
            self.n_unsent + other.n_unsent,
            self.n_events + other.n_events,
            self.n_late + other.n_late,
        )

    @property
    def n_all(self) -> int:
        return self.n + self.n_open

    @property
    def response(self) -> Proportion:
        return Proportion(self.n, self.responders)

    @property
    def unsent_share(self) -> float:
        return self.n_unsent / self.n_all if self.n_all else math.nan

    @property
    def late_share(self) -> float:
        return self.n_late / self.n_events if self.n_events else math.nan

    @property
    def contaminated_share(self) -> float:
        return self.n_contaminated / self.n_all if self.n_all else math.nan


@dataclass(frozen=True)
class Stratum:
    """Contacts that were split between test and control with one probability."""

    control_share: float
    test: Group
    control: Group

    @property
    def is_comparable(self) -> bool:
        """Two of each at least: below, no spread is known."""
        return self.test.n >= 2 and self.control.n >= 2


@dataclass(frozen=True)
class Experiment:
    """Strata of one campaign, action or segment; at most one stratum per control share.

    Where the share changed over time the groups' plain rates must not be compared: controls
    would be mostly of one season, tests of another. So each stratum is compared within itself
    and weighs as many contacts as it has, test and control together. A stratum too small to
    compare is left out of the comparison, which randomisation makes harmless.
    """

    strata: tuple[Stratum, ...]

    @property
    def test(self) -> Group:
        return sum((s.test for s in self.strata), start=Group())

    @property
    def control(self) -> Group:
        return sum((s.control for s in self.strata), start=Group())

    @property
    def compared(self) -> tuple[Stratum, ...]:
        return tuple(s for s in self.strata if s.is_comparable)

    @property
    def compared_test(self) -> Group:
        return sum((s.test for s in self.compared), start=Group())

    @property
    def compared_control(self) -> Group:
        return sum((s.control for s in self.compared), start=Group())

    @property
    def weights(self) -> list[float]:
        """Of the compared strata, adding up to 1."""
        sizes = [s.test.n + s.control.n for s in self.compared]
        return [size / sum(sizes) for size in sizes]

    def rate_uplift(self, *, level: float = 0.95) -> Interval:
        """Test rate less control rate: Newcombe's method 10 per stratum, MOVER over strata."""
        differences = [
            uplift_interval(s.test.response, s.control.response, level=level) for s in self.compared
        ]
        return combine(self.weights, differences)

    def money_uplift(self, money: str, *, level: float = 0.95) -> Interval:
        """Mean `margin` or `value` of test less that of control, in cents per contact: Welch."""
        pairs = [(getattr(s.test, money), getattr(s.control, money)) for s in self.compared]
        return stratified_welch(self.weights, pairs, level=level) if pairs else UNKNOWN

    def rates(self) -> tuple[float, float]:
        """Test and control rate over the same mix of strata; their difference is the uplift."""
        return self._means(lambda group: group.response.rate)

    def money_means(self, money: str) -> tuple[float, float]:
        return self._means(lambda group: getattr(group, money).mean)

    def rate_p_value(self) -> float:
        """Always-valid p-value of no difference in response rates, on pooled variances."""
        n = sum(s.test.n + s.control.n for s in self.compared)
        return always_valid_p(self.rate_uplift().estimate, self._pooled_variance(), n)

    def detectable_rate(self) -> float:
        """The smallest uplift in rate that a test of this size finds four times out of five.

        (1.960 + 0.842) standard errors: two-sided at 5 %, power 80 %, rates as now.
        """
        return DETECTABLE * math.sqrt(self._pooled_variance()) if self.compared else math.nan

    def split(self) -> SampleRatio:
        """All contacts, open windows too, against the shares they were split by."""
        split = [s for s in self.strata if 0 < s.control_share < 1]
        return sample_ratio(
            [[s.test.n_all, s.control.n_all] for s in split],
            [[1 - s.control_share, s.control_share] for s in split],
        )

    def _pooled_variance(self) -> float:
        pairs = list(zip(self.weights, self.compared, strict=True))
        return sum(w * w * pooled_variance(s.test.response, s.control.response) for w, s in pairs)

    def _means(self, mean: Callable[[Group], float]) -> tuple[float, float]:
        if not self.compared:
            return mean(self.test), mean(self.control)
        pairs = list(zip(self.weights, self.compared, strict=True))
        return sum(w * mean(s.test) for w, s in pairs), sum(w * mean(s.control) for w, s in pairs)


def merged(strata: Sequence[Stratum]) -> Experiment:
    """One experiment of strata of several segments or actions: equal shares are added up."""
    by_share: dict[float, Stratum] = {}
    for stratum in strata:
        other = by_share.get(stratum.control_share)
        by_share[stratum.control_share] = (
            Stratum(
                stratum.control_share, other.test + stratum.test, other.control + stratum.control
            )
            if other
            else stratum
        )
    return Experiment(tuple(by_share[share] for share in sorted(by_share)))

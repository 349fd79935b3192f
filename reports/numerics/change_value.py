"""What a change of the rules is worth per decision, from decisions made under the present rules.

Options are what was sent: 0 is nothing, which a withheld control message is too. Present and
changed rules give each option a known probability in each row, so w = changed / present of what
happened turns the log into one of the changed rules. Rows that the change does not touch have
w = 1 and take no part in the doubly robust difference.

Everything needed adds up over batches of whole customers, so memory does not grow with the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from reports.numerics.clustered import ClusteredSums, clustered_error
from reports.numerics.intervals import Interval
from reports.numerics.off_policy import MAX_UNSUPPORTED, MIN_EFFECTIVE, ThinOverlap

Floats = NDArray[np.float64]

FOLDS = 2  # the reward model of one half of the customers is learned on the other
RIDGE = 1.0  # imaginary decisions that know nothing, per column of the reward model
UNTOUCHED = 1e-12  # largest change of a probability that is none
ONE, REWARD, WEIGHT, WEIGHTED, TOUCHED_WEIGHT, ROBUST = range(6)
N_FIXED = 6  # columns of the sums before those that the reward model multiplies


@dataclass(frozen=True)
class LoggedDecisions:
    """n decisions of whole customers among nothing (option 0) and A messages."""

    customer: NDArray[np.int64]  # (n,)
    option: NDArray[np.int64]  # (n,) what was sent, in 0 … A
    present: Floats  # (n, 1 + A) P(sent) under the rules that were followed
    changed: Floats  # (n, 1 + A) P(sent) under the changed rules
    reward: Floats  # (n,) in cents, before the cost of the message
    cost: Floats  # (1 + A,) of a message, in cents; nothing costs nothing
    features: Floats  # (n, d) scaled, with a column of ones
    uplift: Floats  # (n, 1 + A) the engine's prediction, in cents; 0 for nothing

    def __post_init__(self) -> None:
        n, shape = len(self.customer), self.present.shape
        if not (len(self.option) == len(self.reward) == len(self.features) == shape[0] == n):
            raise ValueError("the columns of the log differ in length")
        if not self.changed.shape == self.uplift.shape == shape or self.cost.shape != shape[1:]:
            raise ValueError("the options of the log differ in number")
        for policy in (self.present, self.changed):
            if not ((policy > -UNTOUCHED).all() and np.allclose(policy.sum(axis=1), 1)):
                raise ValueError("probabilities are 0 or more and add up to 1 in each row")
        if not (self.present[np.arange(n), self.option] > 0).all():
            raise ValueError("something was sent that could not be sent")
        if not np.isfinite(self.reward).all():
            raise ValueError("every reward must be a finite number")


@dataclass(frozen=True)
class Overlap:
    """How much the log knows of what the changed rules would do where they differ."""

    n: int  # decisions
    n_customers: int
    n_touched: int  # decisions in which a probability changes
    moved: float  # decisions' worth of probability that moves from one option to another
    unsupported_share: float  # of what moves, to options that the present rules never take
    effective_n: float  # Kish's, over the customers touched

    @property
    def lacks_support(self) -> bool:
        return self.unsupported_share > MAX_UNSUPPORTED

    @property
    def lacks_evidence(self) -> bool:
        return self.n_touched > 0 and self.effective_n < MIN_EFFECTIVE


@dataclass(frozen=True)
class ChangeValue:
    """Cents per decision, costs of messages taken off."""

    present: Interval  # what the log earned
    ips: Interval  # the three differences: changed less present
    snips: Interval
    doubly_robust: Interval


@dataclass(frozen=True)
class ChangeEvidence:
    """What a log says of a change, as sums. Adds up over batches that share no customer."""

    halves: tuple[ClusteredSums, ...]  # FOLDS, by customer
    gram: Floats  # (FOLDS, p, p) normal equations of the reward model on each half
    moment: Floats  # (FOLDS, p)
    n_touched: int
    moved: float
    unsupported: float
    sent: Floats  # (2,) messages expected under the present and the changed rules

    @classmethod
    def of(
        cls, logs: Iterable[LoggedDecisions], customers: NDArray[np.int64]
    ) -> "ChangeEvidence | None":
        """All decisions of some customers, from logs that may differ in their messages.

        None where there is no decision.
        customers : (c,) ascending, all that may occur; (c, d + 8) sums of theirs are held.
        """
        totals, gram, moment = np.zeros((len(customers), 0)), np.zeros(0), np.zeros(0)
        n_touched, moved, unsupported, sent = 0, 0.0, 0.0, np.zeros(2)
        for log in logs:
            taken, rows = _terms(log)
            if not totals.size:
                p = taken.shape[1]
                totals = np.zeros((len(customers), rows.shape[1]))
                gram, moment = np.zeros((FOLDS, p, p)), np.zeros((FOLDS, p))
            np.add.at(totals, np.searchsorted(customers, log.customer), rows)
            for half in range(FOLDS):
                of_half = log.customer % FOLDS == half
                gram[half] += taken[of_half].T @ taken[of_half]
                moment[half] += taken[of_half].T @ log.reward[of_half]
            moves = log.changed - log.present
            touched = _touched(log)
            n_touched += int(touched.sum())
            moved += float(np.maximum(moves, 0)[touched].sum())
            unsupported += float((log.changed * (log.present <= UNTOUCHED))[touched].sum())
            sent += [(1 - log.present[:, 0]).sum(), (1 - log.changed[:, 0]).sum()]
        if not totals.size:
            return None
        seen = totals[:, ONE] > 0
        halves = [totals[seen & (customers % FOLDS == half)] for half in range(FOLDS)]
        return cls(
            tuple(map(ClusteredSums.of, halves)), gram, moment, n_touched, moved, unsupported, sent
        )

    def __add__(self, other: "ChangeEvidence") -> "ChangeEvidence":
        return ChangeEvidence(
            tuple(a + b for a, b in zip(self.halves, other.halves, strict=True)),
            self.gram + other.gram,
            self.moment + other.moment,
            self.n_touched + other.n_touched,
            self.moved + other.moved,
            self.unsupported + other.unsupported,
            self.sent + other.sent,
        )

    @cached_property
    def all(self) -> ClusteredSums:
        first, second = self.halves
        return first + second

    def overlap(self) -> Overlap:
        touched = _unit(TOUCHED_WEIGHT, len(self.all.total))
        squares = self.all.squares(touched)
        return Overlap(
            n=round(self.all.total[ONE]),
            n_customers=self.all.n_clusters,
            n_touched=self.n_touched,
            moved=self.moved,
            unsupported_share=self.unsupported / self.moved if self.moved else 0.0,
            effective_n=float(self.all.total[TOUCHED_WEIGHT]) ** 2 / squares if squares else 0.0,
        )

    def value(self, *, level: float = 0.95) -> ChangeValue:
        """The differences with limits, customers taken as independent.

        Raises ThinOverlap above MAX_UNSUPPORTED or below MIN_EFFECTIVE. A change that touches no
        decision is worth exactly nothing.
        Source: Swaminathan & Joachims (2015) for the self-normalised, Dudík, Langford & Li (2011)
        for the doubly robust value, its model learned on the other half of the customers
        (Chernozhukov et al. 2018, cross-fitting); the delta method for ratios of means.
        """
        overlap = self.overlap()
        if overlap.lacks_support:
            raise ThinOverlap(
                f"{overlap.unsupported_share:.0%} of what the change would do differently was "
                "never possible in the log"
            )
        if overlap.lacks_evidence:
            raise ThinOverlap(
                f"the log holds the equivalent of {overlap.effective_n:.0f} customers for this "
                f"change; {MIN_EFFECTIVE:.0f} are needed"
            )
        total, n = self.all.total, self.all.total[ONE]
        mean, raw = total[REWARD] / n, total[WEIGHTED] / n
        weighted = total[WEIGHTED] / total[WEIGHT]
        present = self._interval(mean, {REWARD: 1, ONE: -mean}, level)
        if not self.n_touched:
            nothing = Interval(0.0, 0.0, 0.0)
            return ChangeValue(present, nothing, nothing, nothing)
        ratio = n / total[WEIGHT]
        return ChangeValue(
            present=present,
            ips=self._interval(raw - mean, {WEIGHTED: 1, REWARD: -1, ONE: mean - raw}, level),
            snips=self._interval(
                weighted - mean,
                {WEIGHTED: ratio, WEIGHT: -ratio * weighted, REWARD: -1, ONE: mean},
                level,
            ),
            doubly_robust=self._doubly_robust(level),
        )

    def _interval(self, estimate: float, influence: dict[int, float], level: float) -> Interval:
        weights = np.zeros(len(self.all.total))
        weights[list(influence)] = list(influence.values())
        squares = self.all.squares(weights)
        return self._limits(estimate, squares, level)

    def _doubly_robust(self, level: float) -> Interval:
        """Each half valued with the reward model of the other."""
        p, n = self.gram.shape[1], self.all.total[ONE]
        weights = np.zeros((FOLDS, N_FIXED + p))
        for half in range(FOLDS):
            other = self.gram[1 - half] + RIDGE * np.eye(p)
            weights[half, N_FIXED:] = np.linalg.solve(other, self.moment[1 - half])
        weights[:, ROBUST] = 1
        pairs = list(zip(self.halves, weights, strict=True))
        estimate = float(sum(half.total @ w for half, w in pairs)) / n
        weights[:, ONE] = -estimate
        return self._limits(estimate, sum(half.squares(w) for half, w in pairs), level)

    def _limits(self, estimate: float, squares: float, level: float) -> Interval:
        error = clustered_error(squares, self.all.n_clusters, self.all.total[ONE])
        half = float(norm.isf((1 - level) / 2)) * error
        return Interval(float(estimate), float(estimate - half), float(estimate + half))


def _touched(log: LoggedDecisions) -> NDArray[np.bool_]:
    return np.abs(log.changed - log.present).max(axis=1) > UNTOUCHED


def _terms(log: LoggedDecisions) -> tuple[Floats, Floats]:
    """What the reward model sees of what was sent, (n, p); the columns to sum, (n, N_FIXED + p).

    The model's reward of option k is features + (k > 0) + uplift_k, each times a coefficient, so
    the doubly robust term of a row is linear in the coefficients and they can be learned last.
    """
    row = np.arange(len(log.customer))
    moves, touched = log.changed - log.present, _touched(log)
    ratio = log.changed[row, log.option] / log.present[row, log.option]
    weight = np.where(touched, ratio, 1.0)
    taken = np.column_stack([log.features, log.option > 0, log.uplift[row, log.option]])
    expected = np.column_stack(
        [np.zeros_like(log.features), -moves[:, 0], (moves * log.uplift).sum(axis=1)]
    )
    net = log.reward - log.cost[log.option]
    rows = np.column_stack(
        [
            np.ones(len(row)),
            net,
            weight,
            weight * net,
            weight * touched,
            (weight - 1) * log.reward - moves @ log.cost,
            expected - (weight - 1)[:, None] * taken,
        ]
    )
    return taken, rows


def _unit(index: int, length: int) -> Floats:
    unit = np.zeros(length)
    unit[index] = 1.0
    return unit

"""The search for a split of one micro-segment: many cuts, many looks, one error rate.

Each look adds a batch of contacts. Next to the true sums of scores are random ones, in which chance
gives out test and control anew: they show how far the largest of all statistics wanders where the
effect is the same on both sides of every cut, whatever the outcomes' tails. The level of a whole
year is spent over its looks, on all cuts at once.
"""

import io
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from segments.state.numerics.split_scores import (
    OTHERS,
    Cuts,
    SplitContacts,
    SplitSums,
    Stratum,
    group_of,
    propose_cuts,
    stratify,
)

Floats = NDArray[np.float64]

WEEKS = 52  # of a search, with a look in each
# P(a split within these weeks) where there is nothing to be found, by the random walks. With rare
# binary outcomes the true share is up to 1.8 times as large (measured: 29 of 400 segments at 0.04,
# 15 at 0.02), so that the 0.05 that are promised hold with room.
LEVEL = 0.02
SPENDING_POWER = 2.0  # share of the level spent by a share t of the weeks: t ** power
N_PATHS = 1000  # random walks compared with the true one
N_OWN_ACTIONS = 3  # actions tested on their own; the others are tested together
SMALLEST_ARM = 30  # contacts on each side and arm before a cut is looked at
ROWS = 2_000  # contacts of a stratum that chance is drawn for at once: 8 MB


@dataclass(frozen=True)
class Look:
    """What one look at a micro-segment said."""

    week: int  # 1 … WEEKS
    n_cuts: int  # looked at: those with enough contacts on both sides
    statistic: float  # largest of all, as a two-sided z; nan where no cut could be looked at
    critical: float  # what it had to exceed
    spent: float  # of the level, by now
    best: int  # number of the cut with the largest statistic; -1 where there is none
    is_found: bool


@dataclass(frozen=True)
class SplitSearch:
    """The state of a search; `look` returns the next one. Size: N_PATHS x groups x cuts."""

    cuts: Cuts
    actions: NDArray[np.int64]  # (K,) action of each group, OTHERS last
    week: int  # of the last look; 0 before the first
    sums: SplitSums  # (K, J)
    paths: NDArray[np.float32]  # (N_PATHS, 2, K, J) scores and variances of random walks
    crossed: NDArray[np.bool_]  # (N_PATHS,) walks that have exceeded the critical value

    @classmethod
    def start(cls, contacts: SplitContacts) -> Self:
        """A search with cuts and groups of actions that suit the first batch of contacts.

        Only features and numbers of contacts are used, no outcome.
        """
        cuts = propose_cuts(contacts.features)
        ids, n = np.unique(contacts.action_ids, return_counts=True)
        actions = np.append(np.sort(ids[np.argsort(-n, kind="stable")[:N_OWN_ACTIONS]]), OTHERS)
        shape = (len(actions), len(cuts))
        return cls(
            cuts,
            actions,
            0,
            SplitSums.empty(*shape),
            np.zeros((N_PATHS, 2, *shape), np.float32),
            np.zeros(N_PATHS, bool),
        )

    @property
    def is_over(self) -> bool:
        return self.week >= WEEKS

    def look(self, contacts: SplitContacts, *, week: int, seed: int) -> tuple["SplitSearch", Look]:
        """Add a batch and test, in a week from 1 to WEEKS that is later than that of the last look.

        A split may be made where the largest statistic exceeds what all but the level's share of
        the walks have kept below, at this look and every one before. Where less may be spent than
        one walk stands for, the bound is Bonferroni's, over the cuts and the level that is new.
        Raises ValueError on a week that has gone by, or when the level is spent.
        Sources: Westfall & Young (1993) for the maximum of many statistics under re-randomisation;
        Chung & Romano (2013) for studentising it, so that unequal spreads do no harm; Lan & DeMets
        (1983), Kim & DeMets (1987) for spending the level.
        """
        if not self.week < week <= WEEKS:
            raise ValueError(f"week {week} does not lie after {self.week}, up to {WEEKS}")
        rng = np.random.default_rng([seed, week])
        strata = stratify(self.cuts, contacts)
        sums = self.sums + SplitSums.of(strata, self.actions, len(self.cuts))
        paths = self.paths.copy()
        for stratum in strata:
            k = group_of(stratum.action_id, self.actions)
            paths[:, :, k] += _redrawn(stratum, rng)
        tested = _tested(sums)
        n_tests = int(tested.pooled.sum() + tested.apart.sum())
        statistics = tested.each(sums.score, sums.variance)
        spent = level_spent(week)
        critical, crossed = np.inf, self.crossed
        if n_tests:
            walks = tested.largest(paths[:, 0], paths[:, 1])
            n_may_cross = int(spent * (N_PATHS + 1)) - 1 - int(crossed.sum())
            if n_may_cross > 0:
                critical = float(np.sort(walks[~crossed])[-n_may_cross - 1])
            else:
                critical = float(-ndtri((spent - level_spent(self.week)) / n_tests / 2))
            crossed = crossed | (walks > critical)
        best = int(statistics.argmax()) if n_tests else -1
        look = Look(
            week=week,
            n_cuts=int(tested.pooled.sum()),
            statistic=float(statistics[best]) if n_tests else np.nan,
            critical=critical,
            spent=spent,
            best=best,
            is_found=bool(n_tests and statistics[best] > critical),
        )
        return replace(self, week=week, sums=sums, paths=paths, crossed=crossed), look

    def to_bytes(self) -> bytes:
        """An npz file without pickles."""
        file = io.BytesIO()
        parts = {
            f"{part}.{field.name}": getattr(getattr(self, part), field.name)
            for part, kind in (("cuts", Cuts), ("sums", SplitSums))
            for field in fields(kind)
        }
        arrays = {name: getattr(self, name) for name in ("actions", "week", "paths", "crossed")}
        np.savez(file, **arrays, **parts)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return cls(
                cuts=Cuts(**{field.name: stored[f"cuts.{field.name}"] for field in fields(Cuts)}),
                actions=stored["actions"],
                week=int(stored["week"]),
                sums=SplitSums(
                    **{field.name: stored[f"sums.{field.name}"] for field in fields(SplitSums)}
                ),
                paths=stored["paths"],
                crossed=stored["crossed"],
            )


def level_spent(week: int) -> float:
    """P(a split by this week of a search), where there is nothing to be found."""
    return LEVEL * (week / WEEKS) ** SPENDING_POWER


@dataclass(frozen=True)
class _Tested:
    """Which cuts and groups hold enough contacts for a normal approximation."""

    groups: NDArray[np.bool_]  # (K, J)
    pooled: NDArray[np.bool_]  # (J,)
    apart: NDArray[np.bool_]  # (J,) by two groups or more, each on its own

    def statistics(self, scores: NDArray, variance: NDArray) -> tuple[NDArray, NDArray]:
        """Two for each cut, as two-sided z: (..., J) each; 0 where none is tested.

        The one adds up over actions, and finds a difference of one sign; the other adds up squares
        and finds actions that work in opposite directions.
        scores, variance : (..., K, J).
        """
        tiny = np.finfo(np.float32).tiny  # in place of a variance of 0, whose score is 0
        total = np.sqrt(np.maximum(variance.sum(axis=-2), tiny))
        alike = np.abs(scores.sum(axis=-2)) / total * self.pooled
        square = scores**2 / np.maximum(variance, tiny) * (self.groups & self.apart)
        return alike, square.sum(axis=-2)

    def largest(self, scores: NDArray, variance: NDArray) -> Floats:
        """The largest statistic over all cuts: (...)."""
        alike, square = self.statistics(scores, variance)
        maximum = alike.max(axis=-1).astype(np.float64)
        n_groups = self.groups.sum(axis=0)
        for k in np.unique(n_groups[self.apart]):
            largest = square[..., self.apart & (n_groups == k)].max(axis=-1)
            maximum = np.maximum(maximum, _as_z(largest, k))
        return maximum

    def each(self, scores: Floats, variance: Floats) -> Floats:
        """The larger statistic of each cut: (..., J)."""
        alike, square = self.statistics(scores, variance)
        apart = _as_z(square, np.maximum(self.groups.sum(axis=0), 1))
        return np.maximum(alike, np.where(self.apart, apart, 0.0))


def _as_z(square: NDArray, degrees: NDArray) -> Floats:
    """The two-sided z that is as rare as a chi-square of so many degrees of freedom."""
    return -ndtri(chdtrc(degrees, square.astype(np.float64)) / 2)


def _tested(sums: SplitSums) -> _Tested:
    groups = sums.arms.min(axis=(2, 3)) >= SMALLEST_ARM
    pooled = sums.arms.sum(axis=0).min(axis=(1, 2)) >= SMALLEST_ARM
    return _Tested(groups, pooled, pooled & (groups.sum(axis=0) > 1))


def _redrawn(stratum: Stratum, rng: np.random.Generator) -> NDArray[np.float32]:
    """The stratum's score and variance, had chance given out its arms otherwise: (N_PATHS, 2, J).

    Each contact is in test with the share that was. Of e = t - mean(t) only t has to be drawn, as
    sum(e x) = sum(t x) - mean(t) sum(x), and e² takes two values.
    """
    n = len(stratum.treated)
    share = np.float32(stratum.treated.mean())
    pull = stratum.pull.astype(np.float32)
    both = np.concatenate([pull, pull**2], axis=1)
    drawn = np.zeros((N_PATHS, both.shape[1]), np.float32)  # sum(t x)
    n_test = np.zeros((N_PATHS, 1), np.float32)
    for start in range(0, n, ROWS):
        part = both[start : start + ROWS]
        t = (rng.random((N_PATHS, len(part)), np.float32) < share).astype(np.float32)
        drawn += t @ part
        n_test += t.sum(axis=1, keepdims=True)
    mean = n_test / n
    first, second = np.split(drawn, 2, axis=1)
    score = first - mean * pull.sum(axis=0)
    variance = mean**2 * (pull**2).sum(axis=0) + (1 - 2 * mean) * second
    return np.stack([score, np.maximum(variance, 0)], axis=1)

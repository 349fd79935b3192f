"""How much more a contact brings above a cut than below it: sums over contacts that add up."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUANTILES = (0.2, 0.4, 0.6, 0.8)  # of a feature, where cuts are tried
SMALLEST_SIDE = 0.1  # of the contacts, on either side of a cut
SMALLEST_STRATUM = 8  # contacts of one action in a batch; fewer say too little about their spread
RIDGE = 10.0  # contacts' worth of doubt about what features say of the baseline
OTHERS = 0  # stands for all actions without a group of their own
BORROWED = 20.0  # contacts' worth of the batch's spread in each stratum's


@dataclass(frozen=True)
class Cuts:
    """Cuts in two: above is value > threshold; what is unknown is not above."""

    feature: NDArray[np.int64]  # (J,) column of the features
    threshold: Floats  # (J,) in the feature's unit

    def __len__(self) -> int:
        return len(self.feature)

    def above(self, features: Floats) -> NDArray[np.bool_]:
        """features : (n, d), nan where unknown. Returns (n, J)."""
        return features[:, self.feature] > self.threshold

    def only(self, number: int) -> "Cuts":
        return Cuts(self.feature[[number]], self.threshold[[number]])


@dataclass(frozen=True)
class SplitContacts:
    """Contacts of one micro-segment whose outcome is measured: n of them."""

    features: Floats  # (n, d) as of the decision, nan where unknown
    action_ids: NDArray[np.int64]  # (n,)
    treated: NDArray[np.bool_]  # (n,) False: the control's withheld message
    control_share: Floats  # (n,) P(control | action), within (0, 1)
    value: Floats  # (n,) of the outcome, clipped where its tail is heavy

    def __post_init__(self) -> None:
        n = len(self.features)
        lengths = {len(self.action_ids), len(self.treated), len(self.control_share)}
        if self.features.ndim != 2 or lengths | {len(self.value)} != {n}:
            raise ValueError("features are a table, and every other column has one value a row")
        if not np.isfinite(self.value).all():
            raise ValueError("every value must be a finite number")

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class Stratum:
    """Contacts of one action and control share in a batch: test and control differ by chance."""

    action_id: int
    treated: NDArray[np.bool_]  # (m,)
    above: NDArray[np.bool_]  # (m, J)
    pull: Floats  # (m, J) what each would add to the score, were it in test rather than control
    information: Floats  # (J,) expected score per unit of difference between the sides

    def sums(self) -> tuple[Floats, Floats]:
        """Score and its variance: (J,) each."""
        e = self.treated - self.treated.mean()
        return e @ self.pull, e**2 @ self.pull**2

    def arms(self) -> NDArray[np.int64]:
        """Contacts below and above, in control and test: (J, 2, 2)."""
        n_above = np.stack([self.above[self.treated == arm].sum(axis=0) for arm in (0, 1)], axis=1)
        n_arms = np.array([(~self.treated).sum(), self.treated.sum()])
        return np.stack([n_arms - n_above, n_above], axis=1)


@dataclass(frozen=True)
class SplitSums:
    """Sums of scores per group of actions (K) and cut (J). Adds up over batches."""

    score: Floats  # (K, J)
    variance: Floats  # (K, J)
    information: Floats  # (K, J)
    arms: NDArray[np.int64]  # (K, J, 2, 2) below and above, control and test

    @classmethod
    def empty(cls, n_groups: int, n_cuts: int) -> Self:
        shape = (n_groups, n_cuts)
        score, variance, information = (np.zeros(shape) for _ in range(3))
        return cls(score, variance, information, np.zeros((*shape, 2, 2), np.int64))

    @classmethod
    def of(cls, strata: Sequence[Stratum], actions: NDArray[np.int64], n_cuts: int) -> Self:
        """actions : (K,) one a group; OTHERS is the group of those that have none."""
        sums = cls.empty(len(actions), n_cuts)
        for stratum in strata:
            k = group_of(stratum.action_id, actions)
            score, variance = stratum.sums()
            sums.score[k] += score
            sums.variance[k] += variance
            sums.information[k] += stratum.information
            sums.arms[k] += stratum.arms()
        return sums

    def __add__(self, other: "SplitSums") -> "SplitSums":
        return SplitSums(
            self.score + other.score,
            self.variance + other.variance,
            self.information + other.information,
            self.arms + other.arms,
        )

    def pooled(self) -> "SplitSums":
        """All actions as one group: (1, J)."""
        return SplitSums(
            self.score.sum(axis=0, keepdims=True),
            self.variance.sum(axis=0, keepdims=True),
            self.information.sum(axis=0, keepdims=True),
            self.arms.sum(axis=0, keepdims=True),
        )

    def difference(self) -> tuple[Floats, Floats]:
        """Effect above less effect below, per group and cut, in the value's unit, and its s.e.

        (K, J) each; nan where nothing is known.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            informed = np.where(self.information > 0, self.information, np.nan)
            return self.score / informed, np.sqrt(self.variance) / informed


def propose_cuts(features: Floats) -> Cuts:
    """Readable cuts at the quantiles of each feature. It sees no outcome, so it proves nothing.

    features : (n, d), nan where unknown. Thresholds are rounded to two digits; of those that
    divide the rows alike, or leave less than a tenth of them on a side, none is kept twice or at
    all.
    """
    columns, thresholds = [], []
    n = len(features)
    for column, values in enumerate(features.T):
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        seen = set()
        for threshold in np.quantile(known, QUANTILES, method="lower").tolist():
            readable = round_readable(threshold)
            n_above = int((known > readable).sum())
            if n_above in seen or min(n_above, n - n_above) < SMALLEST_SIDE * n:
                continue
            seen.add(n_above)
            columns.append(column)
            thresholds.append(readable)
    return Cuts(np.array(columns, np.int64), np.array(thresholds, np.float64))


def round_readable(value: float) -> float:
    """The number of two significant digits nearest to a value: 41.37 is 41, 12,345 is 12,000."""
    return float(f"{value:.1e}")


def group_of(action_id: int, actions: NDArray[np.int64]) -> int:
    """The place of an action among groups, that of OTHERS where it has none of its own."""
    groups = np.flatnonzero(actions == action_id)
    return int(groups[0] if len(groups) else np.flatnonzero(actions == OTHERS)[0])


def stratify(cuts: Cuts, contacts: SplitContacts) -> list[Stratum]:
    """How each contact of a batch speaks for a larger effect above each cut.

    In a stratum, with e = treated less the share of test, g = above the cut less the share above,
    r the outcome less the stratum's mean and what features say of the baseline, and s² the mean
    of r², the score is e g r / s². Given features and outcomes without a contact, e has
    expectation 0, so it has too where the effect is the same on both sides, however it differs
    between actions. Weights 1 / s² make the sum over actions the most precise one where the
    difference is the same for all. Nothing but e depends on who was in test.
    Strata of fewer than SMALLEST_STRATUM contacts, or of only one arm, are left out.
    Source: Robins & Rotnitzky (1995) for the centred score; Fisher (1935) for randomisation as
    the basis of inference.
    """
    parts = _strata(contacts)
    if not parts:
        return []
    above = cuts.above(contacts.features)
    used = np.concatenate(parts)
    r = np.zeros(len(contacts))
    for rows in parts:
        r[rows] = contacts.value[rows] - contacts.value[rows].mean()
    r[used] -= _baseline(contacts.features[used], r[used])
    overall = (r[used] ** 2).mean()
    if overall == 0:  # all outcomes are alike: nothing to be learned
        return []
    strata = []
    for rows in parts:
        g = above[rows] - above[rows].mean(axis=0)
        m = len(rows)
        weight = (m + BORROWED) / ((r[rows] ** 2).sum() + BORROWED * overall)
        share = contacts.treated[rows].mean()
        strata.append(
            Stratum(
                action_id=int(contacts.action_ids[rows[0]]),
                treated=contacts.treated[rows],
                above=above[rows],
                pull=weight * r[rows, None] * g,
                information=weight * share * (1 - share) * (g**2).sum(axis=0),
            )
        )
    return strata


def _strata(contacts: SplitContacts) -> list[NDArray[np.intp]]:
    """Rows of each action and control share that can be compared."""
    if not len(contacts):
        return []
    keys = np.column_stack([contacts.action_ids, contacts.control_share])
    _unique, stratum = np.unique(keys, axis=0, return_inverse=True)
    stratum = stratum.ravel()
    parts = np.split(np.argsort(stratum, kind="stable"), np.cumsum(np.bincount(stratum))[:-1])
    n_test = [contacts.treated[rows].sum() for rows in parts]
    return [
        rows
        for rows, n in zip(parts, n_test, strict=True)
        if len(rows) >= SMALLEST_STRATUM and 0 < n < len(rows)
    ]


def _baseline(features: Floats, residual: Floats) -> Floats:
    """What features say of the residual: ridge on their signed logs. It sees no assignment."""
    logs = np.sign(features) * np.log1p(np.abs(features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column may be unknown throughout
        scaled = (logs - np.nanmean(logs, axis=0)) / np.nanstd(logs, axis=0)
    X = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0), -3, 3)
    gram = X.T @ X + RIDGE * np.eye(X.shape[1])
    return X @ np.linalg.solve(gram, X.T @ residual)

"""What another policy would have been worth, from a log with known probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from reports.numerics.intervals import Interval

MIN_EFFECTIVE = 50.0  # contacts' worth of evidence below which no value is given
MAX_UNSUPPORTED = 0.01  # of the policy's choices may fall on what the log could never show

Floats = NDArray[np.float64]


class ThinOverlap(ValueError):
    """The log says too little about what the policy would do."""


@dataclass(frozen=True)
class Log:
    """n logged choices among K options, randomised with known probabilities."""

    chosen: NDArray[np.int64]  # (n,) in 0 … K-1
    propensity: Floats  # (n,) P(the chosen option was chosen), in (0, 1]
    reward: Floats  # (n,) in the unit of the values below
    support: NDArray[np.bool_]  # (n, K) options that could have been chosen

    def __post_init__(self) -> None:
        n = len(self.chosen)
        if not (self.propensity.shape == self.reward.shape == (n,) == self.support.shape[:1]):
            raise ValueError("the columns of the log differ in length")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise ValueError("a logged probability lies in (0, 1]")
        if not np.isfinite(self.reward).all():
            raise ValueError("every reward must be a finite number")
        if n and not self.support[np.arange(n), self.chosen].all():
            raise ValueError("an option was chosen that could not be chosen")

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, index: NDArray[np.intp]) -> "Log":
        return Log(
            self.chosen[index], self.propensity[index], self.reward[index], self.support[index]
        )


@dataclass(frozen=True)
class PolicyValue:
    """Reward per customer under a policy; how much of the log bears on it."""

    value: float
    standard_error: float
    effective_n: float  # Kish's: (sum w)^2 / sum w^2
    unsupported_share: float  # of the policy's choices, on options the log could not choose

    def interval(self, *, level: float = 0.95) -> Interval:
        half = float(norm.isf((1 - level) / 2)) * self.standard_error
        return Interval(self.value, self.value - half, self.value + half)


def ips(log: Log, policy: ArrayLike) -> PolicyValue:
    """Inverse propensity score: unbiased, of high variance.

    policy : (n, K) P(the policy chooses k | row), rows adding up to 1.
    Raises ThinOverlap below MIN_EFFECTIVE or above MAX_UNSUPPORTED.
    Source: Horvitz & Thompson (1952), JASA 47:663-685.
    """
    weights, n_effective, unsupported = _weights(log, policy)
    terms = weights * log.reward
    return PolicyValue(terms.mean(), _standard_error(terms), n_effective, unsupported)


def self_normalised_ips(log: Log, policy: ArrayLike) -> PolicyValue:
    """Inverse propensity score over the sum of its weights: a little biased, far steadier.

    Standard error by the delta method. Arguments and errors as of `ips`.
    Source: Swaminathan & Joachims (2015), The self-normalized estimator for
    counterfactual learning; Owen (2013), Monte Carlo theory, section 9.2, for the error.
    """
    weights, n_effective, unsupported = _weights(log, policy)
    value = weights @ log.reward / weights.sum()
    error = math.sqrt(((weights * (log.reward - value)) ** 2).sum()) / weights.sum()
    return PolicyValue(float(value), error, n_effective, unsupported)


def doubly_robust(log: Log, policy: ArrayLike, predicted: ArrayLike) -> PolicyValue:
    """A reward model's value, corrected by the weighted errors it makes on the log.

    predicted : (n, K) expected reward of each option, from a model learned on other rows. With
    known probabilities the value is unbiased whatever the model; a good model narrows it.
    Other arguments and errors as of `ips`.
    Source: Dudík, Langford & Li (2011), Doubly robust policy evaluation and learning.
    """
    q = np.asarray(predicted, dtype=np.float64)
    _, n_effective, unsupported = _weights(log, policy)
    if q.shape != log.support.shape or not np.isfinite(q).all():
        raise ValueError(f"predictions must be finite and of shape {log.support.shape}")
    terms = doubly_robust_terms(log, policy, q)
    return PolicyValue(float(terms.mean()), _standard_error(terms), n_effective, unsupported)


def doubly_robust_terms(log: Log, policy: ArrayLike, predicted: Floats) -> Floats:
    """(n,) what each row says about the value; their mean is the estimate. Two policies on one
    log are compared by the differences of their terms."""
    pi = np.asarray(policy, dtype=np.float64)
    row = np.arange(len(log))
    weights = pi[row, log.chosen] / log.propensity
    return (pi * predicted).sum(axis=1) + weights * (log.reward - predicted[row, log.chosen])


def over_splits(
    estimates: Sequence[float], *, test_to_train: float, level: float = 0.95
) -> Interval:
    """The mean over J random splits into training and test rows, with corrected limits.

    J - 1 degrees of freedom; nan limits for J < 2. See `error_over_splits`.
    """
    mean, j = float(np.mean(estimates)), len(estimates)
    if j < 2:
        return Interval(mean, math.nan, math.nan)
    error = error_over_splits(estimates, test_to_train=test_to_train)
    half = float(student.isf((1 - level) / 2, j - 1)) * error
    return Interval(mean, mean - half, mean + half)


def error_over_splits(estimates: Sequence[float], *, test_to_train: float) -> float:
    """Standard error of the mean over J random splits into training and test rows.

    The splits share rows, so the plain standard error over them is far too small; the corrected
    one is sqrt((1/J + n_test/n_train) S^2). nan for J < 2.
    Source: Nadeau & Bengio (2003), Machine Learning 52:239-281 (corrected resampled t).
    """
    j = len(estimates)
    if j < 2:
        return math.nan
    return math.sqrt((1 / j + test_to_train) * float(np.var(estimates, ddof=1)))


def _weights(log: Log, policy: ArrayLike) -> tuple[Floats, float, float]:
    pi = np.asarray(policy, dtype=np.float64)
    if pi.shape != log.support.shape:
        raise ValueError(f"the policy is {pi.shape}, the log {log.support.shape}")
    if not ((pi >= 0).all() and np.allclose(pi.sum(axis=1), 1)):
        raise ValueError("a policy's probabilities are 0 or more and add up to 1 in each row")
    if not len(log):
        raise ThinOverlap("the log is empty")
    unsupported = float((pi * ~log.support).sum() / len(log))
    weights = pi[np.arange(len(log)), log.chosen] / log.propensity
    total = float((weights**2).sum())
    n_effective = float(weights.sum()) ** 2 / total if total else 0.0
    if unsupported > MAX_UNSUPPORTED:
        raise ThinOverlap(
            f"{unsupported:.0%} of the policy's choices are options that the log could not choose"
        )
    if n_effective < MIN_EFFECTIVE:
        raise ThinOverlap(
            f"the log holds the equivalent of {n_effective:.0f} messages for this policy; "
            f"{MIN_EFFECTIVE:.0f} are needed"
        )
    return weights, n_effective, unsupported


def _standard_error(terms: Floats) -> float:
    return float(terms.std(ddof=1)) / math.sqrt(len(terms))

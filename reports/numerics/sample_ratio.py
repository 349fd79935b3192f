"""Whether customers were split as the plan said: a broken split makes every comparison void."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import chi2

Floats = NDArray[np.float64]

ALARM = 100.0  # evidence against the split; at most 1 in 100 sound experiments ever gets there
WARNING_P = 0.01
CONCENTRATION = 1_000.0  # imaginary customers the prior of a broken split is worth


@dataclass(frozen=True)
class SampleRatio:
    """Counts against shares. `evidence` may be looked at any day, `p_value` once."""

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float  # nan where nothing was split
    log_evidence: float

    @property
    def evidence(self) -> float:
        """How many times more likely the counts are under a broken split, on a prior over them."""
        return math.exp(min(self.log_evidence, 700.0))

    @property
    def is_alarm(self) -> bool:
        return self.log_evidence >= math.log(ALARM)

    @property
    def is_warning(self) -> bool:
        return not self.is_alarm and self.p_value < WARNING_P


def sample_ratio(counts: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> SampleRatio:
    """Checks groups that were split at random, by shares that may have changed over time.

    counts : (S, K) customers per stratum of one plan and group. shares : (S, K) above 0, rows
    adding up to 1. A stratum whose share of some group is 0 splits nothing and must be left out.

    The p-value is Pearson's, of the totals over strata against their expected sums and their
    covariance (for one stratum, the textbook test). The evidence is the Dirichlet-multinomial
    Bayes factor, a product over strata: a martingale while the split is sound, so that looking
    every day costs nothing. Raises ValueError on shapes, negative counts, shares out of range.

    Source: Lindon & Malek (2020), Anytime-valid inference for multinomial count data,
    with the prior centred on the planned shares.
    """
    n = np.asarray(counts, dtype=np.float64)
    p = np.asarray(shares, dtype=np.float64)
    if n.size == 0:
        return SampleRatio((), (), math.nan, 0.0)
    if n.ndim != 2 or n.shape != p.shape or n.shape[1] < 2:
        raise ValueError(f"shapes do not fit: counts {n.shape}, shares {p.shape}")
    if (n < 0).any() or (p <= 0).any() or not np.allclose(p.sum(axis=1), 1):
        raise ValueError("counts are 0 or more; shares are above 0 and add up to 1")
    totals = n.sum(axis=1, keepdims=True)
    observed, expected = n.sum(axis=0), (totals * p).sum(axis=0)
    return SampleRatio(
        tuple(int(count) for count in observed),
        tuple(float(count) for count in expected),
        _pearson_p(observed, expected, totals, p),
        float(_log_bayes_factor(n, p).sum()),
    )


def _pearson_p(observed: Floats, expected: Floats, totals: Floats, p: Floats) -> float:
    if totals.sum() == 0:
        return math.nan
    # Covariance of all groups but the last, which the others determine.
    covariance = np.diag((totals * p).sum(axis=0)) - (totals * p).T @ p
    deviation = (observed - expected)[:-1]
    statistic = deviation @ np.linalg.solve(covariance[:-1, :-1], deviation)
    return float(chi2.sf(statistic, len(deviation)))


def _log_bayes_factor(n: Floats, p: Floats) -> Floats:
    prior = CONCENTRATION * p
    return (
        gammaln(CONCENTRATION)
        - gammaln(CONCENTRATION + n.sum(axis=1))
        + (gammaln(prior + n) - gammaln(prior) - xlogy(n, p)).sum(axis=1)
    )

"""Linear regressions that share a prior which is estimated from all of them.

Regression a = 1 … A has coefficients phi_a ~ N(m, Sigma); its data enter through sums only. m is
itself N(0, T) and integrated out, so what is not known about it widens every posterior. Sigma,
and the part of T that groups have in common, maximise the marginal likelihood.

Coefficients come in families, whose members are of about one size. Those of groups (a micro-segment
each) are exchangeable: the members of a family share one variance, within a regression and over
them, and so do their means. A group's effect is then its mean over regressions, plus a cell of
its own: mu + action + segment + cell. Those of features have a variance each, shrunk to that
of the family, and may be correlated over regressions.

Sources: Lindley & Smith (1972), Bayes estimates for the linear model; Efron & Morris (1973) for
shrinkage by estimated variances; MacKay (1992), Bayesian interpolation, equation 4.5, for the
steps; Schäfer & Strimmer (2005) for shrinking covariances towards their diagonal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

PSEUDO_REGRESSIONS = 1.0  # weight of the default spread against that of a family's data
FAMILY_REGRESSIONS = 4.0  # weight of the family's spread against a feature's own


@dataclass(frozen=True)
class Evidence:
    """A regressions with p coefficients; noise divided out."""

    precision: Floats  # (A, p, p) sum of x x' / sigma^2
    information: Floats  # (A, p) sum of x y / sigma^2


@dataclass(frozen=True)
class Defaults:
    """What is believed before any data: standard deviations, (p,) each, and who is like whom."""

    mean_sd: Floats  # of the common mean, around 0
    spread_sd: Floats  # of a regression around the common mean
    family: Integers  # (p,) numbered from 0
    is_group: NDArray[np.bool_]  # (p,) effects of groups; else of features

    def prior(self) -> "Prior":
        p = len(self.mean_sd)
        return Prior(np.zeros(p), np.zeros((p, p)), np.diag(self.spread_sd**2), self.mean_sd**2)

    @property
    def families(self) -> list[NDArray[np.intp]]:
        """The members of each."""
        return [np.flatnonzero(self.family == number) for number in np.unique(self.family)]


@dataclass(frozen=True)
class Prior:
    """Where the coefficients of any regression, one not seen yet included, are expected."""

    mean: Floats  # (p,)
    mean_cov: Floats  # (p, p) what is not known about the mean
    cov: Floats  # (p, p) how regressions differ
    mean_variance: Floats  # (p,) of the mean before any data: the diagonal of T


@dataclass(frozen=True)
class Posterior:
    """Coefficients given all data. cov = own_cov + weight mean_cov weight'."""

    mean: Floats  # (A, p)
    cov: Floats  # (A, p, p), what is not known about the common mean included
    own_cov: Floats  # (A, p, p) given the common mean: independent between regressions
    weight: Floats  # (A, p, p) how much a regression leans on the common mean


def fit(evidence: Evidence, defaults: Defaults, prior: Prior) -> tuple[Prior, Posterior]:
    """The next prior, and the posterior under the present one, its mean now known.

    The spread is a posterior mode: the default counts as PSEUDO_REGRESSIONS more of them. With
    few regressions correlations are taken for chance: weight (p + 1) / (A + p + 1) on zero.
    Regressions without data are left out of the next prior: they would only slow it down.
    """
    inner, shrink = _inner(prior, evidence.precision)
    mean, mean_cov = _mean(prior, evidence.information, shrink)
    posterior = Posterior(
        np.einsum("apq,aq->ap", inner, evidence.information) + shrink @ mean,
        _symmetric(inner + shrink @ mean_cov @ shrink.swapaxes(1, 2)),
        inner,
        shrink,
    )
    known = Prior(mean, mean_cov, prior.cov, prior.mean_variance)
    away = np.eye(len(mean)) - shrink
    uncertain = inner + away @ mean_cov @ away.swapaxes(1, 2)
    seen = np.einsum("app->ap", evidence.precision) > 0
    return _next(known, defaults, posterior.mean - mean, uncertain, seen), posterior


def _next(
    prior: Prior, defaults: Defaults, offset: Floats, uncertain: Floats, seen: NDArray[np.bool_]
) -> Prior:
    """Variances from what regressions differ from the mean by: offset (A, p) with its covariance.

    MacKay's step has the fixed points of expectation-maximisation, and is there in a few: a sum of
    squares is divided not by the number of terms, but by how many of them the data have decided.
    """
    used = seen.any(axis=1)
    squares, unknown = offset**2, np.einsum("app->ap", uncertain)
    decided = 1 - unknown / prior.cov.diagonal()
    mean_squares, variance = prior.mean**2, prior.cov.diagonal().copy()
    mean_variance = prior.mean_variance.copy()
    mean_decided = 1 - prior.mean_cov.diagonal() / prior.mean_variance
    for family in defaults.families:
        cells = seen[:, family]
        family_squares, family_decided = squares[:, family], decided[:, family]
        default = defaults.spread_sd[family[0]] ** 2
        pooled = _ratio(default, PSEUDO_REGRESSIONS, family_squares[cells], family_decided[cells])
        variance[family] = pooled
        if len(family) == 1:  # a single member's mean has no other to be judged by
            continue
        present = family[cells.any(axis=0)]
        mean_variance[family] = _ratio(
            defaults.mean_sd[family[0]] ** 2,
            PSEUDO_REGRESSIONS,
            mean_squares[present],
            mean_decided[present],
        )
        if not defaults.is_group[family[0]]:
            variance[family] = _ratio(
                pooled, FAMILY_REGRESSIONS, family_squares[used], family_decided[used]
            )
    total = uncertain[used].sum(axis=0) + offset[used].T @ offset[used]
    cov = _with_correlation(total, variance, int(used.sum()), defaults)
    return Prior(prior.mean, prior.mean_cov, cov, mean_variance)


def _ratio(default: Floats, weight: float, squares: Floats, decided: Floats) -> Floats:
    """Squares over how many of them the data have decided; `default` counts as `weight` more."""
    n_decided = np.clip(decided, 0, 1).sum(axis=0)
    return (weight * default + squares.sum(axis=0)) / (weight + n_decided)


def _with_correlation(total: Floats, variance: Floats, n_used: int, defaults: Defaults) -> Floats:
    """A covariance with these variances; free coefficients correlate as their squares say."""
    cov = np.diag(variance)
    free = np.flatnonzero(~defaults.is_group)
    if n_used < 2 or not len(free):
        return cov
    squares = total[np.ix_(free, free)]
    sd = np.sqrt(squares.diagonal())
    damping = (len(free) + 1) / (n_used + len(free) + 1)
    correlation = (1 - damping) * squares / np.outer(sd, sd) + damping * np.eye(len(free))
    spread = np.sqrt(variance[free])
    cov[np.ix_(free, free)] = _symmetric(correlation * np.outer(spread, spread))
    return cov


def _mean(prior: Prior, information: Floats, shrink: Floats) -> tuple[Floats, Floats]:
    """Posterior of the common mean, given the spread, by generalised least squares.

    An estimate from regression a has covariance Sigma + Lambda_a^-1; what follows is written
    such that Lambda_a, its precision, may be singular.
    """
    sigma_inverse = np.linalg.inv(prior.cov)
    # Precision of the estimate as one of the mean: Sigma^-1 - Sigma^-1 V Sigma^-1.
    gained = (sigma_inverse @ (np.eye(len(sigma_inverse)) - shrink)).sum(axis=0)
    mean_cov = _symmetric(np.linalg.inv(np.diag(1 / prior.mean_variance) + _symmetric(gained)))
    return mean_cov @ np.einsum("apq,aq->p", shrink.swapaxes(1, 2), information), mean_cov


def _inner(prior: Prior, precision: Floats) -> tuple[Floats, Floats]:
    """V_a = (Lambda_a + Sigma^-1)^-1 and the weight V_a Sigma^-1 that the mean has: (A, p, p)."""
    p = len(prior.mean)
    # Written with the root L of Sigma, V = L (I + L' Lambda L)^-1 L', nothing gets worse
    # conditioned than the evidence itself.
    root = np.linalg.cholesky(prior.cov)
    whitened = np.linalg.inv(np.eye(p) + _symmetric(root.T @ precision @ root))
    inner = _symmetric(root @ whitened @ root.T)
    return inner, root @ whitened @ np.linalg.inv(root)


def _symmetric(matrices: Floats) -> Floats:
    return (matrices + matrices.swapaxes(-1, -2)) / 2

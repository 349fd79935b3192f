"""Linear regressions that share a prior which is estimated from all of them.

Regression a = 1 … A has coefficients phi_a ~ N(m, Sigma) and, per group s (a micro-segment), extra
effects u_as ~ N(0, omega_a^2); its data enter through sums only. m has a vague prior and is
integrated out, so what is not known about it widens every posterior. Sigma is found by
expectation-maximisation.

Sources: Lindley & Smith (1972), Bayes estimates for the linear model; Efron & Morris (1973) for
shrinkage by estimated variances; Dempster, Laird & Rubin (1977), section 4.4, for the EM steps;
Schäfer & Strimmer (2005) for shrinking covariances towards their diagonal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.floating]

PSEUDO_REGRESSIONS = 2.0  # what the default spread counts for beside that of the data


@dataclass(frozen=True)
class Evidence:
    """A regressions with p coefficients, S groups with q extra effects; noise divided out."""

    precision: Floats  # (A, p, p) sum of x x' / sigma^2
    information: Floats  # (A, p) sum of x y / sigma^2
    group_precision: Floats  # (A, S, q, q) the same for the group's columns
    group_cross: Floats  # (A, S, q, p) group's columns by coefficients
    group_information: Floats  # (A, S, q)


@dataclass(frozen=True)
class Prior:
    """Where the coefficients of any regression, one not seen yet included, are expected."""

    mean: Floats  # (p,)
    mean_cov: Floats  # (p, p) what is not known about the mean
    cov: Floats  # (p, p) how regressions differ


@dataclass(frozen=True)
class Defaults:
    """What is believed before any data: standard deviations, (p,) each."""

    mean_sd: Floats  # of the common mean, around 0
    spread_sd: Floats  # of a regression around the common mean

    def prior(self) -> Prior:
        return Prior(
            np.zeros(len(self.mean_sd)), np.diag(self.mean_sd**2), np.diag(self.spread_sd**2)
        )


@dataclass(frozen=True)
class Posterior:
    mean: Floats  # (A, p)
    cov: Floats  # (A, p, p), what is not known about the common mean included


@dataclass(frozen=True)
class GroupPosterior:
    mean: Floats  # (A, S, q)
    cov: Floats  # (A, S, q, q)
    cross: Floats  # (A, S, q, p) covariance with the coefficients


def integrate_groups(evidence: Evidence, omega: Floats) -> tuple[Floats, Floats]:
    """Precision (A, p, p) and information (A, p) on the coefficients, group effects averaged out.

    omega : (A, q) s.d. of the group effects, zero where there are none.
    """
    inverse, cross, information = _scaled_groups(evidence, omega)
    solved = inverse @ cross  # (A, S, q, p)
    n_regressions, n_groups, n_effects, p = cross.shape
    flat = (n_regressions, n_groups * n_effects, p)
    precision = evidence.precision - cross.reshape(flat).swapaxes(1, 2) @ solved.reshape(flat)
    taken = np.einsum("asqp,asq->ap", solved, information)
    return _symmetric(precision), evidence.information - taken


def update(prior: Prior, defaults: Defaults, precision: Floats, information: Floats) -> Prior:
    """One step of expectation-maximisation for the mean and covariance over regressions.

    Regressions without data are to be left out: they say nothing and slow convergence down.
    The spread is a posterior mode: the default counts as PSEUDO_REGRESSIONS more of them. With
    few regressions correlations are taken for chance: weight (p + 1) / (A + p + 1) on zero.
    """
    n_regressions, p = information.shape
    inner, shrink = _inner(prior, precision)
    prior = _with_mean(prior, defaults, information, shrink)
    away = np.eye(p) - shrink
    offset = np.einsum("apq,aq->ap", inner, information) - away @ prior.mean
    squares = inner + away @ prior.mean_cov @ away.swapaxes(1, 2)
    squares = squares.sum(axis=0) + offset.T @ offset
    # Scaled up for the default before correlations are damped, so that it stays a covariance.
    variance = (PSEUDO_REGRESSIONS * defaults.spread_sd**2 + squares.diagonal()) / (
        PSEUDO_REGRESSIONS + n_regressions
    )
    sd = np.sqrt(squares.diagonal())
    correlation = squares / np.outer(sd, sd)
    damping = (p + 1) / (n_regressions + p + 1)
    correlation = (1 - damping) * correlation + damping * np.eye(p)
    sd = np.sqrt(variance)
    return Prior(prior.mean, prior.mean_cov, _symmetric(correlation * np.outer(sd, sd)))


def with_mean(prior: Prior, defaults: Defaults, precision: Floats, information: Floats) -> Prior:
    """The prior with the posterior of its mean, given its covariance, by generalised least squares.

    An estimate from regression a has covariance Sigma + Lambda_a^-1; what follows is written
    such that Lambda_a, its precision, may be singular.
    """
    return _with_mean(prior, defaults, information, _inner(prior, precision)[1])


def _with_mean(prior: Prior, defaults: Defaults, information: Floats, shrink: Floats) -> Prior:
    """`with_mean`, for the weights of the mean (see `_inner`) that the caller has at hand."""
    sigma_inverse = np.linalg.inv(prior.cov)
    # Precision of the estimate as one of the mean: Sigma^-1 - Sigma^-1 V Sigma^-1.
    gained = (sigma_inverse @ (np.eye(len(sigma_inverse)) - shrink)).sum(axis=0)
    mean_cov = _symmetric(np.linalg.inv(np.diag(defaults.mean_sd**-2) + _symmetric(gained)))
    pulled = np.einsum("apq,aq->p", shrink.swapaxes(1, 2), information)
    return Prior(mean_cov @ pulled, mean_cov, prior.cov)


def posterior(prior: Prior, precision: Floats, information: Floats) -> Posterior:
    """Coefficients of every regression given all data, `prior` having come from `with_mean`."""
    inner, shrink = _inner(prior, precision)
    mean = np.einsum("apq,aq->ap", inner, information) + shrink @ prior.mean
    return Posterior(mean, _symmetric(inner + shrink @ prior.mean_cov @ shrink.swapaxes(1, 2)))


def group_posterior(evidence: Evidence, omega: Floats, coefficients: Posterior) -> GroupPosterior:
    """Group effects given all data: back substitution after `integrate_groups`."""
    inverse, cross, information = _scaled_groups(evidence, omega)
    left = information - np.einsum("asqp,ap->asq", cross, coefficients.mean)
    mean = np.einsum("asqr,asr->asq", inverse, left) * omega[:, None, :]
    carried = inverse @ cross  # (A, S, q, p)
    n_regressions, n_groups, n_effects, p = cross.shape
    flat = carried.reshape(n_regressions, n_groups * n_effects, p)
    covered = (flat @ coefficients.cov).reshape(cross.shape)
    scale = omega[:, None, :, None]
    cov = (inverse + covered @ carried.swapaxes(2, 3)) * scale * omega[:, None, None, :]
    return GroupPosterior(mean, _symmetric(cov), -covered * scale)


def group_sd_from_residuals(evidence: Evidence, coefficients: Posterior) -> Floats:
    """S.d. of each group effect, (q,), from residuals of a fit without any; 0 if they show none.

    The groups' scores z = U' V_y^-1 y have covariance P + P Omega^2 P with P = N - B V B', so the
    sums of their squares beyond tr P are linear in omega^2. Unbiased for any size of groups, what
    the coefficients have absorbed included; then cut at zero.
    Source: Rao (1971), minimum norm quadratic unbiased estimation, with prior weight 0.
    """
    n_groups, n_effects = evidence.group_information.shape[1:]
    size = n_groups * n_effects
    excess, weight = np.zeros(n_effects), np.zeros((n_effects, n_effects))
    groups = np.arange(n_groups)
    for a in range(len(evidence.information)):  # one at a time: P is large
        cross = evidence.group_cross[a].reshape(size, -1)
        score = evidence.group_information[a].ravel() - cross @ coefficients.mean[a]
        spread = -(cross @ coefficients.cov[a] @ cross.T)
        spread = spread.reshape(n_groups, n_effects, n_groups, n_effects)
        spread[groups, :, groups, :] += evidence.group_precision[a]
        diagonal = np.einsum("sisi->si", spread)
        excess += (score.reshape(n_groups, n_effects) ** 2 - diagonal).sum(axis=0)
        weight += (spread**2).sum(axis=(0, 2))
    return np.sqrt(nnls(weight, excess)[0]) if weight.any() else np.zeros(n_effects)


def updated_group_sd(evidence: Evidence, groups: GroupPosterior) -> Floats:
    """One step of expectation-maximisation for the s.d. of group effects: (q,); 0 stays 0."""
    seen = np.einsum("asqq->asq", evidence.group_precision) > 0
    squares = groups.mean**2 + np.einsum("asqq->asq", groups.cov)
    n_seen = np.maximum(seen.sum(axis=(0, 1)), 1)
    return np.sqrt(np.where(seen, squares, 0.0).sum(axis=(0, 1)) / n_seen)


def _scaled_groups(evidence: Evidence, omega: Floats) -> tuple[Floats, Floats, Floats]:
    """Posterior covariance of u / omega given phi, cross term, information; fine at omega = 0."""
    scale = omega[:, None, :]
    precision = evidence.group_precision * scale[..., None] * scale[:, :, None, :]
    inverse = np.linalg.inv(precision + np.eye(omega.shape[1]))
    return inverse, evidence.group_cross * scale[..., None], evidence.group_information * scale


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

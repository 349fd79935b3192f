"""One outcome of many actions: a line per arm, micro-segment effects, noise; strength shared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from journeys.learning.numerics import hierarchy
from journeys.learning.numerics.uplift_statistics import UpliftStatistics

Floats = NDArray[np.floating]

# Weight of the common noise against an action's own residuals. High, as in skewed money few
# buyers mean a low mean and little noise at once: trusting one's own noise then gives the low
# means the weight. Low controls would be believed, and every uplift overstated.
NOISE_CONTACTS = 2000.0
COMMON_NOISE_CONTACTS = 10.0  # what "all spread is noise" counts for in the common noise
SETTLED = 1e-2  # stop when no prior variance moves by more than this share


@dataclass(frozen=True)
class ArmSums:
    """Sums of A actions, K arms, d features and S micro-segments; one outcome, in units of `scale`.

    Columns are the features, then one per micro-segment, then one more for a micro-segment that is
    not seen yet: D = d + S + 1. Counted in effective contacts, so that arms weighted by
    1 / P(arm) claim no more than they know.
    """

    gram: Floats  # (A, K, D, D)
    moment: Floats  # (A, K, D)
    square: Floats  # (A, K)
    n: Floats  # (A, K)
    n_features: int  # d
    scale: float  # pooled s.d. within arms

    @classmethod
    def of(
        cls,
        statistics: Sequence[UpliftStatistics],
        segment_ids: NDArray[np.int64],
        *,
        arms: list[int],
        outcome: int,
    ) -> "ArmSums":
        d, n_segments = statistics[0].n_features, len(segment_ids)
        width = d + n_segments + 1
        segments = slice(d, d + n_segments)
        diagonal = np.arange(d, d + n_segments)
        gram = np.zeros((len(statistics), len(arms), width, width))
        moment = np.zeros(gram.shape[:3])
        square, n = np.zeros(gram.shape[:2]), np.zeros(gram.shape[:2])
        for a, action_statistics in enumerate(statistics):
            laid_out = action_statistics.on_segments(segment_ids)
            weight = laid_out.weight[arms]
            # Kish's correction, see UpliftStatistics: effective contacts per unit of weight.
            kish = np.divide(
                weight, laid_out.weight_squared[arms], out=np.zeros_like(weight), where=weight > 0
            )
            segment_x = laid_out.segment_x[:, arms].transpose(1, 2, 0)  # (K, d, S)
            gram[a, :, :d, :d] = laid_out.gram[arms]
            gram[a, :, :d, segments] = segment_x
            gram[a, :, segments, :d] = segment_x.swapaxes(1, 2)
            gram[a][:, diagonal, diagonal] = laid_out.segment_n[:, arms].T
            moment[a, :, :d] = laid_out.moment[arms, :, outcome]
            moment[a, :, segments] = laid_out.segment_y[:, arms, outcome].T
            square[a] = laid_out.square[arms, outcome] * kish
            n[a] = weight * kish
            gram[a] *= kish[:, None, None]
            moment[a] *= kish[:, None]
        scale = _pooled_sd(n, moment[..., segments].sum(axis=-1), square)
        return cls(gram, moment / scale, square / scale**2, n, d, scale)


@dataclass(frozen=True)
class ArmFit:
    """Posteriors in the units of ArmSums; coefficients are K blocks of D columns."""

    prior: hierarchy.Prior
    coefficients: hierarchy.Posterior
    noise: Floats  # (A, K) variance


def fit_arms(
    sums: ArmSums, layout: Floats, defaults: hierarchy.Defaults, *, max_iter: int
) -> ArmFit:
    """Fit y = x' (sum over j of layout[k, j] phi_j) + noise for every action, arms k together.

    layout : (K, K) invertible; row k says which blocks of coefficients arm k carries, for test
        and control [[1, 0], [1, 1]]: a baseline for both, an effect for the test arm only.

    Noise, per action and arm, is pulled towards the common noise.
    """
    noise: Floats = np.ones(sums.n.shape)
    prior = defaults.prior()
    for _ in range(max_iter if sums.n.any() else 0):
        before = np.concatenate([prior.cov.diagonal(), prior.mean_variance])
        prior, coefficients = hierarchy.fit(_evidence(sums, layout, noise), defaults, prior)
        noise = _noise(sums, layout, coefficients)
        after = np.concatenate([prior.cov.diagonal(), prior.mean_variance])
        if (np.abs(after - before) <= SETTLED * before).all():
            break
    following, coefficients = hierarchy.fit(_evidence(sums, layout, noise), defaults, prior)
    known = replace(prior, mean=following.mean, mean_cov=following.mean_cov)
    return ArmFit(known, coefficients, noise)


def _evidence(sums: ArmSums, layout: Floats, noise: Floats) -> hierarchy.Evidence:
    n_actions, n_arms, width = sums.moment.shape
    certainty = 1 / noise
    pairs = np.einsum("ki,kj->kij", layout, layout)
    gram = sums.gram * certainty[..., None, None]
    return hierarchy.Evidence(
        precision=np.einsum("kij,akde->aidje", pairs, gram, optimize=True).reshape(
            n_actions, n_arms * width, n_arms * width
        ),
        information=np.einsum("ki,akd->aid", layout, sums.moment * certainty[..., None]).reshape(
            n_actions, -1
        ),
    )


def _noise(sums: ArmSums, layout: Floats, coefficients: hierarchy.Posterior) -> Floats:
    """Expected squared residual per contact: (A, K). The M-step for the noise variance."""
    n_arms, d = len(layout), sums.moment.shape[-1]
    line = _lines(layout, coefficients)
    cov = coefficients.cov.reshape(-1, n_arms, d, n_arms, d)
    line_cov = np.einsum("ki,kj,aidje->akde", layout, layout, cov, optimize=True)
    second = line_cov + line[..., :, None] * line[..., None, :]
    residual = (
        sums.square
        - 2 * np.einsum("akd,akd->ak", line, sums.moment)
        + np.einsum("akde,akde->ak", sums.gram, second)
    )
    residual = np.maximum(residual, 0)
    common = (residual.sum() + COMMON_NOISE_CONTACTS) / (sums.n.sum() + COMMON_NOISE_CONTACTS)
    return (residual + NOISE_CONTACTS * common) / (sums.n + NOISE_CONTACTS)


def _lines(layout: Floats, coefficients: hierarchy.Posterior) -> Floats:
    """Each arm's own coefficients: (A, K, d)."""
    n_actions = len(coefficients.mean)
    return np.einsum("ki,aid->akd", layout, coefficients.mean.reshape(n_actions, len(layout), -1))


def _pooled_sd(n: Floats, total: Floats, square: Floats) -> float:
    within = square - np.divide(total**2, n, out=np.zeros_like(total), where=n > 0)
    freedom = np.maximum(n - 1, 0).sum()
    variance = max(within.sum(), 0.0) / freedom if freedom > 0 else 0.0
    # Rounding leaves about 1e-16 of the squares where every outcome is the same: no scale known.
    return float(np.sqrt(variance)) if variance * freedom > 1e-12 * square.sum() else 1.0

"""One outcome of many actions: a line per arm, micro-segment effects, noise; strength shared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journeys.numerics import hierarchy
from journeys.numerics.uplift_statistics import UpliftStatistics

Floats = NDArray[np.floating]

# What the common noise counts for beside an action's own residuals. High, as in skewed money few
# buyers mean a low mean and little noise at once: trusting one's own noise then gives the low
# means the weight. Low controls would be believed, and every uplift overstated.
NOISE_CONTACTS = 2000.0
COMMON_NOISE_CONTACTS = 10.0  # what "all spread is noise" counts for in the common noise
SETTLED = 1e-2  # stop when no prior variance moves by more than this share
REFINEMENTS = 5  # steps of expectation-maximisation after segment effects were found


@dataclass(frozen=True)
class ArmSums:
    """Sums of A actions, K arms, d columns, S micro-segments; one outcome, in units of `scale`.

    Counted in effective contacts, so that arms weighted by 1 / P(arm) claim no more than they
    know. The last micro-segment is empty: it stands for those not seen yet.
    """

    gram: Floats  # (A, K, d, d)
    moment: Floats  # (A, K, d)
    square: Floats  # (A, K)
    n: Floats  # (A, K)
    segment_n: Floats  # (A, S, K)
    segment_x: Floats  # (A, S, K, d)
    segment_y: Floats  # (A, S, K)
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
        laid_out = [one.on_segments(segment_ids) for one in statistics]
        weight = np.stack([one.weight[arms] for one in laid_out])
        weight_squared = np.stack([one.weight_squared[arms] for one in laid_out])
        # Kish's correction, see UpliftStatistics: effective contacts per unit of weight.
        kish = np.divide(weight, weight_squared, out=np.zeros_like(weight), where=weight > 0)
        segment_y = np.stack([one.segment_y[:, arms, outcome] for one in laid_out])
        segment_y = segment_y * kish[:, None]
        square = np.stack([one.square[arms, outcome] for one in laid_out]) * kish
        n = weight * kish
        scale = _pooled_sd(n, segment_y.sum(axis=1), square)
        return cls(
            gram=np.stack([one.gram[arms] for one in laid_out]) * kish[..., None, None],
            moment=np.stack([one.moment[arms, :, outcome] for one in laid_out])
            * kish[..., None]
            / scale,
            square=square / scale**2,
            n=n,
            segment_n=_with_unseen(
                np.stack([one.segment_n[:, arms] for one in laid_out]) * kish[:, None]
            ),
            segment_x=_with_unseen(
                np.stack([one.segment_x[:, arms] for one in laid_out]) * kish[:, None, :, None]
            ),
            segment_y=_with_unseen(segment_y / scale),
            scale=scale,
        )


@dataclass(frozen=True)
class ArmFit:
    """Posteriors in the units of ArmSums; coefficients are K blocks of d."""

    prior: hierarchy.Prior
    coefficients: hierarchy.Posterior
    segments: hierarchy.GroupPosterior
    noise: Floats  # (A, K) variance
    omega: Floats  # (K,) s.d. of the segment effects


def fit_arms(
    sums: ArmSums, layout: Floats, defaults: hierarchy.Defaults, *, max_iter: int
) -> ArmFit:
    """Fit y = x' (sum over j of layout[k, j] phi_j) + the same sum of segment effects + noise.

    layout : (K, K) invertible; row k says which blocks of coefficients arm k carries, for test
        and control [[1, 0], [1, 1]]: a baseline for both, an effect for the test arm alone.

    Noise, per action and arm, is pulled towards the common noise. Segment effects come last:
    their variance, one per block for all actions together, starts from what the segments'
    residuals vary by beyond noise, is zero for good if that is nothing, else refined with the rest.
    """
    n_actions, n_arms = sums.n.shape
    seen = sums.n.sum(axis=1) > 0
    noise: Floats = np.ones((n_actions, n_arms))
    prior = defaults.prior()
    for _ in range(max_iter if seen.any() else 0):
        evidence = _evidence(sums, layout, noise)
        before = prior.cov.diagonal()
        prior = hierarchy.update(
            prior, defaults, evidence.precision[seen], evidence.information[seen]
        )
        coefficients = hierarchy.posterior(prior, evidence.precision, evidence.information)
        noise = _noise(sums, layout, coefficients)
        if (np.abs(prior.cov.diagonal() - before) <= SETTLED * before).all():
            break
    evidence = _evidence(sums, layout, noise)
    prior = hierarchy.with_mean(
        prior, defaults, evidence.precision[seen], evidence.information[seen]
    )
    coefficients = hierarchy.posterior(prior, evidence.precision, evidence.information)

    omega = hierarchy.group_sd_from_residuals(evidence, coefficients)
    spread = np.tile(omega, (n_actions, 1))
    if omega.any():
        for _ in range(REFINEMENTS):
            precision, information = hierarchy.integrate_groups(evidence, spread)
            prior = hierarchy.update(prior, defaults, precision[seen], information[seen])
            coefficients = hierarchy.posterior(prior, precision, information)
            segments = hierarchy.group_posterior(evidence, spread, coefficients)
            omega = hierarchy.updated_group_sd(evidence, segments)
            spread = np.tile(omega, (n_actions, 1))
        precision, information = hierarchy.integrate_groups(evidence, spread)
        prior = hierarchy.with_mean(prior, defaults, precision[seen], information[seen])
        coefficients = hierarchy.posterior(prior, precision, information)
    segments = hierarchy.group_posterior(evidence, spread, coefficients)
    return ArmFit(prior, coefficients, segments, noise, omega)


def _evidence(sums: ArmSums, layout: Floats, noise: Floats) -> hierarchy.Evidence:
    n_actions, n_arms = sums.n.shape
    p = n_arms * sums.moment.shape[-1]
    certainty = 1 / noise
    gram = sums.gram * certainty[..., None, None]
    segment_x = sums.segment_x * certainty[:, None, :, None]
    segment_n, segment_y = (part * certainty[:, None] for part in (sums.segment_n, sums.segment_y))
    pairs = np.einsum("ki,kj->kij", layout, layout)
    return hierarchy.Evidence(
        precision=np.einsum("kij,akde->aidje", pairs, gram).reshape(n_actions, p, p),
        information=np.einsum("ki,akd->aid", layout, sums.moment * certainty[..., None]).reshape(
            n_actions, p
        ),
        group_precision=np.einsum("kij,ask->asij", pairs, segment_n),
        group_cross=np.einsum("kij,askd->asijd", pairs, segment_x).reshape(
            n_actions, -1, n_arms, p
        ),
        group_information=np.einsum("ki,ask->asi", layout, segment_y),
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


def _with_unseen(per_segment: Floats) -> Floats:
    return np.concatenate(
        [
            per_segment,
            np.zeros_like(per_segment, shape=(len(per_segment), 1, *per_segment.shape[2:])),
        ],
        axis=1,
    )

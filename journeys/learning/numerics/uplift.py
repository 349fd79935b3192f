"""What a contact changes, per customer and action, and how well that is known."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from journeys.learning.numerics.arm_regression import ArmFit, ArmSums, fit_arms
from journeys.learning.numerics.hierarchy import Defaults
from journeys.learning.numerics.uplift_statistics import (
    CONTROL,
    RESPONDED,
    TEST,
    VALUE,
    UpliftStatistics,
    winsor_limit,
)

__all__ = ["Prediction", "UpliftModel", "UpliftStatistics", "winsor_limit"]

Floats = NDArray[np.float64]

BLOCK_ROWS = 128  # predictions are made in blocks of one shape, see UpliftModel.predict
BASELINE_AND_EFFECT = np.array([[1.0, 0.0], [1.0, 1.0]])  # control: baseline; test: both
TEST_ALONE = np.array([[1.0]])

# What learning leaves behind; all that predict needs, and all that is stored.
ARRAYS = (
    "action_keys_",  # (A,)
    "segment_ids_",  # (S,) ascending
    "coef_",  # (A, d) effect of a contact, in money, per design column
    "coef_cov_",  # (A, d, d)
    "segment_effect_",  # (A, S + 1) in money; the last is a micro-segment not seen yet
    "segment_var_",  # (A, S + 1)
    "segment_cross_",  # (S + 1, A, d) covariance of a segment's effect with coef_
    "shared_cov_",  # (d + S + 1, d + S + 1) what is not known about the mean over actions
    "leaning_",  # (A,) how far an action's effect leans on that mean, in [0, 1]
    "response_coef_",  # (A, d) P(responds | test) per design column
    "response_segment_",  # (A, S + 1)
    "prior_mean_",  # (d,) what is expected of an action not seen yet
    "prior_cov_",  # (d, d)
    "noise_sd_",  # (A, 2) in money, control and test
    "average_",  # (3, A) uplift, sd and shared_sd of a contact with everybody; nan: not computed
    "is_personal_",  # () whether effects differ by customer, see `gate`
)

PROVEN_SD = 1.0  # posterior s.d. by which personal choices must beat the best single one


@dataclass(frozen=True)
class Prediction:
    """n customers down, A actions across, in the order of the keys given to `fit`."""

    uplift: Floats  # (n, A) expected gain in value from a contact, before its cost
    sd: Floats  # (n, A) posterior s.d. of that expectation
    shared_sd: Floats  # (n, A) the part of sd that moves all actions up or down together
    response_prob: Floats  # (n, A) P(customer responds | contacted), in [0, 1]


class UpliftModel(BaseEstimator):
    """Uplift per customer and action: Bayesian lines that share strength over actions.

    For a contact with action a of a customer x in micro-segment s, t = 1 in test, 0 in control:

        value = x'beta_a + gamma_as + t (x'theta_a + delta_as) + noise
        (beta_a, theta_a) ~ N(m, Sigma), gamma_as ~ N(g_s, omega_g^2), delta_as ~ N(h_s, omega_d^2)
        g_s ~ N(0, tau_g^2), h_s ~ N(0, tau_h^2)

    m, Sigma, omega, tau and the noise (per action and arm) are estimated from all actions at
    once, m, g and h with their uncertainty carried along (see `hierarchy`). So a new action starts
    from what actions do on average, here and in general, with the spread they have, and moves to
    its own data as they come. In an arm without contacts the baseline, too, is what other
    actions suggest, and as vague. Uplift is x'theta_a + delta_as. P(responds | test) is fitted
    likewise on the test arm, as a linear probability cut to [0, 1].

    What is not known about m and h moves the uplift of all actions alike, so it says nothing about
    which is best, and much about whether any is better than none. `shared_sd` is that part,
    w_a sqrt(x'Mx) with M the covariance of (m, h) and w_a how far the action leans on them, on
    average over customers (a one-factor form of the exact covariance between actions).

    Hyper-parameters, in pooled s.d. of the value, are what is believed before any data; with
    few actions they keep differences between customers small and the average effect free:

    mean_effect_sd, mean_slope_sd, mean_segment_sd : of the average effect over actions, of an
        average slope, and of a micro-segment's average effect.
    effect_spread, slope_spread, segment_spread : of an action around those.
    with_control : False where no contact was ever withheld: then "uplift" is the expected value
        of a contact itself, fit to compare actions with each other, not with none.
    max_iter : steps of expectation-maximisation at most.

    The noise is taken as normal; means of winsorised money (`winsor_limit`) are near enough.
    Contacts must be randomised between test and control given x, segment and weights.

    Sources: Künzel et al. (2019) for test and control surfaces; Lindley & Smith (1972) and Efron
    & Morris (1973) for the sharing; Hahn, Murray & Carvalho (2020) for shrinking the effect
    apart from the baseline.
    """

    def __init__(
        self,
        mean_effect_sd: float = 0.5,
        effect_spread: float = 0.05,
        mean_slope_sd: float = 0.03,
        slope_spread: float = 0.03,
        mean_segment_sd: float = 0.05,
        segment_spread: float = 0.05,
        with_control: bool = True,
        max_iter: int = 30,
    ) -> None:
        self.mean_effect_sd = mean_effect_sd
        self.effect_spread = effect_spread
        self.mean_slope_sd = mean_slope_sd
        self.slope_spread = slope_spread
        self.mean_segment_sd = mean_segment_sd
        self.segment_spread = segment_spread
        self.with_control = with_control
        self.max_iter = max_iter

    def fit(self, statistics: Sequence[UpliftStatistics], action_keys: Sequence[int]) -> Self:
        """One UpliftStatistics per action key, all of the same design; empty ones are welcome.

        The first design column must be the intercept (`FeatureScaling` makes it).
        Raises ValueError on no action at all, repeated keys, or designs that differ.
        """
        keys = np.asarray(action_keys, dtype=np.int64)
        _check(statistics, keys)
        d = statistics[0].n_features
        ids = np.unique(np.concatenate([of_action.segment_ids for of_action in statistics]))
        arms, layout = (
            ([CONTROL, TEST], BASELINE_AND_EFFECT) if self.with_control else ([TEST], TEST_ALONE)
        )
        value = ArmSums.of(statistics, ids, arms=arms, outcome=VALUE)
        response = ArmSums.of(statistics, ids, arms=[TEST], outcome=RESPONDED)
        value_fit = fit_arms(value, layout, self._value_defaults(value), max_iter=self.max_iter)
        response_fit = fit_arms(
            response, TEST_ALONE, _baseline_defaults(response), max_iter=self.max_iter
        )
        self.action_keys_, self.segment_ids_, self.n_features_in_ = keys, ids, d
        self._keep_value(value_fit, value)
        self.average_, self.is_personal_ = np.full((3, len(keys)), np.nan), np.array(True)
        self.response_coef_, self.response_segment_ = np.split(
            response_fit.coefficients.mean * response.scale, [d], axis=1
        )
        self._prepare()
        return self

    def gate(self, X: ArrayLike, segment_ids: ArrayLike, costs: ArrayLike) -> Self:
        """Tell customers apart only if that is worth its uncertainty.

        X, segment_ids : (n, d), (n,) a sample of the customers who could be contacted. costs : (A,)
        of a contact, in money. To be called once, after `fit`.

        The gain of sending each customer what is best for him, or nothing, over the best single
        action for all is a linear function of the coefficients, so its posterior s.d. is known.
        Below PROVEN_SD of them every customer is expected to gain what customers gain on average.
        With a few actions and weak differences this keeps the value of the best single action,
        from which flexible models lose (measured on Hillstrom's experiment); with many actions,
        errors of which are independent, the gain is proven early.
        """
        X, ids = np.asarray(X, dtype=np.float64), np.asarray(segment_ids)
        n, n_actions = len(X), len(self.action_keys_)
        if n == 0:
            return self
        rows = np.zeros((n, X.shape[1] + len(self.segment_ids_) + 1))
        rows[:, : X.shape[1]] = X
        rows[np.arange(n), X.shape[1] + self._places(ids)] = 1.0
        average = rows.mean(axis=0)
        effects = np.hstack([self.coef_, self.segment_effect_])  # (A, D)
        lean = self.leaning_
        own_variance = np.einsum("d,ade,e->a", average, self._own_cov, average)
        shared = lean**2 * (average @ self.shared_cov_ @ average)
        self.average_ = np.array(
            [effects @ average, np.sqrt(own_variance + shared), np.sqrt(shared)]
        )

        net = rows @ effects.T - np.asarray(costs)
        choice = np.where(net.max(axis=1) > 0, net.argmax(axis=1), -1)
        single = self.average_[0] - costs
        weight = np.zeros((n_actions, len(average)))  # of each action's effects in the gain
        for a in np.unique(choice[choice >= 0]):
            weight[a] = rows[choice == a].sum(axis=0) / n
        gain = net.max(axis=1).clip(min=0).mean() - max(single.max(), 0.0)
        if single.max() > 0:
            weight[single.argmax()] -= average
        together = lean @ weight
        variance = np.einsum("ad,ade,ae->", weight, self._own_cov, weight)
        variance += together @ self.shared_cov_ @ together
        self.is_personal_ = np.array(bool(gain > PROVEN_SD * np.sqrt(max(variance, 0.0))))
        return self

    def predict(self, X: ArrayLike, segment_ids: ArrayLike) -> Prediction:
        """X : (n, d) design. segment_ids : (n,); one not seen in learning has effect 0, vaguely.

        Rows are computed in zero-padded blocks of one shape, so a customer's numbers do not depend,
        to the last bit, on who else is in the batch (same machine and NumPy).
        Raises ValueError on another number of columns or unknown values.
        """
        X, ids = np.asarray(X, dtype=np.float64), np.asarray(segment_ids)
        if X.ndim != 2 or X.shape[1] != self.n_features_in_ or ids.shape != X.shape[:1]:
            raise ValueError(
                f"shapes do not fit: design {X.shape} for a model of {self.n_features_in_} "
                f"columns, segments {ids.shape}"
            )
        if not np.isfinite(X).all():
            raise ValueError("every feature must be a finite number")
        segments = self._places(ids)
        response = _in_blocks(X, self._response_t) + self._response_segment_t[segments]
        response = np.clip(response, 0.0, 1.0)
        if not self.is_personal_:
            uplift, sd, shared_sd = (np.tile(row, (len(X), 1)) for row in self.average_)
            return Prediction(uplift, sd, shared_sd, response)
        uplift = _in_blocks(X, self._coef_t) + self._segment_effect_t[segments]
        rows, columns = self._upper
        products = _in_blocks(X, self._quadratic, lambda x: x[:, rows] * x[:, columns])
        variance, shared = products[:, :-1], products[:, -1]
        variance += self._segment_var_t[segments]
        shared += self._shared_segment_var[segments]
        for segment in np.unique(segments):
            members = segments == segment
            crossed = 2 * _in_blocks(X[members], self._cross_t[segment])
            variance[members] += crossed[:, :-1]
            shared[members] += crossed[:, -1]
        variance = np.maximum(variance, 0.0)
        together = np.sqrt(np.maximum(shared, 0.0))[:, None] * self.leaning_
        sd = np.sqrt(variance)
        return Prediction(uplift, sd, np.minimum(together, sd), response)

    def predict_new(self, X: Floats) -> Prediction:
        """What is expected of an action that nothing is known of yet: (n, 1) each.

        X : (n, d) design. By what actions have in common, and as uncertain as they differ; its
        responses are taken to be the mean action's.
        """
        X = np.asarray(X, dtype=np.float64)
        rows, columns = self._upper
        twice = np.where(rows == columns, 1.0, 2.0)
        d = self.n_features_in_
        covs = np.stack([self.prior_cov_, self.shared_cov_[:d, :d]])[:, rows, columns] * twice
        variance = _in_blocks(X, np.ascontiguousarray(covs.T), lambda x: x[:, rows] * x[:, columns])
        sd = np.sqrt(np.maximum(variance, 0.0))
        response = _in_blocks(X, self._response_t).mean(axis=1, keepdims=True)
        return Prediction(
            _in_blocks(X, np.array(self.prior_mean_[:, None], dtype=np.float64)),
            sd[:, :1],
            np.minimum(sd[:, 1:], sd[:, :1]),
            np.clip(response, 0.0, 1.0),
        )

    def to_bytes(self) -> bytes:
        """The fitted model as an npz file without pickles, hyper-parameters as JSON inside."""
        file = io.BytesIO()
        arrays = {name: getattr(self, name) for name in ARRAYS}
        np.savez(file, parameters=np.array(json.dumps(self.get_params())), **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote; predicts the same to the last bit. Raises ValueError otherwise."""
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            missing = [name for name in ("parameters", *ARRAYS) if name not in stored]
            if missing:
                raise ValueError(f"not an uplift model: {', '.join(missing)} missing")
            model = cls(**json.loads(str(stored["parameters"])))
            for name in ARRAYS:
                setattr(model, name, stored[name])
        model.n_features_in_ = model.coef_.shape[1]
        model._prepare()
        return model

    def _value_defaults(self, sums: ArmSums) -> Defaults:
        baseline = _baseline_defaults(sums)
        width, d = sums.moment.shape[-1], sums.n_features
        mean_sd, spread_sd = np.full(width, self.mean_slope_sd), np.full(width, self.slope_spread)
        mean_sd[0], spread_sd[0] = self.mean_effect_sd, self.effect_spread
        mean_sd[d:], spread_sd[d:] = self.mean_segment_sd, self.segment_spread
        family, is_group = baseline.family, baseline.is_group
        if not self.with_control:  # the level is part of what is learned: no opinion on it
            return Defaults(baseline.mean_sd, spread_sd, family, is_group)
        return Defaults(
            np.concatenate([baseline.mean_sd, mean_sd]),
            np.concatenate([baseline.spread_sd, spread_sd]),
            np.concatenate([family, family + 1 + family.max()]),
            np.concatenate([is_group, is_group]),
        )

    def _keep_value(self, fit: ArmFit, sums: ArmSums) -> None:
        """Keep the effect's half of the fit, in money; the baseline has done its work."""
        d, scale = sums.n_features, sums.scale
        effect = slice(-sums.moment.shape[-1], None)
        mean = fit.coefficients.mean[:, effect] * scale
        cov = fit.coefficients.cov[:, effect, effect] * scale**2
        self.coef_, self.segment_effect_ = np.split(mean, [d], axis=1)
        self._own_cov = fit.coefficients.own_cov[:, effect, effect] * scale**2
        self.coef_cov_ = cov[:, :d, :d]
        self.segment_var_ = np.einsum("app->ap", cov)[:, d:]
        self.segment_cross_ = cov[:, d:, :d].swapaxes(0, 1)
        self.prior_mean_ = fit.prior.mean[effect][:d] * scale
        self.prior_cov_ = (fit.prior.cov + fit.prior.mean_cov)[effect, effect][:d, :d] * scale**2
        self.noise_sd_ = np.sqrt(fit.noise) * scale
        mean_cov = fit.prior.mean_cov
        self.shared_cov_ = mean_cov[effect, effect] * scale**2
        self.leaning_ = _leaning(fit.coefficients.weight, mean_cov, sums.gram.sum((0, 1)), effect)

    def _prepare(self) -> None:
        """Lay out what predict multiplies with; a pure function of the stored arrays."""
        d = self.n_features_in_
        self._coef_t = np.ascontiguousarray(self.coef_.T)
        self._response_t = np.ascontiguousarray(self.response_coef_.T)
        self._segment_effect_t = np.ascontiguousarray(self.segment_effect_.T)
        self._segment_var_t = np.ascontiguousarray(self.segment_var_.T)
        self._response_segment_t = np.ascontiguousarray(self.response_segment_.T)
        # x'Cx is a product with the d (d + 1) / 2 distinct entries of xx': one matrix product
        # for all actions, and for what they share as one column more.
        self._upper = np.triu_indices(d)
        twice = np.where(self._upper[0] == self._upper[1], 1.0, 2.0)
        shared = self.shared_cov_[None, :d, :d]
        quadratic = np.concatenate([self.coef_cov_, shared])[:, *self._upper]
        self._quadratic = np.ascontiguousarray((quadratic * twice).T)
        self._shared_segment_var = self.shared_cov_.diagonal()[d:]
        crossed = np.concatenate([self.segment_cross_, self.shared_cov_[d:, None, :d]], axis=1)
        self._cross_t = np.ascontiguousarray(crossed.swapaxes(1, 2))

    def _places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each segment is in our tables; the last row is for those not seen."""
        n_segments = len(self.segment_ids_)
        index = np.searchsorted(self.segment_ids_, ids)
        is_known = index < n_segments
        is_known[is_known] = self.segment_ids_[index[is_known]] == ids[is_known]
        return np.where(is_known, index, n_segments)


def _in_blocks(
    X: Floats, factor: Floats, columns: Callable[[Floats], Floats] | None = None
) -> Floats:
    """columns(X) @ factor, always as products of one shape, so that rows do not sway each other.

    A matrix product of another shape may add up in another order, and differ in the last bit.
    """
    out = np.empty((len(X), factor.shape[1]))
    for start in range(0, len(X), BLOCK_ROWS):
        part = X[start : start + BLOCK_ROWS]
        block = np.zeros((BLOCK_ROWS, X.shape[1]))
        block[: len(part)] = part
        product = (block if columns is None else columns(block)) @ factor
        out[start : start + BLOCK_ROWS] = product[: len(part)]
    return out


def _leaning(
    weight: NDArray[np.floating], mean_cov: NDArray[np.floating], gram: Floats, effect: slice
) -> Floats:
    """(A,) root of E x'WMW'x over E x'Mx, x as in the contacts with second moments `gram`."""
    carried = (weight @ mean_cov @ weight.swapaxes(1, 2))[:, effect, effect]
    average = np.einsum("de,aed->a", gram, carried)
    whole = float((gram * mean_cov[effect, effect]).sum())
    return np.sqrt(np.clip(average / whole, 0.0, 1.0)) if whole > 0 else np.ones(len(weight))


def _baseline_defaults(sums: ArmSums) -> Defaults:
    """What customers do uncontacted: no opinion on the level, but nearly the same for all actions.

    All actions are for the same customers, so their control groups tell about one baseline; how
    much actions differ after all, by window or season, is learned. In the simulated retailer this
    sharing raised the true value of the model's first choice by half (15.8 to 24.2 cents).
    """
    total = sums.n.sum()
    # A value may be large compared with its spread (100 ± 5): the level is free to follow.
    level = max(1.0, float(np.sqrt(sums.square.sum() / total))) if total > 0 else 1.0
    width, d = sums.moment.shape[-1], sums.n_features
    mean_sd, spread_sd = np.ones(width), np.full(width, 0.02)
    mean_sd[0], spread_sd[0] = 3.0 * level, 0.05
    mean_sd[d:] = 0.1
    column = np.arange(width)
    family = np.select([column == 0, column < d], [0, 1], default=2)  # level, slopes, segments
    return Defaults(mean_sd, spread_sd, family, column >= d)


def _check(statistics: Sequence[UpliftStatistics], keys: NDArray[np.int64]) -> None:
    if not statistics or len(statistics) != len(keys):
        raise ValueError(f"{len(statistics)} statistics for {len(keys)} action keys")
    if len(np.unique(keys)) != len(keys):
        raise ValueError("an action key is given twice")
    widths = sorted({of_action.n_features for of_action in statistics})
    if len(widths) > 1:
        raise ValueError(f"statistics of designs with {widths} columns cannot be compared")

"""What each library would send, from its estimated effects of the two e-mails or by its policy.

All learn from the same rows and the same nine features, and know that the e-mails were sent at
random, a third each. Boosted trees are shallow, slow and of large leaves, forests are of large
leaves, which suits effects as small as these; linear models see features on the engine's scale.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from journeys.learning.numerics.design import FeatureScaling

Floats = NDArray[np.float64]
Effects = Callable[[Floats], Floats]  # (n, d) features to (n, 2) effects of the e-mails
Options = Callable[[Floats], NDArray[np.int64]]  # (n, d) features to what to send

TREES = {"max_iter": 60, "learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 200}
FOREST: dict[str, Any] = {"min_samples_leaf": 100, "max_depth": 6, "n_jobs": 1}
N_TREES = 100


@dataclass(frozen=True)
class Training:
    X: Floats  # (n, d)
    sent: NDArray[np.int64]  # (n,) 0 none, 1, 2
    y: Floats  # (n,)
    seed: int

    @property
    def is_binary(self) -> bool:
        return bool(np.isin(self.y, (0, 1)).all())


def trees(data: Training, *, regressor: bool = False) -> Any:
    if data.is_binary and not regressor:
        return HistGradientBoostingClassifier(random_state=data.seed, **TREES)
    return HistGradientBoostingRegressor(random_state=data.seed, **TREES)


def linear(data: Training, *, regressor: bool = False) -> Any:
    if data.is_binary and not regressor:
        return make_pipeline(FeatureScaling(), LogisticRegression(max_iter=500))
    return make_pipeline(FeatureScaling(), Ridge(alpha=1.0))


def sklift_s(data: Training) -> Effects:
    from sklift.models import SoloModel

    return _per_e_mail(data, lambda: SoloModel(trees(data)))


def sklift_t(data: Training, learner: Callable[..., Any]) -> Effects:
    from sklift.models import TwoModels

    return _per_e_mail(data, lambda: TwoModels(learner(data), learner(data)))


def causalml_x(data: Training, learner: Callable[..., Any]) -> Effects:
    from causalml.inference.meta import BaseXRegressor

    model = BaseXRegressor(learner(data, regressor=True), control_name=0)
    model.fit(data.X, treatment=data.sent, y=data.y, p=_halves(len(data.y)))
    return lambda X: model.predict(X, p=_halves(len(X)), verbose=False)


def causalml_dr(data: Training, learner: Callable[..., Any]) -> Effects:
    from causalml.inference.meta import BaseDRLearner

    model = BaseDRLearner(learner(data, regressor=True), control_name=0)
    known = _halves(len(data.y))
    model.fit(data.X, treatment=data.sent, y=data.y, p=known, seed=data.seed)
    return lambda X: model.predict(X, verbose=False)


def econml_forest_dr(data: Training) -> Effects:
    from econml.dr import ForestDRLearner

    model = ForestDRLearner(
        model_regression=trees(data, regressor=True),
        model_propensity=DummyClassifier(),
        n_estimators=N_TREES,
        random_state=data.seed,
        **FOREST,
    )
    model.fit(data.y, data.sent, X=data.X)
    return model.const_marginal_effect


def econml_causal_forest(data: Training) -> Effects:
    from econml.dml import CausalForestDML

    model = CausalForestDML(
        model_y=trees(data, regressor=True),
        model_t=DummyClassifier(),
        discrete_treatment=True,
        n_estimators=N_TREES,
        inference=False,
        random_state=data.seed,
        **FOREST,
    )
    model.fit(data.y, data.sent, X=data.X)
    return model.const_marginal_effect


def econml_policy_forest(data: Training, *, cost: float) -> Options:
    from econml.policy import DRPolicyForest

    model = DRPolicyForest(
        model_regression=trees(data, regressor=True),
        model_propensity=DummyClassifier(),
        n_estimators=N_TREES,
        random_state=data.seed,
        **FOREST,
    )
    model.fit(data.y - cost * (data.sent > 0), data.sent, X=data.X)
    return lambda X: np.asarray(model.predict(X)).ravel().astype(int)


def _per_e_mail(data: Training, make: Callable[[], Any]) -> Effects:
    """Libraries for one treatment: one model per e-mail, on its rows and those of none."""
    models = []
    for option in (1, 2):
        rows = (data.sent == 0) | (data.sent == option)
        model = make()
        model.fit(data.X[rows], data.y[rows], (data.sent[rows] == option).astype(int))
        models.append(model)
    return lambda X: np.column_stack([model.predict(X) for model in models])


def _halves(n: int) -> dict[int, Floats]:
    """P(this e-mail | this e-mail or none) of every row, by e-mail."""
    return {option: np.full(n, 0.5) for option in (1, 2)}


@dataclass(frozen=True)
class Peer:
    """One method of a library. `effects` serve any cost; a policy is learned anew for each."""

    package: str  # as it is imported
    effects: Callable[[Training], Effects] | None = None
    policy: Callable[..., Options] | None = None


PEERS = {
    "scikit-uplift S, trees": Peer("sklift", sklift_s),
    "scikit-uplift T, trees": Peer("sklift", partial(sklift_t, learner=trees)),
    "scikit-uplift T, linear": Peer("sklift", partial(sklift_t, learner=linear)),
    "causalml X, trees": Peer("causalml", partial(causalml_x, learner=trees)),
    "causalml X, linear": Peer("causalml", partial(causalml_x, learner=linear)),
    "causalml DR, trees": Peer("causalml", partial(causalml_dr, learner=trees)),
    "causalml DR, linear": Peer("causalml", partial(causalml_dr, learner=linear)),
    "econml ForestDRLearner": Peer("econml", econml_forest_dr),
    "econml CausalForestDML": Peer("econml", econml_causal_forest),
    "econml DRPolicyForest": Peer("econml", policy=econml_policy_forest),
}

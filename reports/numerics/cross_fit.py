"""What the engine's choice would have been worth: learned on half of a log, valued on the rest."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from journeys.decisions.numerics.choice import choice_probabilities, has_minimum_evidence
from journeys.learning.numerics.design import FeatureScaling
from journeys.learning.numerics.uplift import UpliftModel, UpliftStatistics, winsor_limit
from reports.numerics.intervals import UNKNOWN, Interval
from reports.numerics.off_policy import (
    Log,
    ThinOverlap,
    doubly_robust_terms,
    over_splits,
    self_normalised_ips,
)

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ENGINE, GREEDY, NONE = "engine", "engine without exploration", "none"
RIDGE = 1.0  # imaginary customers that know nothing, per column of the reward model


@dataclass(frozen=True)
class LoggedChoices:
    """n choices among none (option 0) and K actions, as `reports.services.experiment_log` reads."""

    log: Log  # rewards before costs
    shares: Floats  # (n, K) control share, nan where not in the action's experiment
    segment_ids: NDArray[np.int64]  # (n,)
    features: Floats  # (n, d)
    costs: Floats  # (K,) of a contact, in the unit of the reward


@dataclass(frozen=True)
class PolicyWorth:
    """Reward less costs, per customer."""

    snips: Interval
    doubly_robust: Interval
    engine_gain: Interval  # the engine's value less this policy's, doubly robust, row by row
    effective_n: float  # mean over splits
    contacted: float  # share of customers that the policy contacts
    refusal: str = ""  # why there is no value


@dataclass
class _Tally:
    snips: list[float] = field(default_factory=list)
    robust: list[float] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    effective: list[float] = field(default_factory=list)
    contacted: list[float] = field(default_factory=list)
    refusal: str = ""


def cross_fitted(
    logged: LoggedChoices,
    action_names: list[str],
    *,
    n_splits: int,
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, PolicyWorth]:
    """Values of the engine's choice, of each action for all, and of none, by policy name.

    In each of n_splits random halvings everything is learned on one half (scales, winsor limit,
    uplift, minimum evidence, reward model) and valued on the other. Limits are those of Nadeau &
    Bengio (2003) for splits that share rows.
    """
    rng = np.random.default_rng(seed)
    n, tallies = len(logged.log), defaultdict[str, _Tally](_Tally)
    n_train = n // 2
    for _ in range(n_splits):
        order = rng.permutation(n)
        train, test = np.sort(order[:n_train]), np.sort(order[n_train:])
        _value_split(logged, action_names, train, test, tallies)
        progress()
    ratio = (n - n_train) / max(n_train, 1)
    return {name: _worth(tally, ratio) for name, tally in tallies.items()}


def _value_split(
    logged: LoggedChoices,
    action_names: list[str],
    train: Rows,
    test: Rows,
    tallies: Mapping[str, _Tally],
) -> None:
    costs = np.concatenate([[0.0], logged.costs])
    gross = logged.log.rows(test)
    log = Log(gross.chosen, gross.propensity, gross.reward - costs[gross.chosen], gross.support)
    policies, predicted = learned_policies(logged, train, test)
    policies |= {
        name: _always(option, len(log), len(costs))
        for option, name in enumerate([NONE, *action_names])
    }
    engine_terms = doubly_robust_terms(log, policies[ENGINE], predicted)
    for name, policy in policies.items():
        tally = tallies[name]
        tally.contacted.append(float(policy[:, 1:].sum() / len(log)))
        try:
            value = self_normalised_ips(log, policy)
        except ThinOverlap as error:
            tally.refusal = str(error)
            continue
        terms = doubly_robust_terms(log, policy, predicted)
        tally.snips.append(value.value)
        tally.effective.append(value.effective_n)
        tally.robust.append(float(terms.mean()))
        tally.gains.append(float((engine_terms - terms).mean()))


def learned_policies(
    logged: LoggedChoices, train: Rows, test: Rows
) -> tuple[dict[str, Floats], Floats]:
    """The engine's two policies on the test rows, and their rewards less costs as predicted."""
    log = logged.log
    scaling = FeatureScaling().fit(logged.features[train])
    X = scaling.transform(logged.features[train])
    limit = winsor_limit(log.reward[train])
    reward = np.clip(log.reward[train], -limit, limit)
    statistics = [_statistics(logged, k, train, X, reward) for k in range(len(logged.costs))]
    model = UpliftModel().fit(statistics, list(range(len(statistics))))

    model.gate(X, logged.segment_ids[train], logged.costs)
    X_test = scaling.transform(logged.features[test])
    prediction = model.predict(X_test, logged.segment_ids[test])
    nothing = np.zeros((len(test), 1))
    value = np.hstack([nothing, prediction.uplift - logged.costs])
    allowed = log.support[test] | (np.arange(value.shape[1]) == 0)
    evidence = has_minimum_evidence(*_counts(statistics))
    policies = {
        ENGINE: choice_probabilities(
            value, np.hstack([nothing, prediction.sd]), allowed, np.concatenate([[True], evidence])
        ),
        GREEDY: np.eye(value.shape[1])[np.where(allowed, value, -np.inf).argmax(axis=1)],
    }
    is_none = log.chosen[train] == 0
    baseline = X_test @ _ridge(X[is_none], reward[is_none])
    return policies, baseline[:, None] + value


def _statistics(
    logged: LoggedChoices, k: int, train: Rows, X: Floats, reward: Floats
) -> UpliftStatistics:
    """What the half says of action k: its own rows, and those of none that could have had it."""
    chosen, share = logged.log.chosen[train], logged.shares[train, k]
    of_action = ((chosen == k + 1) | (chosen == 0)) & ~np.isnan(share)
    treated = chosen[of_action] == k + 1
    return UpliftStatistics.from_contacts(
        X[of_action],
        logged.segment_ids[train][of_action],
        treated,
        reward[of_action],
        reward[of_action] > 0,
        weights=1 / np.where(treated, 1 - share[of_action], share[of_action]),
    )


def _counts(statistics: list[UpliftStatistics]) -> list[Floats]:
    """Test, its responders, control, its responders: (K,) each."""
    n = np.array([of_action.n for of_action in statistics])
    responded = np.array([of_action.n_responded for of_action in statistics])
    return [n[:, 1], responded[:, 1], n[:, 0], responded[:, 0]]


def _ridge(X: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.solve(X.T @ X + RIDGE * np.eye(X.shape[1]), X.T @ y))


def _always(option: int, n: int, n_options: int) -> Floats:
    policy = np.zeros((n, n_options))
    policy[:, option] = 1.0
    return policy


def _worth(tally: _Tally, ratio: float) -> PolicyWorth:
    contacted = float(np.mean(tally.contacted))
    if tally.refusal:
        return PolicyWorth(UNKNOWN, UNKNOWN, UNKNOWN, float("nan"), contacted, tally.refusal)
    return PolicyWorth(
        over_splits(tally.snips, test_to_train=ratio),
        over_splits(tally.robust, test_to_train=ratio),
        over_splits(tally.gains, test_to_train=ratio),
        float(np.mean(tally.effective)),
        contacted,
    )

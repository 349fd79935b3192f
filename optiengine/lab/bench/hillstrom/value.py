"""What each method's choice of e-mails would have been worth on the half not learned from."""

import math
import warnings
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optiengine.lab.bench.hillstrom.data import COST_OF_AN_E_MAIL, OPTIONS, Experiment, halves
from optiengine.lab.bench.hillstrom.peers import PEERS, Training
from optiengine.lab.bench.parallel import is_installed
from reports.numerics.cross_fit import ENGINE, GREEDY, learned_policies
from reports.numerics.off_policy import Log, doubly_robust_terms, error_over_splits

Floats = NDArray[np.float64]

BEST_SINGLE = "best single action"
TEST_TO_TRAIN = 1.0  # halves


@dataclass(frozen=True)
class Split:
    """One outcome, learned and valued on the halves of one seed."""

    experiment: Experiment
    outcome: str
    seed: int


@dataclass(frozen=True)
class Valued:
    """Doubly robust value per customer, less costs, by (cost of an e-mail, method)."""

    outcome: str
    seed: int
    values: dict[tuple[float, str], float]


def value_split(split: Split) -> Valued:
    learn, rest = halves(split.experiment.sent, seed=split.seed)
    costs = [0.0, COST_OF_AN_E_MAIL[split.outcome]]
    peers = _peers(split, learn, rest, costs)
    values = {}
    for cost in costs:
        logged = split.experiment.logged(split.outcome, cost=cost)
        engine, predicted = learned_policies(logged, learn, rest)
        gross = logged.log.rows(rest)
        net = gross.reward - cost * (gross.chosen > 0)
        log = Log(gross.chosen, gross.propensity, net, gross.support)
        policies = {
            GREEDY: engine[GREEDY],
            ENGINE: engine[ENGINE],
            BEST_SINGLE: _certain(np.full(len(rest), best_single(split, cost))),
            **{name: _certain(chosen) for (at, name), chosen in peers.items() if at == cost},
        }
        for name, policy in policies.items():
            values[cost, name] = float(doubly_robust_terms(log, policy, predicted).mean())
    return Valued(split.outcome, split.seed, values)


def best_single(split: Split, cost: float) -> int:
    """The option that is best for all, with hindsight: judged on both halves."""
    y, sent = split.experiment.outcome[split.outcome], split.experiment.sent
    means = [y[sent == option].mean() - cost * (option > 0) for option in range(len(OPTIONS))]
    return int(np.argmax(means))


def hillstrom_rows(results: list[Valued]) -> list[dict]:
    """A row per outcome, cost and method: value, less the best single, engine less this method."""
    values = defaultdict[tuple[str, float, str], list[float]](list)
    for result in sorted(results, key=lambda result: result.seed):
        for (cost, name), value in result.values.items():
            values[result.outcome, cost, name].append(value)
    rows: list[dict[str, Any]] = []
    for outcome, with_cost in [(o, c) for o in COST_OF_AN_E_MAIL for c in (False, True)]:
        cost = COST_OF_AN_E_MAIL[outcome] if with_cost else 0.0
        if (outcome, cost, GREEDY) not in values:
            continue
        # Rates in points, money in dollars.
        unit = 1.0 if outcome == "spend" else 100.0
        greedy = np.array(values[outcome, cost, GREEDY]) * unit
        single = np.array(values[outcome, cost, BEST_SINGLE]) * unit
        for name in [GREEDY, ENGINE, BEST_SINGLE, *PEERS]:
            row: dict[str, Any] = {"outcome": outcome, "cost": cost * unit, "method": name}
            if values_of_seeds := values.get((outcome, cost, name)):
                worth = np.array(values_of_seeds) * unit
                row |= {"value": _rounded(worth.mean())}
                row |= _difference("less_best_single", worth - single)
                row |= _difference("engine_less_this", greedy - worth)
            else:
                row |= {"value": "not installed"}
            rows.append(row)
    return rows


def _peers(
    split: Split, learn: NDArray[np.intp], rest: NDArray[np.intp], costs: list[float]
) -> dict[tuple[float, str], NDArray[np.int64]]:
    """What each installed peer sends to each customer, by (cost, name)."""
    X, outcome = split.experiment.features, split.experiment.outcome[split.outcome]
    data = Training(X[learn], split.experiment.sent[learn], outcome[learn], split.seed)
    chosen = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, of versions to come
        for name, peer in PEERS.items():
            if not is_installed(peer.package):
                continue
            if peer.effects:
                effects = peer.effects(data)(X[rest])
                for cost in costs:
                    worth = np.column_stack([np.zeros(len(rest)), effects - cost])
                    chosen[cost, name] = worth.argmax(axis=1)
            elif peer.policy:
                for cost in costs:
                    chosen[cost, name] = peer.policy(data, cost=cost)(X[rest])
    return chosen


def _certain(chosen: NDArray[np.int64]) -> Floats:
    return np.eye(len(OPTIONS))[chosen]


def _difference(name: str, values: Floats) -> dict[str, float | None]:
    error = error_over_splits(values.tolist(), test_to_train=TEST_TO_TRAIN)
    return {
        name: _rounded(values.mean()),
        f"{name}_se": None if math.isnan(error) else _rounded(error),
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)

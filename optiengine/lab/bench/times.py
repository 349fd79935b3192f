"""Processor time of learning from a contact and of deciding for a customer, ours and the peers'.

Policies of the bandit world play one dense world: all that learning took in its 30 days, refits
included, over the contacts learned from; all that choosing took over the decisions. Models of
uplift learn from 32,000 customers with nine features and two e-mails, once, and decide for as
many others. The features are random: what they mean has no part in how long it takes.
"""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeys.decisions.numerics.choice import choice_probabilities
from journeys.draws import keyed_uniform, pick
from journeys.learning.numerics.uplift import UpliftModel, UpliftStatistics
from optiengine.lab.bench.bandits.entrants import ENTRANTS
from optiengine.lab.bench.bandits.games import N_CUSTOMERS, Game, play_game
from optiengine.lab.bench.hillstrom.peers import PEERS, Floats, Options, Training
from optiengine.lab.bench.parallel import is_installed

N_TRAINING = 32_000
N_FEATURES = 9
ENGINE = "engine"
BANDITS, UPLIFT = "bandit world", "two e-mails"


@dataclass(frozen=True)
class Timed:
    on: str  # BANDITS or UPLIFT
    method: str
    n: int  # customers


def timed(*, customers: int | None = None) -> list[Timed]:
    players = [name for name in ENTRANTS if name not in ("oracle", "uniform")]
    return [
        *(Timed(BANDITS, name, customers or N_CUSTOMERS) for name in players),
        *(Timed(UPLIFT, name, customers or N_TRAINING) for name in (ENGINE, *PEERS)),
    ]


def time_method(task: Timed) -> dict[str, Any]:
    """Microseconds of the processor per decision and per learned contact, in one thread."""
    row: dict[str, Any] = {"on": task.on, "method": task.method}
    owner = ENTRANTS if task.on == BANDITS else PEERS
    if task.method in owner and not is_installed(owner[task.method].package):
        return row | {"decision_us": "not installed", "learned_us": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, of versions to come
        learning, choosing = (_bandit if task.on == BANDITS else _uplift)(task)
    return row | {
        "decision_us": round(choosing / task.n * 1e6, 3),
        "learned_us": round(learning / task.n * 1e6, 3),
    }


def _bandit(task: Timed) -> tuple[float, float]:
    _game, played = play_game(Game("dense", task.method, 0, task.n))
    return played.learn_seconds, played.choose_seconds


def _uplift(task: Timed) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    X, sent = rng.normal(size=(task.n, N_FEATURES)), rng.integers(3, size=task.n)
    y = (rng.random(task.n) < 0.1 + 0.05 * (sent > 0)).astype(float)
    learn = _learn_engine if task.method == ENGINE else _learn_peer
    began = time.process_time()
    decide = learn(task.method, Training(X, sent, y, seed=0))
    learned = time.process_time()
    decide(X)
    return learned - began, time.process_time() - learned


def _learn_engine(name: str, data: Training) -> Options:
    """As in production: sums per action, the posterior, then probabilities and the keyed draw."""
    X = np.column_stack([np.ones(len(data.X)), data.X])
    segments = np.zeros(len(X), dtype=np.int64)
    statistics = []
    for option in (1, 2):
        rows = (data.sent == 0) | (data.sent == option)
        statistics.append(
            UpliftStatistics.from_contacts(
                X[rows], segments[rows], data.sent[rows] == option, data.y[rows], data.y[rows]
            )
        )
    model = UpliftModel().fit(statistics, [1, 2])

    def decide(features: Floats) -> NDArray[np.int64]:
        prediction = model.predict(np.column_stack([np.ones(len(features)), features]), segments)
        nothing = np.zeros((len(features), 1))
        value, sd = np.hstack([nothing, prediction.uplift]), np.hstack([nothing, prediction.sd])
        p = choice_probabilities(value, sd, np.ones(value.shape, bool), np.ones(3, bool))
        return pick(p, keyed_uniform(np.arange(len(p)), seed=0, purpose="choice"))

    return decide


def _learn_peer(name: str, data: Training) -> Options:
    peer = PEERS[name]
    if peer.policy:
        return peer.policy(data, cost=0.0)
    assert peer.effects
    effects = peer.effects(data)
    return lambda X: np.column_stack([np.zeros(len(X)), effects(X)]).argmax(axis=1)

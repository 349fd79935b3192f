"""The engine's choice between branches of a map: by what the first message of each is worth."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.models import Arm
from campaigns.services.load_arms import load_arms
from journeys.decisions.live_rules import LiveRules, live_rules
from journeys.decisions.numerics.choice import choice_probabilities
from journeys.decisions.numerics.occasion import Occasion
from journeys.decisions.pipeline import JudgedBatch, judge_batch
from journeys.draws import keyed_uniform, pick
from journeys.errors import StaleState
from journeys.maps.numerics.journey_graph import Graph, Step
from journeys.maps.travellers import graph_of
from journeys.models import JourneyMap, MapVersion


def rules_for_splits(now: datetime) -> LiveRules | None:
    """What the engine values messages by, if a map that runs asks for it; None: nothing is known.

    To be called outside of a transaction that may be undone, for it writes down what it rests on.
    """
    running = MapVersion.objects.filter(map__status=JourneyMap.Status.ACTIVE).exclude(
        launched_at=None
    )
    graphs = map(graph_of, running.values_list("pk", flat=True))
    if not any(step.fork == "engine" for graph in graphs for step in graph.steps.values()):
        return None
    try:
        return live_rules(now)
    except StaleState:
        return None


def split_by_engine(
    step: Step,
    graph: Graph,
    customer_ids: Sequence[int],
    *,
    rules: LiveRules | None,
    seed: int,
    now: datetime,
) -> list[tuple[str, float]]:
    """The branch of each customer, and the probability with which it was chosen.

    A branch is worth what the best possible action of the first campaign behind it is worth. Where
    evidence is short, for the baseline arm and where nothing is known, chances are even. The draw
    is keyed by the map's seed, the step, the moment and the customer.
    """
    ids = np.array(customer_ids, dtype=np.int64)
    known, inverse = np.unique(ids, return_inverse=True)
    p = np.full((len(known), len(step.ports)), 1 / len(step.ports))
    if rules is not None:
        sends = [graph.first_send(step.id, port) for port in step.ports]
        campaigns = [send["campaign"] if send else None for send in sends]
        judged, of_judged = _probabilities(rules, known, campaigns, now)
        p[np.searchsorted(known, judged)] = of_judged
    purpose = f"engine {step.id} {now.isoformat()}"
    branch = pick(p[inverse], keyed_uniform(ids, seed=seed, purpose=purpose))
    chances = p[inverse, branch]
    return [(step.ports[b], c) for b, c in zip(branch.tolist(), chances.tolist(), strict=True)]


def _probabilities(
    rules: LiveRules, ids: NDArray[np.int64], campaigns: Sequence[int | None], now: datetime
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The customers who are known at this moment (n,), and their branches' chances (n, K)."""
    inputs = rules.inputs
    batch = rules.customers.read(ids.tolist(), now)
    if not len(batch):
        return batch.customer_ids, np.zeros((0, len(campaigns)))
    arms = load_arms(
        inputs.run.plan_id, batch.customer_ids, as_of=rules.day, otherwise=Arm.BASELINE
    )
    judged = judge_batch(inputs, batch, arms, Occasion(is_step=True))
    columns = [
        np.array(
            [
                index
                for index, action in enumerate(inputs.book.actions)
                if inputs.book.campaigns[action.campaign].id == campaign
            ],
            dtype=np.int64,
        )
        for campaign in campaigns
    ]
    return batch.customer_ids, branch_chances(judged, columns, inputs.evidence_ok)


def branch_chances(
    judged: JudgedBatch, columns: Sequence[NDArray[np.int64]], evidence_ok: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(n, K) probability of each of K branches, by `choice_probabilities`.

    columns : per branch the actions of its first campaign, on the rulebook's axis. A branch none of
    whose actions is possible for a customer, by the facts, is left out; if all are, none is. In the
    baseline arm chances are even.
    """
    n, k = len(judged.batch), len(columns)
    value, sd, shared = np.zeros((n, k)), np.zeros((n, k)), np.zeros((n, k))
    allowed = np.zeros((n, k), dtype=bool)
    rows = np.arange(n)
    for branch, places in enumerate(columns):
        if not len(places):
            continue
        possible = judged.codes[:, places] == 0
        best = places[np.where(possible, judged.worth.total[:, places], -np.inf).argmax(axis=1)]
        allowed[:, branch] = possible.any(axis=1)
        value[:, branch] = judged.worth.total[rows, best]
        sd[:, branch], shared[:, branch] = (
            judged.worth.sd[rows, best],
            judged.worth.shared_sd[rows, best],
        )
    nothing = ~allowed.any(axis=1)
    allowed[nothing], value[nothing] = True, 0
    known = np.array([len(places) > 0 and bool(evidence_ok[places].all()) for places in columns])
    p = choice_probabilities(value, sd, allowed, known, shared_sd=shared, with_none=False)
    even = allowed / allowed.sum(axis=1, keepdims=True)
    return np.where((judged.arms == Arm.BASELINE)[:, None], even, p)

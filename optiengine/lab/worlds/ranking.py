"""The best fixed order of campaigns in hindsight, found with true values."""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.verdict_codes import Verdict
from optiengine.lab.worlds.foresight import SeriesPlan
from optiengine.lab.worlds.lab import Lab
from optiengine.lab.worlds.scenario import LabScenario

SAMPLE = 2_000  # customers on whom orders are compared
SERIES_SAMPLE = 300
CONSIDERED = 40  # campaigns that may enter an order by improvement
MOMENTS = (0.1, 0.5, 0.9)  # of the world's days, on which values are looked at

Floats = NDArray[np.float64]


def best_order(scenario: LabScenario) -> list[int]:
    """The order of greatest true value; what is not in it is not sent.

    In a series: by brute force, exactly (see `series_orders`). Elsewhere: greedy by gain, then
    omissions, exchanges and insertions until none gains: a local optimum, and the best order
    where all campaigns are for everyone.
    """
    if scenario.steps:
        lab = Lab(scenario)
        rows = np.arange(min(SERIES_SAMPLE, len(lab.population)))
        return max(
            series_orders(scenario), key=lambda o: SeriesPlan(lab, rows, order=o).value.mean()
        )
    values = true_values(scenario)
    return improved(greedy(values, slots(scenario)), values, slots(scenario))


def best_single(scenario: LabScenario) -> list[int]:
    """The one campaign that is best for all."""
    if scenario.steps:
        lab = Lab(scenario)
        rows = np.arange(min(SERIES_SAMPLE, len(lab.population)))
        alone = [[c] for c in range(len(scenario.campaigns))]
        return max(alone, key=lambda o: SeriesPlan(lab, rows, order=o).value.mean())
    return [int(true_values(scenario).sum(axis=0).argmax())]


def series_orders(scenario: LabScenario) -> list[list[int]]:
    """Every order that can differ: what follows a campaign that is always open is never reached."""
    follows = {step.target for step in scenario.steps}
    at_times = [i for i, c in enumerate(scenario.campaigns) if i in follows or c.every_days > 1]
    always = [i for i in range(len(scenario.campaigns)) if i not in at_times]
    heads = [head for k in range(len(at_times) + 1) for head in permutations(at_times, k)]
    return [
        [*head, *tail] for head in heads for tail in ([], *([always_on] for always_on in always))
    ]


def slots(scenario: LabScenario) -> int:
    """How many campaigns a customer can get before the first of them is allowed again."""
    return -(-scenario.repeat_days // scenario.slot_days)


def true_values(scenario: LabScenario) -> Floats:
    """(rows, campaigns) net value of a contact at some moments; 0 where not allowed."""
    lab = Lab(scenario)
    blocks = []
    for moment in MOMENTS:
        day = int(moment * scenario.n_days)
        now = lab.situation_of(np.flatnonzero(lab.population.joined_day <= day)[:SAMPLE], day)
        values = np.zeros((len(now.morning.rows), len(scenario.campaigns)))
        net = lab.true_uplift_cents(now) - now.book.cost_cents
        values[:, now.campaigns] = np.where(now.codes == Verdict.ALLOWED, net, 0.0)
        blocks.append(values)
    return np.vstack(blocks)


def order_value(order: list[int], values: Floats, n_slots: int) -> float:
    """True value of a round: each customer gets the first few campaigns that he is allowed.

    Of daily limits nothing is known here: an order that they cut short is worth less.
    """
    left, total = np.full(len(values), n_slots), 0.0
    for campaign in order:
        gets = (values[:, campaign] != 0) & (left > 0)
        total += float(values[gets, campaign].sum())
        left -= gets
    return total


def greedy(values: Floats, n_slots: int) -> list[int]:
    """Always the campaign that adds most to those who still have a slot."""
    order: list[int] = []
    left = np.full(len(values), n_slots)
    while True:
        gain = values[left > 0].sum(axis=0)
        gain[order] = -np.inf
        if len(order) == values.shape[1] or gain.max() <= 0:
            return order
        order.append(int(gain.argmax()))
        left -= (values[:, order[-1]] != 0) & (left > 0)


def improved(order: list[int], values: Floats, n_slots: int) -> list[int]:
    """Hill climbing by omissions, exchanges and insertions of the campaigns of highest mean."""
    best = order_value(order, values, n_slots)
    others = np.argsort(-values.sum(axis=0))[:CONSIDERED].tolist()
    for _ in range(values.shape[1]):
        neighbours = [order[:i] + order[i + 1 :] for i in range(len(order))]
        for i, campaign in enumerate(order):
            for other in others:
                neighbours.append([{campaign: other, other: campaign}.get(c, c) for c in order])
                rest = [c for c in order if c != other]
                neighbours.append([*rest[:i], other, *rest[i:]])
        scores = [order_value(neighbour, values, n_slots) for neighbour in neighbours]
        if not scores or max(scores) <= best + 1e-6:
            break
        best = max(scores)
        order = neighbours[int(np.argmax(scores))]
    return order

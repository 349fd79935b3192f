"""The best fixed order in hindsight, found with true values."""

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.verdicts import Verdict
from optiengine.world.lab.lab import Lab
from optiengine.world.lab.scenarios import REPEAT_DAYS, SLOT_DAYS, LabScenario

SAMPLE = 2_000  # customers on whom orders are compared


def best_order(scenario: LabScenario) -> list[int]:
    """A local optimum of the true value: greedy, then swaps and omissions until none gains.

    Under a cap and a repetition rule a customer gets, over and over, the first few campaigns of
    the order that are allowed for him; an order is worth the sum of their true net values.
    """
    values, allowed = true_values(scenario)
    order = [int(c) for c in np.argsort(-np.where(allowed, values, 0).mean(axis=0))]
    order = [c for c in order if np.where(allowed, values, 0)[:, c].mean() > 0]
    return improved(order, values, allowed)


def best_single(scenario: LabScenario) -> list[int]:
    values, allowed = true_values(scenario)
    return [int(np.where(allowed, values, 0).mean(axis=0).argmax())]


def true_values(scenario: LabScenario) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(sample, campaigns) net value of a first contact on the last day, and who may get it."""
    lab = Lab(scenario)
    lab.next_slot[:] = np.where(np.arange(len(lab.next_slot)) < SAMPLE, 0, 1_000_000)
    now = lab.situation(day=max(c.first_day for c in scenario.campaigns))
    values = lab.true_uplift_cents(now) - now.book.cost_cents
    return values, now.codes == Verdict.ALLOWED


def improved(
    order: list[int], values: NDArray[np.float64], allowed: NDArray[np.bool_]
) -> list[int]:
    """Hill climbing over exchanges of two places and omissions of one."""
    best = order_value(order, values, allowed)
    gained = True
    while gained:
        gained = False
        neighbours = [order[:i] + order[i + 1 :] for i in range(len(order))]
        for i in range(len(order)):
            for j in range(i + 1, len(order)):
                swapped = order.copy()
                swapped[i], swapped[j] = swapped[j], swapped[i]
                neighbours.append(swapped)
        for neighbour in neighbours:
            found = order_value(neighbour, values, allowed)
            if found > best * (1 + 1e-9):
                order, best, gained = neighbour, found, True
                break
    return order


def order_value(order: list[int], values: NDArray[np.float64], allowed: NDArray[np.bool_]) -> float:
    """Mean true value per customer of a round: the first few allowed campaigns of the order."""
    per_round = -(-REPEAT_DAYS // SLOT_DAYS)
    left = np.full(len(values), per_round)
    total = 0.0
    for campaign in order:
        gets = allowed[:, campaign] & (left > 0)
        total += values[gets, campaign].sum()
        left -= gets
    return total / len(values)

"""The worlds by name. Each is a function of (customers, days, seed) and of nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator

from optiengine.lab.worlds.effects import Change, Effect, Term
from optiengine.lab.worlds.population import STATIC, TRAITS, Population
from optiengine.lab.worlds.scenario import LabCampaign, LabScenario, Step

N_CAMPAIGNS = 25
SLOT_DAYS = 7


def mixed_effect(i: int, rng: Generator) -> Effect:
    """Effects of all shapes in turn: constant, linear, threshold, interaction, for and against."""

    def some(k: int) -> tuple[str, ...]:
        return tuple(str(name) for name in rng.choice(TRAITS, k, replace=False))

    match i % 5:
        case 0:
            return Effect(float(rng.uniform(0.6, 1.6)))
        case 1:
            weights = rng.uniform(0.6, 1.4, 2) * rng.choice([-1, 1], 2)
            terms = tuple(Term(float(w), (t,)) for w, t in zip(weights, some(2), strict=True))
            return Effect(float(rng.uniform(0.4, 1.2)), terms)
        case 2:
            cut = float(rng.uniform(0.3, 0.9))
            base, more = float(rng.uniform(-0.4, 0.4)), float(rng.uniform(2.5, 5.0))
            return Effect(base, (Term(more, some(1), (cut,)),))
        case 3:
            cuts = tuple(float(c) for c in rng.uniform(-0.3, 0.3, 2))
            base, more = float(rng.uniform(-0.4, 0.4)), float(rng.uniform(2.5, 5.0))
            return Effect(base, (Term(more, some(2), cuts),))
        case _:
            weight = float(rng.choice([-1, 1]) * rng.uniform(1.0, 2.0))
            return Effect(0.3, (Term(weight, some(1)),))


def mixed_campaigns(n: int, seed: int) -> tuple[LabCampaign, ...]:
    """n campaigns of all shapes; a fifteenth has a target group, a fourth goes by push."""
    rng = np.random.default_rng(seed)
    rules: list[dict[str, Any]] = [
        {"field": "feature.tenure_days", "op": "gt", "value": 100},
        {"field": "stage", "op": "in", "value": ["active", "at_risk"]},
    ]
    return tuple(
        LabCampaign(
            name=f"campaign {i + 1}",
            effect=mixed_effect(i, rng),
            cost_cents=float(rng.choice([2, 4, 6])),
            channel="push" if i % 4 == 3 else "email",
            rule=rules[i // 15 % 2] if i % 15 == 2 else {},
        )
        for i in range(n)
    )


def heterogeneous(n: int, days: int, seed: int) -> LabScenario:
    """25 campaigns, each good for some customers, and nothing or harm for the others."""
    population = Population.generate(n, seed=seed, slot_days=SLOT_DAYS)
    return LabScenario("heterogeneous", seed, days, population, mixed_campaigns(N_CAMPAIGNS, seed))


def null(n: int, days: int, seed: int) -> LabScenario:
    """A/A: messages do nothing and cost nothing."""
    world = heterogeneous(n, days, seed)
    idle = tuple(replace(c, effect=Effect(0.0), cost_cents=0.0) for c in world.campaigns)
    return replace(world, name="null", campaigns=idle)


def series(n: int, days: int, seed: int) -> LabScenario:
    """The invitation sells next to nothing, but who visits on it is open to the better series.

    Beside it two campaigns that bring more at once, and one that is best of all but runs once
    in two weeks: who was contacted shortly before cannot get it.
    """
    rng = np.random.default_rng(seed)
    liking = str(rng.choice(STATIC[:4]))
    visits = Effect(40.0, (Term(15.0, ("engaged",)), Term(8.0, (liking,))), most_points=90.0)
    campaigns = (
        LabCampaign("invitation", Effect(0.3), visit=visits),
        LabCampaign("consultation", Effect(2.6, (Term(0.6, (liking,)),)), visit=visits),
        LabCampaign("made to measure", Effect(4.5, (Term(0.8, ("spend",)),)), visit=visits),
        LabCampaign("bargains", Effect(0.9, (Term(0.7, ("price",)),)), visit=Effect(15.0)),
        LabCampaign("news", Effect(0.8), visit=Effect(20.0)),
        LabCampaign("fortnight's event", Effect(2.2), every_days=14, visit=Effect(30.0)),
    )
    population = Population.generate(n, seed=seed, slot_days=SLOT_DAYS)
    return LabScenario(
        "series",
        seed,
        days,
        replace(population, price_moves=False),  # so that what is worth what can be foreseen
        campaigns,
        steps=(Step(0, 1, "responders"), Step(1, 2, "responders")),
        repeat_days=SLOT_DAYS,
    )


def fatigue(n: int, days: int, seed: int) -> LabScenario:
    """A message every third day is allowed, but each one takes from the effect of the next."""
    world = heterogeneous(n, days, seed)
    same_cost = tuple(replace(c, cost_cents=3.0) for c in world.campaigns)
    return replace(
        world, name="fatigue", campaigns=same_cost, fatigue=0.6, slot_days=3, repeat_days=3
    )


def wear_out(n: int, days: int, seed: int) -> LabScenario:
    """Half of the campaigns wear out around two fifths of the time; the others come up then."""
    world = heterogeneous(n, days, seed)
    changed = tuple(
        replace(
            c,
            effect=replace(
                c.effect, change=Change(0.4 * days, "fade" if i % 2 else "rise", days / 30)
            ),
        )
        for i, c in enumerate(world.campaigns)
    )
    return replace(world, name="wear-out", campaigns=changed)


def scarce(n: int, days: int, seed: int) -> LabScenario:
    """Three campaigns bring more than all others, to a twentieth of the free slots each day."""
    world = heterogeneous(n, days, seed)
    gift = tuple(
        LabCampaign(f"gift {i + 1}", Effect(4.0, (Term(2.0, (trait,)),)), cost_cents=20.0)
        for i, trait in enumerate(("taste_a", "age", "engaged"))
    )
    limit = max(1, n // SLOT_DAYS // 20)
    return replace(
        world,
        name="scarce",
        campaigns=gift + world.campaigns[: N_CAMPAIGNS - len(gift)],
        daily_limits=dict.fromkeys(range(len(gift)), limit),
    )


def delayed(n: int, days: int, seed: int) -> LabScenario:
    """Orders come up to three weeks after the message, when others were sent meanwhile."""
    world = heterogeneous(n, days, seed)
    return replace(world, name="delayed", window_days=21, delay_decay=0.93)


def cold_start(n: int, days: int, seed: int) -> LabScenario:
    """A third of the campaigns begin half way, and a quarter of the customers join meanwhile."""
    world = heterogeneous(n, days, seed)
    late = tuple(
        replace(c, first_day=days // 2) if i % 3 == 1 else c for i, c in enumerate(world.campaigns)
    )
    population = Population.generate(
        n, seed=seed, slot_days=SLOT_DAYS, newcomers=n // 4, newcomer_days=max(1, days - 10)
    )
    return replace(world, name="cold-start", campaigns=late, population=population)


def many(n: int, days: int, seed: int) -> LabScenario:
    """300 campaigns, so that each has few contacts."""
    world = heterogeneous(n, days, seed)
    return replace(world, name="many", campaigns=mixed_campaigns(300, seed))


def heavy_tailed(n: int, days: int, seed: int) -> LabScenario:
    """As heterogeneous, with margins whose fourth moment does not exist."""
    world = heterogeneous(n, days, seed)
    population = replace(world.population, heavy_tails=True)
    return replace(world, name="heavy-tailed", population=population)


SCENARIOS: dict[str, Callable[[int, int, int], LabScenario]] = {
    "heterogeneous": heterogeneous,
    "null": null,
    "series": series,
    "fatigue": fatigue,
    "wear-out": wear_out,
    "scarce": scarce,
    "delayed": delayed,
    "cold-start": cold_start,
    "many": many,
    "heavy-tailed": heavy_tailed,
}

"""The lab's worlds: who lives there, which campaigns exist, what they do, by a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.random import Generator

from campaigns.numerics.rulebook import (
    ActionEntry,
    CampaignEntry,
    CapEntry,
    FollowUpEntry,
    Rulebook,
)
from optiengine.world.lab.effects import Effect, Term
from optiengine.world.lab.population import STATIC, Population

CONTROL_SHARE = 0.1
SLOT_DAYS = 7  # at most one contact within so many days
REPEAT_DAYS = 21
WINDOW_DAYS = 7
N_CAMPAIGNS = 25


@dataclass(frozen=True)
class LabCampaign:
    """A campaign of one action and its truth. Days are those of the world."""

    name: str
    effect: Effect
    cost_cents: float = 3.0
    channel: str = "email"
    rule: dict[str, Any] = field(default_factory=dict)
    repeat_days: int = REPEAT_DAYS
    first_day: int = 0
    responds_by: Literal["order", "visit"] = "order"
    visit: Effect | None = None  # P(visit | sent) in percent; for responds_by visit


@dataclass(frozen=True)
class Step:
    """Campaign `target` opens for some days, `after_days` after a contact by `source`."""

    source: int
    target: int
    outcome: Literal["all", "responders", "non_responders"]
    after_days: int = SLOT_DAYS
    within_days: int = SLOT_DAYS


@dataclass(frozen=True)
class LabScenario:
    """A population and its campaigns. All is known, all follows from the seed."""

    name: str
    seed: int
    population: Population
    campaigns: tuple[LabCampaign, ...]
    steps: tuple[Step, ...] = ()
    window_days: int = WINDOW_DAYS
    delay_decay: float = 0.7  # each later day of the window is that much less likely
    fatigue: float = 0.0  # a recent contact takes this share of the next one's effect, about
    daily_limits: dict[int, int] = field(default_factory=dict)  # contacts a day, by campaign
    control_share: float = CONTROL_SHARE

    def book(self, day: int, *, lookahead: bool = True) -> Rulebook:
        """What the engine is told on a day. Without lookahead a series' steps still open and
        close campaigns; see `policies.Myopic` for what is not counted."""
        running = [i for i, c in enumerate(self.campaigns) if c.first_day <= day]
        place = {campaign: at for at, campaign in enumerate(running)}
        return Rulebook(
            campaigns=tuple(self._entry(i) for i in running),
            actions=tuple(
                ActionEntry(
                    id=i + 1,
                    campaign=place[i],
                    name=self.campaigns[i].name,
                    channel=self.campaigns[i].channel,
                    cost_cents=self.campaigns[i].cost_cents,
                )
                for i in running
            ),
            caps=(CapEntry("slot", "", None, 1, "days", SLOT_DAYS),),
            follow_ups=tuple(
                FollowUpEntry(s.source + 1, place[s.target], s.after_days, s.within_days, s.outcome)
                for s in self.steps
                if s.source in place and s.target in place
            ),
        )

    def _entry(self, i: int) -> CampaignEntry:
        campaign = self.campaigns[i]
        return CampaignEntry(
            id=i + 1,
            name=campaign.name,
            rank=None,
            rule=campaign.rule,
            event_kind=campaign.responds_by,
            window_days=self.window_days,
            tags=(),
            control_share=self.control_share,
            in_addition=False,
            repeat_after_days=campaign.repeat_days,
            duration_days=0,
            ignores_durations=False,
            runs_today=True,
            next_in_days=None,
        )


def mixed_effect(i: int, rng: Generator) -> Effect:
    """Effects of all shapes in turn: constant, linear, threshold, interaction, for and against."""

    def some(k: int) -> tuple[str, ...]:
        return tuple(str(name) for name in rng.choice([*STATIC, "recency", "tenure"], k, False))

    sign = float(rng.choice([-1, 1]))
    match i % 5:
        case 0:
            return Effect(float(rng.uniform(0.4, 1.2)))
        case 1:
            weights = rng.uniform(0.6, 1.2, 2) * rng.choice([-1, 1], 2)
            terms = tuple(Term(float(w), (t,)) for w, t in zip(weights, some(2), strict=True))
            return Effect(float(rng.uniform(0.2, 0.8)), terms)
        case 2:
            cut = float(rng.uniform(0.3, 0.9))
            return Effect(-0.3, (Term(float(rng.uniform(2.5, 4.0)), some(1), (cut,)),))
        case 3:
            cuts = tuple(float(c) for c in rng.uniform(-0.3, 0.3, 2))
            return Effect(-0.2, (Term(float(rng.uniform(2.5, 4.0)), some(2), cuts),))
        case _:
            return Effect(0.2, (Term(sign * float(rng.uniform(1.0, 1.8)), some(1)),))


def mixed_campaigns(n: int, seed: int) -> tuple[LabCampaign, ...]:
    """n campaigns of all shapes; every fifth is for some customers alone, every fourth by push."""
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
            rule=rules[i // 5 % 2] if i % 5 == 2 and i // 5 % 3 == 0 else {},
        )
        for i in range(n)
    )


def heterogeneous(n: int, seed: int) -> LabScenario:
    """25 campaigns, each good for some customers and nothing, or harm, for the others."""
    population = Population.generate(n, seed=seed, slot_days=SLOT_DAYS)
    return LabScenario("heterogeneous", seed, population, mixed_campaigns(N_CAMPAIGNS, seed))


SCENARIOS: dict[str, Callable[[int, int], LabScenario]] = {"heterogeneous": heterogeneous}

"""What a world of the lab is made of: its people, its campaigns, and what these truly do."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.foresight import FORESIGHT_DAYS
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import (
    ActionEntry,
    CampaignEntry,
    CapacityEntry,
    CapEntry,
    FollowUpEntry,
)
from optiengine.lab.worlds.effects import Effect
from optiengine.lab.worlds.population import Population


@dataclass(frozen=True)
class LabCampaign:
    """A campaign of one action and its truth. Days are those of the world."""

    name: str
    effect: Effect
    cost_cents: float = 3.0
    channel: str = "email"
    rule: dict[str, Any] = field(default_factory=dict)
    first_day: int = 0
    every_days: int = 1  # runs on the last of so many days
    visit: Effect | None = None  # visits per hundred sent; customers respond by these, not orders

    def days_until(self, day: int) -> int:
        """0 on a day on which it runs."""
        return self.every_days - 1 - day % self.every_days


@dataclass(frozen=True)
class Step:
    """Campaign `target` opens after a contact by `source`, from the next free slot to the one
    after it."""

    source: int
    target: int
    outcome: Literal["all", "responders", "non_responders"]


@dataclass(frozen=True)
class LabScenario:
    """All is known, all follows from the seed. At most one contact within `slot_days`."""

    name: str
    seed: int
    n_days: int
    population: Population
    campaigns: tuple[LabCampaign, ...]
    steps: tuple[Step, ...] = ()
    slot_days: int = 7
    repeat_days: int = 21  # until the same campaign again
    window_days: int = 7
    delay_decay: float = 0.7  # each later day of the window is that much less likely
    fatigue: float = 0.0  # effects shrink by exp(-fatigue x recent messages)
    daily_limits: dict[int, int] = field(default_factory=dict)  # messages a day, by campaign
    control_share: float = 0.1  # under every policy

    def book(self, day: int) -> Rulebook:
        """What the engine is told on a day."""
        begun = [i for i, c in enumerate(self.campaigns) if c.first_day <= day]
        index_of = {campaign: at for at, campaign in enumerate(begun)}
        return Rulebook(
            campaigns=tuple(self._entry(i, day) for i in begun),
            actions=tuple(
                ActionEntry(
                    id=i + 1,
                    campaign=index_of[i],
                    name=self.campaigns[i].name,
                    channel=self.campaigns[i].channel,
                    cost_cents=self.campaigns[i].cost_cents,
                )
                for i in begun
            ),
            caps=(CapEntry("slot", "", None, 1, "days", self.slot_days),),
            follow_ups=tuple(
                FollowUpEntry(
                    source_id=s.source + 1,
                    target=index_of[s.target],
                    after_days=self.slot_days,
                    within_days=self.slot_days,
                    outcome=s.outcome,
                )
                for s in self.steps
                if s.source in index_of and s.target in index_of
            ),
            capacities=tuple(
                CapacityEntry(
                    id=campaign + 1,
                    name=self.campaigns[campaign].name,
                    measure="contacts",
                    channel="",
                    tag=None,
                    campaign=campaign + 1,
                    action=None,
                    period="day",
                    maximum=limit,
                    minimum=0,
                    days_left=1,
                )
                for campaign, limit in self.daily_limits.items()
                if campaign in index_of
            ),
        )

    def _entry(self, i: int, day: int) -> CampaignEntry:
        campaign = self.campaigns[i]
        wait = campaign.days_until(day)
        return CampaignEntry(
            id=i + 1,
            name=campaign.name,
            rank=None,
            rule=campaign.rule,
            event_kind="visit" if campaign.visit else "order",
            window_days=self.window_days,
            tags=(),
            control_share=self.control_share,
            in_addition=False,
            repeat_after_days=self.repeat_days,
            duration_days=0,
            ignores_durations=False,
            runs_today=wait == 0,
            next_in_days=wait or None,
            runs_in_days=tuple(
                range(wait or campaign.every_days, FORESIGHT_DAYS + 1, campaign.every_days)
            ),
        )

    @property
    def by_visit(self) -> NDArray[np.bool_]:
        """(campaigns,) whether a response is a visit."""
        return np.array([c.visit is not None for c in self.campaigns], dtype=bool)

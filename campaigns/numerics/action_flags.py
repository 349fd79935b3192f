"""A rulebook's actions as arrays of flags: what `counting` asks of all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.counting import Mask
from campaigns.numerics.rulebook_entries import STEP, ActionEntry, CampaignEntry


@dataclass(frozen=True)
class ActionFlags:
    """(A,) each: what holds for the campaign of each action, or for its channel."""

    campaigns: tuple[CampaignEntry, ...]
    actions: tuple[ActionEntry, ...]

    def __len__(self) -> int:
        return len(self.actions)

    @cached_property
    def campaign_of(self) -> NDArray[np.int64]:
        """Index of each action's campaign."""
        return np.array([action.campaign for action in self.actions], dtype=np.int64)

    @cached_property
    def takes_slot(self) -> Mask:
        """False for what is sent alongside the day's campaign."""
        return self.of_each(campaign.takes_slot for campaign in self.campaigns)

    @cached_property
    def transactional(self) -> Mask:
        """What is outside of all limits."""
        return self.of_each(campaign.transactional for campaign in self.campaigns)

    @cached_property
    def counted(self) -> Mask:
        return self.of_each(not campaign.not_counted_by_caps for campaign in self.campaigns)

    @cached_property
    def exempt_from_caps(self) -> Mask:
        return self.of_each(campaign.exempt_from_caps for campaign in self.campaigns)

    @cached_property
    def ignores_durations(self) -> Mask:
        return self.of_each(campaign.ignores_durations for campaign in self.campaigns)

    @cached_property
    def opened_by_step(self) -> Mask:
        """What is possible only while a step of a journey map is due."""
        return self.of_each(campaign.opened_by == STEP for campaign in self.campaigns)

    def ignores_duration_of(self, campaign_id: int) -> Mask:
        return self.of_each(c.ignores_duration_of(campaign_id) for c in self.campaigns)

    def of_campaign(self, campaign_id: int) -> Mask:
        return self.of_each(campaign.of_campaign(campaign_id) for campaign in self.campaigns)

    def tagged(self, tag: int | None) -> Mask:
        return self.of_each(campaign.tagged(tag) for campaign in self.campaigns)

    def through(self, channel: str) -> Mask:
        return np.array([channel in ("", action.channel) for action in self.actions], dtype=bool)

    def of_each(self, flags: Iterable[bool]) -> Mask:
        """A flag of each campaign, in their order, at the actions."""
        return np.array(list(flags), dtype=bool)[self.campaign_of]

"""How far ahead a decision looks, and when the campaigns of a rulebook run until then."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook_entries import CampaignEntry, FollowUpEntry

FORESIGHT_DAYS = 90  # ahead of the day that campaigns, and what they open, are looked at
NEVER = FORESIGHT_DAYS + 1  # as a number of days: not within the foresight
LATENESS_DAYS = 7  # what is possible this much after a block ends is late, not lost


@dataclass(frozen=True)
class Foresight:
    campaigns: tuple[CampaignEntry, ...]
    follow_ups: tuple[FollowUpEntry, ...]
    longest_block_days: int  # that a contact can keep a customer from another campaign

    @cached_property
    def next_run_in(self) -> NDArray[np.int64]:
        """(C, NEVER + 1): for each day d, the first day from d on, today left out, that it runs.

        Days from today; NEVER where there is none within the foresight.
        """
        days = np.full((len(self.campaigns), NEVER + 1), NEVER)
        for c, campaign in enumerate(self.campaigns):
            for day in reversed(campaign.runs_in_days):
                days[c, : day + 1] = day
        return days

    @cached_property
    def days(self) -> Sequence[int]:
        """For each campaign, the days ahead at which it matters who is in its target group."""
        series = dict.fromkeys(range(len(self.campaigns)), 0)
        for step in self.follow_ups:
            series[step.target] = max(series[step.target], step.after_days + step.within_days)
        longest = self.longest_block_days
        return [min(max(longest, n) + LATENESS_DAYS, FORESIGHT_DAYS) for n in series.values()]

    @cached_property
    def possible_together(self) -> Sequence[NDArray[np.int64]]:
        """Campaigns (indices) with the same target group, schedule and foresight."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for c, campaign in enumerate(self.campaigns):
            rule = json.dumps(campaign.rule, sort_keys=True)
            schedule = (campaign.runs_today, campaign.runs_in_days, self.days[c])
            groups.setdefault((rule, *schedule), []).append(c)
        return [np.array(group) for group in groups.values()]

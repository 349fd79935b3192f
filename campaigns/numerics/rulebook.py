"""Everything that a decision run may do, frozen: campaigns, actions, limits, series.

A run stores its rulebook, so that it can be explained and replayed after the campaigns changed.
What follows from it, for all its actions at once, is computed on first use.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.action_flags import ActionFlags
from campaigns.numerics.blocking import Blocking
from campaigns.numerics.counting import Mask
from campaigns.numerics.foresight import Foresight
from campaigns.numerics.limit_masks import LimitMasks
from campaigns.numerics.quiet_hours import QuietEntry
from campaigns.numerics.rulebook_entries import (
    ActionEntry,
    CampaignEntry,
    CapacityEntry,
    CapEntry,
    ExclusionEntry,
    FollowUpEntry,
    GapEntry,
)
from segments.rules.numerics.rule import FEATURE, Rule, parse_rule

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Rulebook:
    campaigns: tuple[CampaignEntry, ...]
    actions: tuple[ActionEntry, ...]
    caps: tuple[CapEntry, ...] = ()
    exclusions: tuple[ExclusionEntry, ...] = ()
    follow_ups: tuple[FollowUpEntry, ...] = ()
    ageing_fields: tuple[str, ...] = ()  # of rules: they grow by one a day until the next event
    capacities: tuple[CapacityEntry, ...] = ()
    gaps: tuple[GapEntry, ...] = ()
    quiet_hours: tuple[QuietEntry, ...] = ()
    is_stale: bool = False  # the day's state is missing: only what is to run anyway is possible
    unknown_fields: tuple[str, ...] = ()  # of rules: the state lacks them; see `over`
    version: str = field(default="1", compare=False)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Rulebook":
        """Also of a rulebook that was stored before some of this was known: that has defaults."""

        def entries(kind: type[Entry], rows: Iterable[dict[str, Any]]) -> tuple[Entry, ...]:
            return tuple(
                kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
                for row in rows
            )

        return cls(
            campaigns=entries(CampaignEntry, data["campaigns"]),
            actions=entries(ActionEntry, data["actions"]),
            caps=entries(CapEntry, data["caps"]),
            exclusions=entries(ExclusionEntry, data["exclusions"]),
            follow_ups=entries(FollowUpEntry, data["follow_ups"]),
            ageing_fields=tuple(data.get("ageing_fields", ())),
            capacities=entries(CapacityEntry, data.get("capacities", [])),
            gaps=entries(GapEntry, data.get("gaps", [])),
            quiet_hours=entries(QuietEntry, data.get("quiet_hours", [])),
            is_stale=data.get("is_stale", False),
            unknown_fields=tuple(data.get("unknown_fields", ())),
            version=data["version"],
        )

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The campaigns' target groups, parsed."""
        return tuple(parse_rule(campaign.rule) for campaign in self.campaigns)

    def fields(self) -> set[str]:
        """Names of all columns that the target groups name, and that are known."""
        return self._named_fields - set(self.unknown_fields)

    @cached_property
    def _named_fields(self) -> set[str]:
        return set().union(*(rule.fields() for rule in self.rules))

    def over(self, features: Collection[str]) -> "Rulebook":
        """The same for a state that holds only these features.

        A campaign whose target group asks for another one, made since then say, is not decided:
        who is in the group is not known. All others are decided as ever.
        """
        named = (name for name in self._named_fields if name.startswith(FEATURE))
        unknown = {name for name in named if name.removeprefix(FEATURE) not in features}
        return replace(self, unknown_fields=tuple(sorted(unknown)))

    # Its actions and campaigns as arrays

    @cached_property
    def flags(self) -> ActionFlags:
        """What holds for each action."""
        return ActionFlags(self.campaigns, self.actions)

    @property
    def campaign_of(self) -> NDArray[np.int64]:
        """(A,) index of each action's campaign."""
        return self.flags.campaign_of

    @cached_property
    def columns_of(self) -> tuple[NDArray[np.int64], ...]:
        """For each campaign the indices of its actions."""
        return tuple(np.flatnonzero(self.campaign_of == c) for c in range(len(self.campaigns)))

    @cached_property
    def action_ids(self) -> NDArray[np.int64]:
        return np.array([action.id for action in self.actions], dtype=np.int64)

    @cached_property
    def campaign_ids(self) -> NDArray[np.int64]:
        return np.array([campaign.id for campaign in self.campaigns], dtype=np.int64)

    @cached_property
    def cost_cents(self) -> NDArray[np.float64]:
        return np.array([action.cost_cents for action in self.actions], dtype=np.float64)

    @cached_property
    def channels(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """The channels of the actions, and (A,) which of them is each action's."""
        names = tuple(sorted({action.channel for action in self.actions}))
        channel_of = [names.index(action.channel) for action in self.actions]
        return names, np.array(channel_of, dtype=np.int64)

    @cached_property
    def minimum_evidence(self) -> NDArray[np.int64]:
        """(A, 4) test, its responders, control, its responders: what each action must have."""
        wanted = [self.campaigns[action.campaign].minimum_evidence for action in self.actions]
        return np.array(wanted, dtype=np.int64).reshape(-1, 4)

    @cached_property
    def closed_by_mix(self) -> Mask:
        """(A,) actions of a campaign whose mix is set by hand to another one."""
        fixed = [self.campaigns[action.campaign].fixed_action for action in self.actions]
        pairs = zip(fixed, self.actions, strict=True)
        return np.array([pk not in (None, action.id) for pk, action in pairs], dtype=bool)

    @cached_property
    def closed_by_stale_state(self) -> Mask:
        """(A,) actions that are not decided on an older state than the day's."""
        return self.flags.of_each(self.is_stale and not c.run_anyway for c in self.campaigns)

    @cached_property
    def has_unknown_group(self) -> Mask:
        """(C,) campaigns whose target group names what is not known."""
        unknown = set(self.unknown_fields)
        return np.array([not unknown.isdisjoint(rule.fields()) for rule in self.rules], dtype=bool)

    # Its limits

    @cached_property
    def masks(self) -> LimitMasks:
        """Which actions each limit concerns."""
        return LimitMasks(self.flags, self.caps, self.gaps, self.exclusions)

    @cached_property
    def blocking(self) -> Blocking:
        """For how long a contact by one action keeps another away."""
        return Blocking(self.masks)

    @cached_property
    def foresight(self) -> Foresight:
        """When its campaigns run, and how far ahead that matters."""
        return Foresight(self.campaigns, self.follow_ups, self.longest_block_days)

    @cached_property
    def with_duration(self) -> tuple[int, ...]:
        """Campaigns (indices) that shut others out while they run."""
        return tuple(c for c, entry in enumerate(self.campaigns) if entry.duration_days)

    @cached_property
    def longest_block_days(self) -> int:
        """Days for which a contact can keep a customer from another campaign, at most."""
        durations = [campaign.duration_days for campaign in self.campaigns]
        caps = [cap.days for cap in self.caps if cap.limit is not None]
        gaps = [gap.days for gap in self.gaps]
        return max([*durations, *caps, *gaps, *(e.days for e in self.exclusions)], default=0)

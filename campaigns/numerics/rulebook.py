"""Everything that a decision run may do, frozen: campaigns, actions, limits, series.

A run stores its rulebook, so that it can be explained and replayed after the campaigns changed.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.quiet_hours import QuietEntry
from campaigns.numerics.rulebook_entries import (
    STEP,
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

FORESIGHT_DAYS = 90  # ahead of the day that campaigns, and what they open, are looked at
NEVER = FORESIGHT_DAYS + 1  # as a number of days: not within the foresight

INBOUND_CHANNELS = ("web",)  # answers to somebody who came to us, at any moment


@dataclass(frozen=True)
class Block:
    """How a contact today by any of some actions keeps another action from being sent."""

    by: NDArray[np.int64]  # indices of actions
    days: int  # whatever came before
    caps: tuple[int, ...]  # that it counts against, as the other does: indices


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
        """Names of all columns that the target groups ask for, and that are known."""
        return self._asked - set(self.unknown_fields)

    @cached_property
    def _asked(self) -> set[str]:
        return set().union(*(rule.fields() for rule in self.rules))

    def over(self, features: Collection[str]) -> "Rulebook":
        """The same for a state that holds these features alone.

        A campaign whose target group asks for another one, made since then say, is not decided:
        who is in the group is not known. All others are decided as ever.
        """
        asked = (name for name in self._asked if name.startswith(FEATURE))
        unknown = {name for name in asked if name.removeprefix(FEATURE) not in features}
        return replace(self, unknown_fields=tuple(sorted(unknown)))

    @cached_property
    def campaign_of(self) -> NDArray[np.int64]:
        """(A,) index of each action's campaign."""
        return np.array([action.campaign for action in self.actions], dtype=np.int64)

    @cached_property
    def action_ids(self) -> NDArray[np.int64]:
        return np.array([action.id for action in self.actions], dtype=np.int64)

    @cached_property
    def cost_cents(self) -> NDArray[np.float64]:
        return np.array([action.cost_cents for action in self.actions], dtype=np.float64)

    @cached_property
    def channels(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """The channels of the actions, and (A,) which of them is each action's."""
        names = tuple(sorted({action.channel for action in self.actions}))
        place = [names.index(action.channel) for action in self.actions]
        return names, np.array(place, dtype=np.int64)

    @cached_property
    def campaign_ids(self) -> NDArray[np.int64]:
        return np.array([campaign.id for campaign in self.campaigns], dtype=np.int64)

    @cached_property
    def minimum_evidence(self) -> NDArray[np.int64]:
        """(A, 4) test, its responders, control, its responders: what each action must have."""
        wanted = [self.campaigns[action.campaign].minimum_evidence for action in self.actions]
        return np.array(wanted, dtype=np.int64).reshape(-1, 4)

    @cached_property
    def shut_by_mix(self) -> NDArray[np.bool_]:
        """(A,) actions of a campaign whose mix is set by hand to another one."""
        fixed = [self.campaigns[action.campaign].fixed_action for action in self.actions]
        pairs = zip(fixed, self.actions, strict=True)
        return np.array([one not in (None, action.id) for one, action in pairs], dtype=bool)

    @cached_property
    def shut_by_age(self) -> NDArray[np.bool_]:
        """(A,) actions that are not decided on an older state than the day's."""
        return self._of_campaigns(self.is_stale and not c.run_anyway for c in self.campaigns)

    @cached_property
    def unknown_group(self) -> NDArray[np.bool_]:
        """(C,) campaigns whose target group asks for what is not known."""
        unknown = set(self.unknown_fields)
        return np.array([not unknown.isdisjoint(rule.fields()) for rule in self.rules], dtype=bool)

    @cached_property
    def by_step(self) -> NDArray[np.bool_]:
        """(A,) actions that are possible only while a step of a journey map is due."""
        steps = [campaign.opened_by == STEP for campaign in self.campaigns]
        return np.array(steps, dtype=bool)[self.campaign_of]

    @cached_property
    def takes_slot(self) -> NDArray[np.bool_]:
        """(A,) False for what is sent in addition."""
        return self._of_campaigns(not campaign.in_addition for campaign in self.campaigns)

    @cached_property
    def transactional(self) -> NDArray[np.bool_]:
        """(A,) what is outside of all limits."""
        return self._of_campaigns(campaign.transactional for campaign in self.campaigns)

    def _of_campaigns(self, flags: Iterable[bool]) -> NDArray[np.bool_]:
        """(A,) a flag of campaigns, at their actions."""
        return np.array(list(flags), dtype=bool)[self.campaign_of]

    @cached_property
    def next_days(self) -> NDArray[np.int64]:
        """(C, NEVER + 1): for each day d, the first day from d on, today left out, that it runs.

        Days from today; NEVER where there is none within the foresight.
        """
        found = np.full((len(self.campaigns), NEVER + 1), NEVER)
        for c, campaign in enumerate(self.campaigns):
            for day in reversed(campaign.runs_in_days):
                found[c, : day + 1] = day
        return found

    @cached_property
    def blocked_days(self) -> NDArray[np.int64]:
        """(A, A) days for which a contact by action a, whatever came before, shuts out action u.

        By exclusions, durations and gaps, NEVER at most. The campaign's own repetition is not in
        it, nor are caps, which count what came before.
        """
        return np.minimum(np.maximum(self.excluded_days, -(-self._gap_hours // 24)), NEVER)

    @cached_property
    def excluded_days(self) -> NDArray[np.int64]:
        """(A, A) calendar days, the contact's among them, for which a shuts out u.

        By exclusions and durations.
        """
        days = np.zeros((len(self.actions),) * 2, dtype=np.int64)
        for a, action in enumerate(self.actions):
            source = self.campaigns[action.campaign]
            if self.transactional[a]:
                continue
            if self.takes_slot[a]:
                days[a, self.duration_scopes[action.campaign]] = source.duration_days
            for scope, exclusion in zip(self.exclusion_scopes, self.exclusions, strict=True):
                if exclusion.source_campaign == source.id or exclusion.source_tag in source.tags:
                    days[a, scope] = np.maximum(days[a, scope], exclusion.days)
        return days

    @cached_property
    def _gap_hours(self) -> NDArray[np.int64]:
        """(A, A) hours of the longest minimum gap that a contact by action a begins for u."""
        hours = np.zeros((len(self.actions),) * 2, dtype=np.int64)
        for scope, gap in zip(self.gap_scopes, self.gaps, strict=True):
            hours = np.maximum(hours, np.where(np.outer(scope, scope), gap.hours, 0))
        return hours

    @cached_property
    def alone_hours(self) -> NDArray[np.int64]:
        """(A, A) hours by gaps, and by rolling caps of one, which a contact alone fills."""
        hours = self._gap_hours
        for cap, counts, stops in zip(self.caps, self.cap_counts, self.cap_stops, strict=True):
            if cap.limit == 1 and cap.is_rolling:
                hours = np.maximum(hours, np.where(np.outer(counts, stops), cap.hours, 0))
        return hours

    @cached_property
    def alone_days(self) -> NDArray[np.int64]:
        """(A, A) what `blocked_days` says, and rolling caps of one."""
        return np.maximum(self.blocked_days, -(-self.alone_hours // 24))

    @cached_property
    def exclusion_scopes(self) -> NDArray[np.bool_]:
        """(exclusions, A) the actions that each exclusion shuts out."""
        scopes = [np.isin(self.campaign_of, entry.targets) for entry in self.exclusions]
        return self._scopes(scopes) & ~self.transactional

    @cached_property
    def duration_scopes(self) -> NDArray[np.bool_]:
        """(C, A) the actions that each campaign keeps away while its duration is running."""
        scopes = [
            [
                i != action.campaign
                and not self.campaigns[action.campaign].ignores_durations
                and running.id not in self.campaigns[action.campaign].ignores_durations_of
                for action in self.actions
            ]
            for i, running in enumerate(self.campaigns)
        ]
        return self._scopes(scopes) & self.takes_slot & ~self.transactional

    @cached_property
    def gap_scopes(self) -> NDArray[np.bool_]:
        """(gaps, A) the actions that start each gap and wait for it."""
        scopes = [[gap.channel in ("", a.channel) for a in self.actions] for gap in self.gaps]
        return self._scopes(scopes) & self.takes_slot & ~self.transactional

    @cached_property
    def cap_stops(self) -> NDArray[np.bool_]:
        """(caps, A) the actions that each cap stops when it is full."""
        exempt = self._of_campaigns(campaign.exempt_from_caps for campaign in self.campaigns)
        return self._cap_scopes & self.takes_slot & ~exempt & ~self.transactional

    @cached_property
    def cap_counts(self) -> NDArray[np.bool_]:
        """(caps, A) the actions whose contacts each cap counts."""
        asked = np.array([[cap.counts_transactional] for cap in self.caps], dtype=bool)
        counts = np.where(self.transactional, asked.reshape(-1, 1), self.takes_slot)
        counted = self._of_campaigns(not c.not_counted_by_caps for c in self.campaigns)
        return self._cap_scopes & counts & counted

    @cached_property
    def _cap_scopes(self) -> NDArray[np.bool_]:
        """(caps, A) by channel and tag; of no cap at all, none."""
        scopes = [
            [
                cap.limit is not None and cap.covers(self.campaigns[action.campaign], action)
                for action in self.actions
            ]
            for cap in self.caps
        ]
        return self._scopes(scopes)

    def _scopes(self, rows: Sequence[Any]) -> NDArray[np.bool_]:
        """(len(rows), A), also where there are none."""
        return np.array(rows, dtype=bool).reshape(len(rows), len(self.actions))

    @cached_property
    def blocks(self) -> "tuple[tuple[Block, ...], ...]":
        """For each action, how the others block it: those that do it alike together."""
        found = []
        for u in range(len(self.actions)):
            counted = self.cap_counts & self.cap_stops[:, [u]]
            how = np.vstack([self.blocked_days[:, u], counted]).T
            how[self.campaign_of == self.campaign_of[u]] = 0  # others alone block a campaign
            kinds = np.unique(how[how.any(axis=1)], axis=0)
            found.append(
                tuple(
                    Block(
                        by=np.flatnonzero((how == kind).all(axis=1)),
                        days=int(kind[0]),
                        caps=tuple(np.flatnonzero(kind[1:]).tolist()),
                    )
                    for kind in kinds
                )
            )
        return tuple(found)

    @cached_property
    def columns_of(self) -> tuple[NDArray[np.int64], ...]:
        """For each campaign the indices of its actions."""
        return tuple(np.flatnonzero(self.campaign_of == c) for c in range(len(self.campaigns)))

    @cached_property
    def alike(self) -> tuple[NDArray[np.int64], ...]:
        """Campaigns (indices) with one target group, schedule and foresight: possible together."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for c, campaign in enumerate(self.campaigns):
            rule = json.dumps(campaign.rule, sort_keys=True)
            schedule = (campaign.runs_today, campaign.runs_in_days, self.foresight_days[c])
            groups.setdefault((rule, *schedule), []).append(c)
        return tuple(np.array(group) for group in groups.values())

    @cached_property
    def foresight_days(self) -> tuple[int, ...]:
        """Days ahead at which it matters whether customers are in each campaign's target group."""
        series = dict.fromkeys(range(len(self.campaigns)), 0)
        for step in self.follow_ups:
            series[step.target] = max(series[step.target], step.after_days + step.within_days)
        # A week more: what is possible after all when a block ends is not lost but late.
        longest = self.longest_block
        return tuple(min(max(longest, days) + 7, FORESIGHT_DAYS) for days in series.values())

    @cached_property
    def with_duration(self) -> tuple[int, ...]:
        """Campaigns (indices) that shut others out while they run."""
        return tuple(c for c, entry in enumerate(self.campaigns) if entry.duration_days)

    @cached_property
    def longest_block(self) -> int:
        """Days for which a contact can keep a customer from another campaign, at most."""
        durations = [campaign.duration_days for campaign in self.campaigns]
        caps = [cap.days for cap in self.caps if cap.limit is not None]
        gaps = [gap.days for gap in self.gaps]
        return max([*durations, *caps, *gaps, *(e.days for e in self.exclusions)], default=0)

    @property
    def limiting_channels(self) -> list[str]:
        """The channels whose contacts a cap or a gap counts."""
        channels = {cap.channel for cap in self.caps} | {gap.channel for gap in self.gaps}
        return sorted(channels - {""})

    @property
    def limiting_tags(self) -> list[int]:
        """The tags whose contacts a cap counts or an exclusion starts from."""
        tags = {cap.tag for cap in self.caps} | {e.source_tag for e in self.exclusions}
        return sorted(tag for tag in tags if tag is not None)

    @property
    def history_days(self) -> int:
        """Days back that a contact by any campaign can matter: to caps, gaps, exclusions."""
        spans = {"day": 2, "week": 8, "month": 32}
        caps = [
            {"days": cap.length, "hours": cap.length // 24 + 1}.get(cap.window) or spans[cap.window]
            for cap in self.caps
            if cap.limit is not None
        ]
        gaps = [gap.hours // 24 + 1 for gap in self.gaps]
        return max([*caps, *gaps, *(e.days for e in self.exclusions)], default=0) + 1

    def own_history_days(self, campaign: CampaignEntry) -> int | None:
        """Days back that a contact by this campaign can matter; None: for ever."""
        if campaign.repeat_after_days is None:
            return None
        series = [
            step.after_days + step.within_days
            for step in self.follow_ups
            if self.campaigns[step.target].id == campaign.id  # a send closes what was open
        ]
        return max([campaign.repeat_after_days, campaign.duration_days, *series]) + 1

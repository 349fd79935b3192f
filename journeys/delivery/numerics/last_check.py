"""May a message leave at this moment? One customer's limits over what has really happened.

A decision counts what is planned. Between it and the hand-over moments move: quiet hours, a
throttle, a server that does not answer. So the limits are asked once more when a message is about
to leave, and what is counted then are the moments at which messages did leave, and those that were
planned for control members' withheld ones. The windows are those of campaigns.numerics.verdicts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from campaigns.numerics.quiet_hours import QuietEntry, moment_of, next_open
from campaigns.numerics.rulebook_entries import CapEntry, GapEntry
from campaigns.numerics.verdicts import window_starts

IN_THE_NEXT = {  # from the start of a calendar window: surely in the one after it, not further
    "day": timedelta(hours=36),
    "week": timedelta(days=10),
    "month": timedelta(days=40),
}


class Limit(StrEnum):
    """What holds a message."""

    QUIET_HOURS = "quiet hours"
    CAP = "cap"
    GAP = "gap"
    EXCLUSION = "exclusion"
    DURATION = "duration"


@dataclass(frozen=True)
class ShutOut:
    """After a contact by a campaign or tag, another is shut out for calendar days."""

    limit: Limit  # EXCLUSION or DURATION
    name: str
    days: int
    source_campaign: int | None = None  # ids; a source or target is by campaign or by tag
    source_tag: int | None = None
    target_campaign: int | None = None
    target_tag: int | None = None  # neither: every other campaign that takes a slot


@dataclass(frozen=True)
class Limits:
    """What is asked of every message: the rules as they are now."""

    caps: tuple[CapEntry, ...] = ()
    gaps: tuple[GapEntry, ...] = ()
    quiet_hours: tuple[QuietEntry, ...] = ()
    shut_outs: tuple[ShutOut, ...] = ()
    time_zone: str = "UTC"  # the organisation's: days of exclusions and durations

    @property
    def days(self) -> int:
        """How far back a contact can matter."""
        spans = [cap.days for cap in self.caps if cap.limit is not None]
        spans += [gap.days for gap in self.gaps] + [rule.days for rule in self.shut_outs]
        return max(spans, default=0)


@dataclass(frozen=True)
class Contacted:
    """A contact that has happened: as sent, or as withheld from a control member."""

    at: datetime
    campaign_id: int
    channel: str
    tags: tuple[int, ...]
    takes_slot: bool
    counted: bool  # by caps
    transactional: bool


@dataclass(frozen=True)
class Waiting:
    """A message that is about to leave; flags and tags as when it was decided."""

    campaign_id: int
    channel: str
    tags: tuple[int, ...]
    takes_slot: bool
    counted: bool
    transactional: bool
    exempt_from_caps: bool
    ignores_durations: bool
    ignores_durations_of: tuple[int, ...]  # ids of campaigns
    country: str  # ISO 3166, "" where unknown
    zones: tuple[str, ...]  # see zones_of

    def sent(self, at: datetime) -> Contacted:
        return Contacted(
            at,
            self.campaign_id,
            self.channel,
            self.tags,
            self.takes_slot,
            self.counted,
            self.transactional,
        )


@dataclass(frozen=True)
class Hold:
    """A message does not leave now, and why."""

    limit: Limit
    name: str  # of the rule, "" for quiet hours
    until: datetime | None  # the earliest moment at which it may; None: there is none


def hold(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], *, at: datetime
) -> Hold | None:
    """What holds a message at a moment; None: it may leave.

    contacted : of the same customer, what can still matter. Of several limits the one that lasts
    longest is told. At its end all of them are to be asked again: others may have come between.
    """
    if waiting.transactional:
        return None
    held = [
        *_by_caps(limits, waiting, contacted, at),
        *_by_gaps(limits, waiting, contacted, at),
        *_by_shut_outs(limits, waiting, contacted, at),
    ]
    for never in held:
        if never.until is None:
            return never
    longest = max(held, key=lambda one: one.until or at, default=None)
    start = (longest and longest.until) or at
    opens = next_open(limits.quiet_hours, waiting.channel, waiting.country, waiting.zones, start)
    if opens is None or (longest is None and opens > at):
        return Hold(Limit.QUIET_HOURS, "", opens)
    return longest and Hold(longest.limit, longest.name, opens)


def _by_caps(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], at: datetime
) -> Iterator[Hold]:
    if waiting.exempt_from_caps or not waiting.takes_slot:
        return
    for cap in limits.caps:
        if cap.limit is None or not _in_scope(cap, waiting):
            continue
        start, end = _window(cap, waiting.zones[0], at)
        inside = sorted(
            one.at
            for one in contacted
            if _counts(cap, one) and (one.at > start or (not cap.is_rolling and one.at == start))
        )
        if len(inside) < cap.limit:
            continue
        if not cap.limit:
            yield Hold(Limit.CAP, cap.name, None)
        elif end is not None:
            yield Hold(Limit.CAP, cap.name, end)
        else:  # a place is free once the oldest of the last `limit` contacts leaves the window
            span = timedelta(**{cap.window: cap.length})
            yield Hold(Limit.CAP, cap.name, inside[-cap.limit] + span)


def _by_gaps(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], at: datetime
) -> Iterator[Hold]:
    if not waiting.takes_slot:
        return
    for gap in limits.gaps:
        if gap.channel not in ("", waiting.channel):
            continue
        ends = [
            one.at + gap.span
            for one in contacted
            if one.takes_slot and not one.transactional and gap.channel in ("", one.channel)
        ]
        if (end := max(ends, default=at)) > at:
            yield Hold(Limit.GAP, gap.name, end)


def _by_shut_outs(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], at: datetime
) -> Iterator[Hold]:
    zone = ZoneInfo(limits.time_zone)
    for rule in limits.shut_outs:
        if not _shuts_out(rule, waiting):
            continue
        ends = [
            moment_of(
                one.at.astimezone(zone).date() + timedelta(days=rule.days),
                0,
                limits.time_zone,
                later=False,
            )
            for one in contacted
            if _starts(rule, one)
        ]
        if (end := max(ends, default=at)) > at:
            yield Hold(rule.limit, rule.name, end)


def _in_scope(cap: CapEntry, one: Contacted | Waiting) -> bool:
    return cap.channel in ("", one.channel) and (cap.tag is None or cap.tag in one.tags)


def _counts(cap: CapEntry, one: Contacted) -> bool:
    kind = cap.counts_transactional if one.transactional else one.takes_slot
    return one.counted and kind and _in_scope(cap, one)


def _shuts_out(rule: ShutOut, waiting: Waiting) -> bool:
    if rule.limit is Limit.DURATION:
        ignored = waiting.ignores_durations or rule.source_campaign in waiting.ignores_durations_of
        other = rule.source_campaign != waiting.campaign_id
        return other and waiting.takes_slot and not ignored
    return waiting.campaign_id == rule.target_campaign or rule.target_tag in waiting.tags


def _starts(rule: ShutOut, one: Contacted) -> bool:
    if one.transactional or (rule.limit is Limit.DURATION and not one.takes_slot):
        return False
    return one.campaign_id == rule.source_campaign or rule.source_tag in one.tags


@lru_cache(maxsize=4096)
def _window(cap: CapEntry, zone: str, at: datetime) -> tuple[datetime, datetime | None]:
    """Beginning of the cap's window that holds `at`; its end, where it is one of the calendar."""
    start = _start(cap, zone, at)
    return start, None if cap.is_rolling else _start(cap, zone, start + IN_THE_NEXT[cap.window])


def _start(cap: CapEntry, zone: str, at: datetime) -> datetime:
    [found] = window_starts(cap, np.array([zone]), at)
    return found.item().replace(tzinfo=ZoneInfo("UTC"))

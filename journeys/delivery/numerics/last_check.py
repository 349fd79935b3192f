"""May a message leave at this moment? One customer's limits over what has really happened.

A decision counts what is planned. Between it and the hand-over moments move: quiet hours, a
throttle, a server that does not answer. So the limits are checked once more when a message is about
to leave, and what is counted then are the moments at which messages did leave, and those that were
planned for control members' withheld ones. What counts, and until when, is that of
campaigns.numerics.counting, as it is for a decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from campaigns.numerics.cap_windows import window_of
from campaigns.numerics.counting import (
    belongs_to,
    counts_towards,
    days_left,
    gap_ends_at,
    is_excluded,
    is_in_window,
    is_stopped_by,
    is_under_gap,
    leaves_window_at,
    respects_duration,
    starts_duration,
    starts_exclusion,
)
from campaigns.numerics.quiet_hours import QuietEntry, moment_of, next_open
from campaigns.numerics.rulebook_entries import CapEntry, GapEntry


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

    @property
    def campaign_id(self) -> int:
        """Whose duration it is."""
        assert self.source_campaign is not None
        return self.source_campaign


@dataclass(frozen=True)
class Limits:
    """What every message is checked against: the rules as they are now."""

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


class _Message:
    """How limits ask for the campaign, tags and channel of a message."""

    campaign_id: int
    channel: str
    tags: tuple[int, ...]

    def of_campaign(self, campaign_id: int) -> bool:
        return self.campaign_id == campaign_id

    def tagged(self, tag: int | None) -> bool:
        return tag is None or tag in self.tags

    def through(self, channel: str) -> bool:
        return channel in ("", self.channel)


@dataclass(frozen=True)
class Contacted(_Message):
    """A contact that has happened: as sent, or as withheld from a control member."""

    at: datetime
    campaign_id: int
    channel: str
    tags: tuple[int, ...]
    takes_slot: bool
    counted: bool  # by caps
    transactional: bool
    is_own: bool = True  # False: another customer with the same address got it

    def through(self, channel: str) -> bool:
        """What others got counts only where a limit names the channel."""
        return channel == self.channel or (channel == "" and self.is_own)


@dataclass(frozen=True)
class Waiting(_Message):
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

    def ignores_duration_of(self, campaign_id: int) -> bool:
        return campaign_id in self.ignores_durations_of

    def sent(self, at: datetime, *, is_own: bool = True) -> Contacted:
        return Contacted(
            at,
            self.campaign_id,
            self.channel,
            self.tags,
            self.takes_slot,
            self.counted,
            self.transactional,
            is_own,
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
    longest is returned. At its end all are to be checked again: others may have come between.
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
    longest = max(held, key=lambda limit_hold: limit_hold.until or at, default=None)
    start = (longest and longest.until) or at
    opens = next_open(limits.quiet_hours, waiting.channel, waiting.country, waiting.zones, start)
    if opens is None or (longest is None and opens > at):
        return Hold(Limit.QUIET_HOURS, "", opens)
    return longest and Hold(longest.limit, longest.name, opens)


def _by_caps(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], at: datetime
) -> Iterator[Hold]:
    for cap in limits.caps:
        if cap.limit is None or not is_stopped_by(cap, waiting):
            continue
        start, end = window_of(cap, waiting.zones[0], at)
        inside = sorted(
            contact.at
            for contact in contacted
            if counts_towards(cap, contact) and is_in_window(cap, contact.at, start)
        )
        if len(inside) < cap.limit:
            continue
        if not cap.limit:
            yield Hold(Limit.CAP, cap.name, None)
        elif end is not None:
            yield Hold(Limit.CAP, cap.name, end)
        else:  # a place is free once the oldest of the last `limit` contacts leaves the window
            yield Hold(Limit.CAP, cap.name, leaves_window_at(cap, inside[-cap.limit]))


def _by_gaps(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], at: datetime
) -> Iterator[Hold]:
    for gap in limits.gaps:
        if not is_under_gap(gap, waiting):
            continue
        ends = (gap_ends_at(gap, c.at) for c in contacted if is_under_gap(gap, c))
        if (end := max(ends, default=at)) > at:
            yield Hold(Limit.GAP, gap.name, end)


def _by_shut_outs(
    limits: Limits, waiting: Waiting, contacted: Sequence[Contacted], at: datetime
) -> Iterator[Hold]:
    zone = ZoneInfo(limits.time_zone)
    today = at.astimezone(zone).date()
    for rule in limits.shut_outs:
        if not _shuts_out(rule, waiting):
            continue
        days_ago = [
            (today - contact.at.astimezone(zone).date()).days
            for contact in contacted
            if contact.is_own and _starts(rule, contact)
        ]
        if not days_ago:
            continue
        free_on = today + timedelta(days=days_left(rule.days, min(days_ago)))
        if (end := moment_of(free_on, 0, limits.time_zone, later=False)) > at:
            yield Hold(rule.limit, rule.name, end)


def _shuts_out(rule: ShutOut, waiting: Waiting) -> bool:
    if rule.limit is Limit.DURATION:
        return respects_duration(rule.campaign_id, waiting)
    return is_excluded(belongs_to(rule.target_campaign, rule.target_tag, waiting), waiting)


def _starts(rule: ShutOut, contact: Contacted) -> bool:
    if rule.limit is Limit.DURATION:
        return starts_duration(rule.campaign_id, contact)
    return starts_exclusion(rule, contact)

"""Why a campaign's action is allowed or blocked for a customer, for a batch at a time.

Two steps, because only the second needs the customers' lock: facts (who the customer is), then
limits (what the customer got before). Both give codes of shape (n, A); 0 is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.possible_days import possible_days
from campaigns.numerics.quiet_hours import moment_of
from campaigns.numerics.rulebook import NEVER, Rulebook
from campaigns.numerics.rulebook_entries import CampaignEntry, CapEntry, ExclusionEntry, GapEntry

Codes = NDArray[np.int16]


class Verdict(IntEnum):
    """Codes below 1000 stand alone; above, the rest of the number says which rule, or when."""

    ALLOWED = 0
    HOLDOUT = 1
    SUPPRESSED = 2
    NO_CONSENT = 3
    NO_ADDRESS = 4
    ADDRESS_SUPPRESSED = 5
    TOPIC_DECLINED = 6
    NOT_SCHEDULED = 10
    NOT_IN_TARGET_GROUP = 11
    SERIES_NOT_OPEN = 12
    MIX_SET_BY_HAND = 13
    STEP_NOT_DUE = 14  # of a journey map: the customer is not waiting for it
    NOT_TRIGGERED = 15  # no event that it answers
    NOT_ASKED = 16  # in real time: for other channels or campaigns; a day's run: only when asked
    STALE_FEATURES = 17  # the day's state was missing, and it is not to run anyway
    UNKNOWN_FEATURE = 18  # the state does not hold one that the target group asks for
    REPEATED_TOO_SOON = 20
    OUTRANKED = 30
    CAPPED = 1000  # + index of the cap
    EXCLUDED = 2000  # + index of the exclusion
    DURATION = 3000  # + index of the campaign whose duration is running
    OVER_BUDGET = 4000  # + index of the budget or volume limit that has too little left
    GAP = 5000  # + index of the minimum gap
    UPCOMING = 10_000  # + 100 * days until it becomes possible + days that it then stays so

    @classmethod
    def of(cls, code: int) -> tuple["Verdict", int]:
        """A stored code as its verdict and the rest: 1003 is cap number 3."""
        if code >= cls.UPCOMING:
            return cls.UPCOMING, code - cls.UPCOMING
        return (cls(code), 0) if code < 1000 else (cls(code // 1000 * 1000), code % 1000)


@dataclass(frozen=True)
class Facts:
    """Who the customers are: n rows. `consents` and `addresses` per channel."""

    columns: Mapping[str, NDArray]
    held_out: NDArray[np.bool_]  # (n,) in the global holdout
    suppressed: NDArray[np.bool_]  # (n,)
    consents: Mapping[str, NDArray[np.bool_]]
    addresses: Mapping[str, NDArray[np.bool_]]
    time_zones: NDArray[np.object_]  # (n,) IANA names
    # By channel, (n,): the address is on the list of suppressed ones. None are, unless named.
    barred: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    # By tag, (n,): the customer declined the topic. Tags that nobody declined may be left out.
    declined: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """What the customers got before: h contacts, sent or withheld, in any order."""

    customer: NDArray[np.int64]  # (h,) row of the batch
    campaign_id: NDArray[np.int64]  # (h,)
    by_channel: Mapping[str, NDArray[np.bool_]]  # (h,) each, of the channels that limits name
    by_tag: Mapping[int, NDArray[np.bool_]]  # (h,) each, of the tags that limits name: as it was
    takes_slot: NDArray[np.bool_]  # (h,) False for those sent in addition: caps skip them
    counted: NDArray[np.bool_]  # (h,) False where the campaign was not counted by caps
    transactional: NDArray[np.bool_]  # (h,) outside of limits, but for caps that ask for them
    days_ago: NDArray[np.int64]  # (h,) calendar days of the organisation, 0 for those to come
    reserved_at: NDArray[np.datetime64]  # (h,) planned moment in UTC, microseconds
    responded: NDArray[np.bool_]  # (h,) so far; asked where a series depends on it

    def per_customer(self, mask: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
        """How many contacts in `mask` each of the n customers had."""
        return np.bincount(self.customer[mask], minlength=n)

    def in_scope(self, cap: CapEntry) -> NDArray[np.bool_]:
        """(h,) the contacts that a cap counts, whenever they were."""
        inside = self.counted & np.where(
            self.transactional, cap.counts_transactional, self.takes_slot
        )
        if cap.channel:
            inside &= self.by_channel[cap.channel]
        if cap.tag is not None:
            inside &= self.by_tag[cap.tag]
        return inside

    def starts_gap(self, gap: GapEntry) -> NDArray[np.bool_]:
        """(h,) the contacts that a gap follows, whenever they were."""
        inside = self.takes_slot & ~self.transactional
        return inside & self.by_channel[gap.channel] if gap.channel else inside

    def shuts_out(self, exclusion: ExclusionEntry) -> NDArray[np.bool_]:
        """(h,) the contacts that an exclusion starts from, whenever they were."""
        if exclusion.source_campaign is not None:
            source = self.campaign_id == exclusion.source_campaign
        else:
            source = self.by_tag[exclusion.source_tag or 0]
        return source & ~self.transactional

    def has_duration(self, campaign: CampaignEntry) -> NDArray[np.bool_]:
        """(h,) the contacts from which a campaign's duration runs, whenever they were."""
        own = self.campaign_id == campaign.id
        return own & self.takes_slot & ~self.transactional


def block(codes: Codes, where: NDArray[np.bool_], code: int) -> None:
    """Write `code` where nothing blocked before: the first reason is the one that is told."""
    codes[(codes == Verdict.ALLOWED) & where] = code


def fact_verdicts(book: Rulebook, facts: Facts) -> Codes:
    """Layers 1 and 2: holdout, suppression, consent, address; target group, mix, schedule.

    A customer who is not in the target group today, or not on one of the campaign's days, but will
    be soon, and qualifies in every other respect, is told apart: UPCOMING.
    Returns codes of shape (n, A). Series positions need history and come with the limits.
    """
    n = len(facts.suppressed)
    codes = np.zeros((n, len(book.actions)), dtype=np.int16)
    nobody = np.zeros(n, dtype=bool)
    consents = _by_action(book, facts.consents, nobody)
    addresses = _by_action(book, facts.addresses, nobody)
    listed = _by_action(book, facts.barred, nobody)
    declined = _declined(book, facts)[:, book.campaign_of]
    by_campaign, first, last = possible_days(book, facts.columns, n)
    targeted = by_campaign[:, book.campaign_of]
    first, last = first[:, book.campaign_of], last[:, book.campaign_of]
    soon = (first > 0) & (first < NEVER) & consents & addresses & ~listed & ~declined
    # What is owed is withheld from nobody, so that arms differ in nothing but marketing.
    block(codes, facts.held_out[:, None] & ~book.transactional, Verdict.HOLDOUT)
    block(codes, facts.suppressed[:, None], Verdict.SUPPRESSED)
    block(codes, book.shut_by_age[None, :], Verdict.STALE_FEATURES)
    block(codes, book.unknown_group[book.campaign_of][None, :], Verdict.UNKNOWN_FEATURE)
    block(codes, ~targeted & ~soon, Verdict.NOT_IN_TARGET_GROUP)
    block(codes, ~consents, Verdict.NO_CONSENT)
    block(codes, ~addresses, Verdict.NO_ADDRESS)
    block(codes, listed, Verdict.ADDRESS_SUPPRESSED)
    block(codes, declined, Verdict.TOPIC_DECLINED)
    block(codes, book.shut_by_mix[None, :], Verdict.MIX_SET_BY_HAND)
    # Last, so that these codes say: but for the day, the customer qualifies.
    when = (Verdict.UPCOMING + 100 * first + last - first).astype(np.int16)
    codes = np.where((codes == Verdict.ALLOWED) & soon, when, codes)
    block(codes, first > 0, Verdict.NOT_SCHEDULED)
    return codes


def _by_action(
    book: Rulebook, by_channel: Mapping[str, NDArray[np.bool_]], otherwise: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n, A) what holds for each action's channel."""
    channels, place = book.channels
    columns = [by_channel.get(channel, otherwise) for channel in channels]
    found = np.column_stack([otherwise, *columns])[:, 1 + place]
    return found.astype(bool)


def _declined(book: Rulebook, facts: Facts) -> NDArray[np.bool_]:
    """(n, campaigns) whether the customer declined a topic of the campaign."""
    found = np.zeros((len(facts.suppressed), len(book.campaigns)), dtype=bool)
    for index, campaign in enumerate(book.campaigns):
        for tag in facts.declined.keys() & set(campaign.tags):
            found[:, index] |= facts.declined[tag]
    return found


def upcoming_days(codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which day on, and until which, both included, an action is possible by the facts.

    Days from today, 0 is today; NEVER in both where it is not, or not within the foresight.
    """
    first, stays = np.divmod(codes.astype(np.int64) - Verdict.UPCOMING, 100)
    upcoming = codes >= Verdict.UPCOMING
    now = (
        (codes == Verdict.ALLOWED)
        | ((codes >= Verdict.CAPPED) & ~upcoming)
        | np.isin(codes, (Verdict.SERIES_NOT_OPEN, Verdict.REPEATED_TOO_SOON, Verdict.OUTRANKED))
    )
    first = np.where(upcoming, first, np.where(now, 0, NEVER))
    return first, np.where(upcoming, first + stays, NEVER)


def limit_verdicts(
    book: Rulebook, codes: Codes, history: History, time_zones: NDArray, *, at: datetime
) -> Codes:
    """Layer 3 on top of the facts' codes (unchanged): series, repetition and what limits say.

    A contact planned for a moment after `at` is inside of every window and gap. Exclusions and
    durations count calendar days of the organisation.
    time_zones : (n,) IANA names, in which calendar windows are counted. at : moment of decision.
    """
    codes, n = codes.copy(), len(codes)
    _block_series(book, codes, history)
    for index in np.flatnonzero(np.isin(book.campaign_ids, history.campaign_id)).tolist():
        campaign = book.campaigns[index]
        own = history.campaign_id == campaign.id
        if campaign.repeat_after_days is not None:
            own &= history.days_ago < campaign.repeat_after_days
        repeated = history.per_customer(own, n) > 0
        block(codes, repeated[:, None] & (book.campaign_of == index), Verdict.REPEATED_TOO_SOON)
    for index, exclusion in enumerate(book.exclusions):
        sources = history.shuts_out(exclusion) & (history.days_ago < exclusion.days)
        hit = history.per_customer(sources, n) > 0
        block(codes, hit[:, None] & book.exclusion_scopes[index], Verdict.EXCLUDED + index)
    for index in book.with_duration:
        campaign = book.campaigns[index]
        running = history.has_duration(campaign) & (history.days_ago < campaign.duration_days)
        hit = history.per_customer(running, n) > 0
        block(codes, hit[:, None] & book.duration_scopes[index], Verdict.DURATION + index)
    for index, cap in enumerate(book.caps):
        if cap.limit is not None:
            full = count_in_window(cap, history, time_zones, at) >= cap.limit
            block(codes, full[:, None] & book.cap_stops[index], Verdict.CAPPED + index)
    for index, gap in enumerate(book.gaps):
        recent = history.starts_gap(gap) & (history.reserved_at > _utc(at - gap.span))
        hit = history.per_customer(recent, n) > 0
        block(codes, hit[:, None] & book.gap_scopes[index], Verdict.GAP + index)
    return codes


def _block_series(book: Rulebook, codes: Codes, history: History) -> None:
    """A campaign that follows another is open only while one of its follow-ups says so."""
    n = len(codes)
    opened: dict[int, NDArray[np.bool_]] = {}
    for step in book.follow_ups:
        target = book.campaigns[step.target].id
        due = (history.campaign_id == step.source_id) & (history.days_ago >= step.after_days)
        due &= history.days_ago < step.after_days + step.within_days
        if step.outcome == "responders":
            due &= history.responded
        elif step.outcome == "non_responders":
            due &= ~history.responded
        # One source contact opens its target once: what was sent since has used it.
        latest = np.full(n, np.iinfo(np.int64).max)
        used = history.campaign_id == target
        np.minimum.at(latest, history.customer[used], history.days_ago[used])
        due &= history.days_ago < latest[history.customer]
        is_open = opened.setdefault(step.target, np.zeros(n, dtype=bool))
        is_open |= history.per_customer(due, n) > 0
    for target, is_open in opened.items():
        block(codes, ~is_open[:, None] & (book.campaign_of == target), Verdict.SERIES_NOT_OPEN)


def count_in_window(
    cap: CapEntry, history: History, time_zones: NDArray, at: datetime
) -> NDArray[np.int64]:
    """(n,) contacts in the cap's scope since the window began."""
    starts = window_starts(cap, time_zones, at)
    inside = history.reserved_at > starts[history.customer]
    if not cap.is_rolling:  # a calendar window includes its first moment
        inside |= history.reserved_at == starts[history.customer]
    inside &= history.in_scope(cap)
    return history.per_customer(inside, len(time_zones))


def window_starts(cap: CapEntry, time_zones: NDArray, at: datetime) -> NDArray[np.datetime64]:
    """(n,) when each customer's window began, in UTC.

    Rolling windows are open at their start: a contact exactly 24 hours ago no longer counts in a
    window of 24 hours. Calendar windows begin at local midnight, weeks on the cap's first day.
    """
    if cap.is_rolling:
        start = at - timedelta(**{cap.window: cap.length})
        return np.full(len(time_zones), _utc(start))
    zones, inverse = np.unique(time_zones.astype(str), return_inverse=True)
    starts = [_utc(_calendar_start(cap, at, zone)) for zone in zones]
    return np.array(starts, dtype="datetime64[us]")[inverse]


def _calendar_start(cap: CapEntry, at: datetime, zone: str) -> datetime:
    today = at.astimezone(ZoneInfo(zone)).date()
    first: date = {
        "day": today,
        "week": today - timedelta(days=(today.isoweekday() - cap.week_starts_on) % 7),
        "month": today.replace(day=1),
    }[cap.window]
    return moment_of(first, 0, zone, later=False)


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None), "us")

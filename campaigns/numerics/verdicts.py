"""Why a campaign's action is allowed or blocked for a customer, for a batch at a time.

Two steps, because only the second needs the customers' lock: facts (who the customer is), then
limits (what the customer got before). Both give codes of shape (n, A); 0 is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import CapEntry, Rulebook

Codes = NDArray[np.int16]


class Verdict(IntEnum):
    """Codes below 1000 stand alone; above, the rest of the number says which rule it was."""

    ALLOWED = 0
    HOLDOUT = 1
    SUPPRESSED = 2
    NO_CONSENT = 3
    NO_ADDRESS = 4
    NOT_SCHEDULED = 10
    NOT_IN_TARGET_GROUP = 11
    SERIES_NOT_OPEN = 12
    MIX_SET_BY_HAND = 13
    REPEATED_TOO_SOON = 20
    OUTRANKED = 30
    CAPPED = 1000  # + index of the cap
    EXCLUDED = 2000  # + index of the exclusion
    DURATION = 3000  # + index of the campaign whose duration is running

    @classmethod
    def of(cls, code: int) -> tuple["Verdict", int]:
        """A stored code as its verdict and the index of the rule: 1003 is cap number 3."""
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


@dataclass(frozen=True)
class History:
    """What the customers got before: h contacts, sent or withheld, in any order."""

    customer: NDArray[np.int64]  # (h,) row of the batch
    campaign_id: NDArray[np.int64]  # (h,)
    by_channel: Mapping[str, NDArray[np.bool_]]  # (h,) each, of the channels that caps name
    by_tag: Mapping[int, NDArray[np.bool_]]  # (h,) each, of the tags that limits name: as it was
    takes_slot: NDArray[np.bool_]  # (h,) False for those sent in addition: caps skip them
    days_ago: NDArray[np.int64]  # (h,) calendar days of the organisation
    reserved_at: NDArray[np.datetime64]  # (h,) in UTC, microseconds
    responded: NDArray[np.bool_]  # (h,) so far; asked where a series depends on it

    def per_customer(self, mask: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
        """How many contacts in `mask` each of the n customers had."""
        return np.bincount(self.customer[mask], minlength=n)


def block(codes: Codes, where: NDArray[np.bool_], code: int) -> None:
    """Write `code` where nothing blocked before: the first reason is the one that is told."""
    codes[(codes == Verdict.ALLOWED) & where] = code


def fact_verdicts(book: Rulebook, facts: Facts) -> Codes:
    """Layers 1 and 2: holdout, suppression, consent, address; target group, mix, schedule.

    Returns codes of shape (n, A). Series positions need history and come with the limits.
    """
    n = len(facts.suppressed)
    codes = np.zeros((n, len(book.actions)), dtype=np.int16)
    scheduled = np.array([campaign.runs_today for campaign in book.campaigns], dtype=bool)
    nothing = np.zeros((n, 0), dtype=bool)
    targeted = np.column_stack([nothing, *(rule.mask(facts.columns, n) for rule in book.rules)])
    consents = np.column_stack([nothing, *(facts.consents[a.channel] for a in book.actions)])
    addresses = np.column_stack([nothing, *(facts.addresses[a.channel] for a in book.actions)])
    block(codes, facts.held_out[:, None], Verdict.HOLDOUT)
    block(codes, facts.suppressed[:, None], Verdict.SUPPRESSED)
    block(codes, ~targeted[:, book.campaign_of], Verdict.NOT_IN_TARGET_GROUP)
    block(codes, ~consents, Verdict.NO_CONSENT)
    block(codes, ~addresses, Verdict.NO_ADDRESS)
    block(codes, book.shut_by_mix[None, :], Verdict.MIX_SET_BY_HAND)
    # Last, so that this code says: but for the day, the customer qualifies.
    block(codes, ~scheduled[book.campaign_of][None, :], Verdict.NOT_SCHEDULED)
    return codes


def limit_verdicts(
    book: Rulebook, codes: Codes, history: History, time_zones: NDArray, *, at: datetime
) -> Codes:
    """Layer 3 on top of the facts' codes (unchanged): series, repetition, exclusions, caps.

    time_zones : (n,) IANA names, in which calendar windows are counted. at : moment of decision.
    """
    codes, n = codes.copy(), len(codes)
    _block_series(book, codes, history)
    for index, campaign in enumerate(book.campaigns):
        own = history.campaign_id == campaign.id
        if campaign.repeat_after_days is not None:
            own &= history.days_ago < campaign.repeat_after_days
        repeated = history.per_customer(own, n) > 0
        block(codes, repeated[:, None] & (book.campaign_of == index), Verdict.REPEATED_TOO_SOON)
    slots = np.array([not c.in_addition for c in book.campaigns], dtype=bool)[book.campaign_of]
    for index, exclusion in enumerate(book.exclusions):
        sources = history.days_ago < exclusion.days
        if exclusion.source_campaign is not None:
            sources &= history.campaign_id == exclusion.source_campaign
        else:
            sources &= history.by_tag[exclusion.source_tag or 0]
        shut_out = np.isin(book.campaign_of, exclusion.targets)
        hit = history.per_customer(sources, n) > 0
        block(codes, hit[:, None] & shut_out, Verdict.EXCLUDED + index)
    for index, campaign in enumerate(book.campaigns):
        if campaign.duration_days:
            running = (history.campaign_id == campaign.id) & history.takes_slot
            running &= history.days_ago < campaign.duration_days
            others = np.array(
                [i != index and not c.ignores_durations for i, c in enumerate(book.campaigns)]
            )[book.campaign_of]
            hit = history.per_customer(running, n) > 0
            block(codes, hit[:, None] & (others & slots), Verdict.DURATION + index)
    for index, cap in enumerate(book.caps):
        full = _count_in_window(cap, history, time_zones, at) >= cap.limit
        scope = np.array(
            [
                (not cap.channel or action.channel == cap.channel)
                and (cap.tag is None or cap.tag in book.campaigns[action.campaign].tags)
                for action in book.actions
            ],
            dtype=bool,
        )
        block(codes, full[:, None] & (scope & slots), Verdict.CAPPED + index)
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


def _count_in_window(
    cap: CapEntry, history: History, time_zones: NDArray, at: datetime
) -> NDArray[np.int64]:
    """(n,) contacts in the cap's scope since the window began."""
    starts = window_starts(cap.window, cap.length, time_zones, at)
    inside = history.reserved_at > starts[history.customer]
    if cap.window in ("day", "week", "month"):  # a calendar window includes its first moment
        inside |= history.reserved_at == starts[history.customer]
    inside &= history.takes_slot
    if cap.channel:
        inside &= history.by_channel[cap.channel]
    if cap.tag is not None:
        inside &= history.by_tag[cap.tag]
    return history.per_customer(inside, len(time_zones))


def window_starts(
    window: str, length: int, time_zones: NDArray, at: datetime
) -> NDArray[np.datetime64]:
    """(n,) when each customer's window began, in UTC.

    Rolling windows are open at their start: a contact exactly 24 hours ago no longer counts in a
    window of 24 hours. Calendar windows begin at local midnight, weeks on Monday.
    """
    if window in ("hours", "days"):
        start = at - timedelta(**{window: length})
        return np.full(len(time_zones), _utc(start))
    zones, inverse = np.unique(time_zones.astype(str), return_inverse=True)
    starts = [_utc(_calendar_start(window, at, zone)) for zone in zones]
    return np.array(starts, dtype="datetime64[us]")[inverse]


def _calendar_start(window: str, at: datetime, zone: str) -> datetime:
    today = at.astimezone(ZoneInfo(zone)).date()
    first: date = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
    }[window]
    return datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None), "us")

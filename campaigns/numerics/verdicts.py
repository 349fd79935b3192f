"""Why a campaign's action is allowed or blocked for a customer, for a batch at a time.

Two steps, because only the second needs the customers' lock: facts (who the customer is), then
limits (what the customer got before). Both give codes of shape (n, A); 0 is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.cap_windows import window_starts
from campaigns.numerics.counting import (
    counts_towards,
    days_left,
    gap_ends_at,
    is_in_window,
    is_under_gap,
    starts_duration,
    starts_exclusion,
)
from campaigns.numerics.foresight import NEVER
from campaigns.numerics.history import History
from campaigns.numerics.possible_days import possible_days
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapEntry
from campaigns.numerics.verdict_codes import Codes, Verdict, block, limit_code, upcoming_codes
from optiengine.lib.moments import utc64


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
    # By channel, (n,): what was said of the consent last could not be read. None, unless named.
    unclear: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    # By tag, (n,): the customer declined the topic. Tags that nobody declined may be left out.
    declined: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)


def fact_verdicts(book: Rulebook, facts: Facts) -> Codes:
    """Layers 1 and 2: holdout, suppression, consent, address; target group, mix, schedule.

    A customer who is not in the target group today, or not on one of the campaign's days, but will
    be soon, and qualifies in every other respect, has a verdict of its own: UPCOMING.
    Returns codes of shape (n, A). Series positions need history and come with the limits.
    """
    n = len(facts.suppressed)
    codes = np.zeros((n, len(book.actions)), dtype=np.int16)
    nobody = np.zeros(n, dtype=bool)
    consents = _by_action(book, facts.consents, nobody)
    addresses = _by_action(book, facts.addresses, nobody)
    listed = _by_action(book, facts.barred, nobody)
    unclear = _by_action(book, facts.unclear, nobody)
    declined = _declined(book, facts)[:, book.campaign_of]
    by_campaign, first, last = possible_days(book, facts.columns, n)
    targeted = by_campaign[:, book.campaign_of]
    first, last = first[:, book.campaign_of], last[:, book.campaign_of]
    soon = (first > 0) & (first < NEVER) & consents & addresses & ~listed & ~declined
    # Transactional messages go to every arm, so that arms differ in nothing but marketing.
    block(codes, facts.held_out[:, None] & ~book.flags.transactional, Verdict.HOLDOUT)
    block(codes, facts.suppressed[:, None], Verdict.SUPPRESSED)
    block(codes, book.closed_by_stale_state[None, :], Verdict.STALE_FEATURES)
    block(codes, book.has_unknown_group[book.campaign_of][None, :], Verdict.UNKNOWN_FEATURE)
    block(codes, ~targeted & ~soon, Verdict.NOT_IN_TARGET_GROUP)
    block(codes, unclear & ~consents, Verdict.CONSENT_UNCLEAR)
    block(codes, ~consents, Verdict.NO_CONSENT)
    block(codes, ~addresses, Verdict.NO_ADDRESS)
    block(codes, listed, Verdict.ADDRESS_SUPPRESSED)
    block(codes, declined, Verdict.TOPIC_DECLINED)
    block(codes, book.closed_by_mix[None, :], Verdict.MIX_SET_BY_HAND)
    # Last, so that these codes say: but for the day, the customer qualifies.
    codes = np.where((codes == Verdict.ALLOWED) & soon, upcoming_codes(first, last), codes)
    block(codes, first > 0, Verdict.NOT_SCHEDULED)
    return codes


def _by_action(
    book: Rulebook, by_channel: Mapping[str, NDArray[np.bool_]], otherwise: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n, A) what holds for each action's channel."""
    channels, channel_of = book.channels
    columns = [by_channel.get(channel, otherwise) for channel in channels]
    flags = np.column_stack([otherwise, *columns])[:, 1 + channel_of]
    return flags.astype(bool)


def _declined(book: Rulebook, facts: Facts) -> NDArray[np.bool_]:
    """(n, campaigns) whether the customer declined a topic of the campaign."""
    declined = np.zeros((len(facts.suppressed), len(book.campaigns)), dtype=bool)
    for index, campaign in enumerate(book.campaigns):
        for tag in facts.declined.keys() & set(campaign.tags):
            declined[:, index] |= facts.declined[tag]
    return declined


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
    _block_repeated(book, codes, history)
    for index, exclusion in enumerate(book.exclusions):
        lasts = days_left(exclusion.days, history.days_ago) > 0
        hit = history.has_any(starts_exclusion(exclusion, history) & history.own & lasts, n)
        code = limit_code(Verdict.EXCLUDED, index)
        block(codes, hit[:, None] & book.masks.excluded[index], code)
    for index in book.with_duration:
        campaign = book.campaigns[index]
        lasts = days_left(campaign.duration_days, history.days_ago) > 0
        hit = history.has_any(starts_duration(campaign.id, history) & lasts, n)
        code = limit_code(Verdict.DURATION, index)
        block(codes, hit[:, None] & book.masks.respects_duration[index], code)
    for index, cap in enumerate(book.caps):
        if cap.limit is not None:
            full = count_in_window(cap, history, time_zones, at) >= cap.limit
            code = limit_code(Verdict.CAPPED, index)
            block(codes, full[:, None] & book.masks.stopped_by_cap[index], code)
    for channel, reached in history.reached_today.items():
        regular = book.flags.takes_slot & ~book.flags.transactional & book.flags.through(channel)
        block(codes, reached[:, None] & regular, Verdict.SHARED_ADDRESS)
    now = utc64(at)
    for index, gap in enumerate(book.gaps):
        runs = gap_ends_at(gap, history.reserved_at) > now
        hit = history.has_any(is_under_gap(gap, history) & runs, n)
        block(codes, hit[:, None] & book.masks.under_gap[index], limit_code(Verdict.GAP, index))
    return codes


def count_in_window(
    cap: CapEntry, history: History, time_zones: NDArray, at: datetime
) -> NDArray[np.int64]:
    """(n,) contacts that use up a cap's limit at a moment."""
    starts = window_starts(cap, time_zones, at)[history.customer]
    inside = is_in_window(cap, history.reserved_at, starts) & counts_towards(cap, history)
    return history.per_customer(inside, len(time_zones))


def _block_repeated(book: Rulebook, codes: Codes, history: History) -> None:
    for index in np.flatnonzero(np.isin(book.campaign_ids, history.campaign_id)).tolist():
        campaign = book.campaigns[index]
        repeats = history.of_campaign(campaign.id)
        if campaign.repeat_after_days is not None:
            repeats &= days_left(campaign.repeat_after_days, history.days_ago) > 0
        repeated = history.has_any(repeats, len(codes))
        block(codes, repeated[:, None] & (book.campaign_of == index), Verdict.REPEATED_TOO_SOON)


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
        is_open |= history.has_any(due, n)
    for target, is_open in opened.items():
        block(codes, ~is_open[:, None] & (book.campaign_of == target), Verdict.SERIES_NOT_OPEN)

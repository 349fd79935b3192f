"""For how many days limits keep customers from campaigns: now, and after one more contact."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.cap_windows import calendar_days_left
from campaigns.numerics.counting import (
    Mask,
    counts_towards,
    days_left,
    gap_ends_at,
    is_under_gap,
    leaves_window_at,
    starts_duration,
    starts_exclusion,
)
from campaigns.numerics.foresight import NEVER
from campaigns.numerics.history import History
from campaigns.numerics.possible_days import Days
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapEntry, GapEntry
from campaigns.numerics.verdicts import count_in_window
from optiengine.lib.moments import utc64

DAY = np.timedelta64(1, "D") // np.timedelta64(1, "us")
FOR_EVER = 1_000_000  # days


def repeat_days(book: Rulebook) -> Days:
    """(C,) days until a campaign may come to the same customer again."""
    days = [c.repeat_after_days for c in book.campaigns]
    return np.array([FOR_EVER if d is None else d for d in days], dtype=np.int64)


def free_in(book: Rulebook, action: int, history: History, n: int) -> Days:
    """(n,) days until exclusions, durations and the campaign's own repetition let an action go.

    0: they do not block it today. Contacts from today on are not in it, nor are caps and
    gaps.
    """
    if not len(history):
        return np.zeros(n, dtype=np.int64)
    campaign = book.campaigns[book.actions[action].campaign]
    lasts = np.zeros(len(history), dtype=np.int64)  # days from each contact

    def hold(source: Mask, days: int) -> None:
        lasts[source] = np.maximum(lasts[source], days)

    for index in np.flatnonzero(book.masks.excluded[:, action]).tolist():
        exclusion = book.exclusions[index]
        hold(starts_exclusion(exclusion, history) & history.own, exclusion.days)
    for index in book.with_duration:
        if book.masks.respects_duration[index, action]:
            other = book.campaigns[index]
            hold(starts_duration(other.id, history), other.duration_days)
    repeat = campaign.repeat_after_days
    hold(history.of_campaign(campaign.id), FOR_EVER if repeat is None else repeat)
    days = np.zeros(n, dtype=np.int64)
    np.maximum.at(days, history.customer, days_left(lasts, history.days_ago))
    return np.minimum(days, NEVER)


def cap_free_in(
    cap: CapEntry, history: History, time_zones: NDArray, at: datetime
) -> tuple[Days, Days]:
    """(n,) each: days until a cap has room for a contact; the same if one were made now.

    at : moment of decision; later ones are taken to be whole days after it.
    """
    n = len(time_zones)
    if cap.limit is None:
        return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    if cap.limit == 0:
        return np.full(n, NEVER), np.full(n, NEVER)
    if cap.is_rolling:
        return _rolling_free_in(cap, cap.limit, history, n, at)
    n_before = count_in_window(cap, history, time_zones, at)
    ends = calendar_days_left(cap, time_zones, at)
    return (
        np.where(n_before >= cap.limit, ends, 0),
        np.where(n_before + 1 >= cap.limit, ends, 0),
    )


def gap_free_in(gap: GapEntry, history: History, n: int, at: datetime) -> Days:
    """(n,) days until the latest contact that starts a gap is its hours ago."""
    starts = is_under_gap(gap, history)
    left = _days_until(gap_ends_at(gap, history.reserved_at[starts]), at)
    days = np.zeros(n, dtype=np.int64)
    np.maximum.at(days, history.customer[starts], left)
    return np.clip(days, 0, NEVER)


def _days_until(moments: NDArray[np.datetime64], at: datetime) -> Days:
    """Days of 24 hours, begun ones included; 0 or less for what is over."""
    return -(-(moments - utc64(at)).astype(np.int64) // DAY)


def _rolling_free_in(
    cap: CapEntry, limit: int, history: History, n: int, at: datetime
) -> tuple[Days, Days]:
    """A window has room when the contact that fills it, the limit-th from the newest, left it."""
    inside = counts_towards(cap, history)
    customer, moments = history.customer[inside], history.reserved_at[inside]
    order = np.lexsort((utc64(at) - moments, customer))
    customer, moments = customer[order], moments[order]
    age_rank = np.arange(len(customer)) - np.searchsorted(customer, customer)  # 0 is the newest
    free = _days_until(leaves_window_at(cap, moments), at)

    def until_out(which: int) -> Days:
        days = np.zeros(n, dtype=np.int64)
        days[customer[age_rank == which]] = free[age_rank == which]
        return np.clip(days, 0, NEVER)

    now = until_out(limit - 1)
    if limit == 1:
        return now, np.full(n, min(cap.days, NEVER))
    return now, until_out(limit - 2)

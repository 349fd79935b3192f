"""For how many days limits keep customers from campaigns: now, and after one more contact."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.possible_days import Days
from campaigns.numerics.rulebook import NEVER, Rulebook
from campaigns.numerics.rulebook_entries import CapEntry, GapEntry
from campaigns.numerics.verdicts import History, count_in_window

DAY = np.timedelta64(1, "D") // np.timedelta64(1, "us")
FOR_EVER = 1_000_000  # days


def repeat_days(book: Rulebook) -> Days:
    """(C,) days until a campaign may come to the same customer again."""
    days = [c.repeat_after_days for c in book.campaigns]
    return np.array([FOR_EVER if d is None else d for d in days], dtype=np.int64)


def free_in(book: Rulebook, action: int, history: History, n: int) -> Days:
    """(n,) days until exclusions, durations and the campaign's own repetition let an action go.

    0: they do not stand against it today. Contacts from today on are not in it, nor are caps and
    gaps.
    """
    if not len(history.customer):
        return np.zeros(n, dtype=np.int64)
    campaign = book.campaigns[book.actions[action].campaign]
    until = np.zeros(len(history.customer), dtype=np.int64)  # days from each contact
    for place in np.flatnonzero(book.exclusion_scopes[:, action]).tolist():
        source = history.shuts_out(book.exclusions[place])
        until[source] = np.maximum(until[source], book.exclusions[place].days)
    for place in book.with_duration:
        if book.duration_scopes[place, action]:
            other = book.campaigns[place]
            running = history.has_duration(other)
            until[running] = np.maximum(until[running], other.duration_days)
    own = history.campaign_id == campaign.id
    repeat = campaign.repeat_after_days
    until[own] = np.maximum(until[own], FOR_EVER if repeat is None else repeat)
    days = np.zeros(n, dtype=np.int64)
    np.maximum.at(days, history.customer, until - history.days_ago)
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
    ends = _calendar_days_left(cap, time_zones, at)
    return (
        np.where(n_before >= cap.limit, ends, 0),
        np.where(n_before + 1 >= cap.limit, ends, 0),
    )


def gap_free_in(gap: GapEntry, history: History, n: int, at: datetime) -> Days:
    """(n,) days until the latest contact that starts a gap is its hours ago."""
    inside = history.starts_gap(gap)
    left = (history.reserved_at[inside] - _utc(at - gap.span)).astype(np.int64)
    days = np.zeros(n, dtype=np.int64)
    np.maximum.at(days, history.customer[inside], -(-left // DAY))
    return np.clip(days, 0, NEVER)


def _rolling_free_in(
    cap: CapEntry, limit: int, history: History, n: int, at: datetime
) -> tuple[Days, Days]:
    """A window has room when the contact that fills it, the limit-th from the newest, left it."""
    moment = _utc(at)
    inside = history.in_scope(cap)
    customer = history.customer[inside]
    age = (moment - history.reserved_at[inside]).astype(np.int64)
    order = np.lexsort((age, customer))
    customer, age = customer[order], age[order]
    place = np.arange(len(customer)) - np.searchsorted(customer, customer)  # 0 is the newest
    length = cap.length * (DAY if cap.window == "days" else DAY // 24)

    def until_out(which: int) -> Days:
        days = np.zeros(n, dtype=np.int64)
        filling = place == which
        days[customer[filling]] = -(-(length - age[filling]) // DAY)
        return np.clip(days, 0, NEVER)

    now = until_out(limit - 1)
    if limit == 1:
        return now, np.full(n, min(cap.days, NEVER))
    return now, until_out(limit - 2)


def _calendar_days_left(cap: CapEntry, time_zones: NDArray, at: datetime) -> Days:
    """(n,) days from today to the first of the next window, in each customer's own zone."""
    zones, inverse = np.unique(time_zones.astype(str), return_inverse=True)
    left = []
    for zone in zones:
        today = at.astimezone(ZoneInfo(zone)).date()
        next_month = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
        of_week = (today.isoweekday() - cap.week_starts_on) % 7
        left.append({"day": 1, "week": 7 - of_week, "month": (next_month - today).days}[cap.window])
    return np.array(left, dtype=np.int64)[inverse]


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None), "us")

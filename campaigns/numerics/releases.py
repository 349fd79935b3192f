"""For how many days limits keep customers from campaigns: now, and after one more contact."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.possible_days import Days
from campaigns.numerics.rulebook import NEVER, CapEntry, Rulebook
from campaigns.numerics.verdicts import History, count_in_window

DAY = np.timedelta64(1, "D") // np.timedelta64(1, "us")
FOR_EVER = 1_000_000  # days


def repeat_days(book: Rulebook) -> Days:
    """(C,) days until a campaign may come to the same customer again."""
    days = [c.repeat_after_days for c in book.campaigns]
    return np.array([FOR_EVER if d is None else d for d in days], dtype=np.int64)


def free_in(book: Rulebook, action: int, history: History, n: int) -> Days:
    """(n,) days until exclusions, durations and the campaign's own repetition let an action go.

    0: they do not stand against it today. Contacts from today on are not in it, nor are caps.
    """
    index = book.actions[action].campaign
    campaign = book.campaigns[index]
    until = np.zeros(len(history.customer), dtype=np.int64)  # days from each contact
    for exclusion in book.exclusions:
        if index in exclusion.targets:
            if exclusion.source_campaign is not None:
                source = history.campaign_id == exclusion.source_campaign
            else:
                source = history.by_tag[exclusion.source_tag or 0]
            until[source] = np.maximum(until[source], exclusion.days)
    if not (campaign.ignores_durations or campaign.in_addition):
        for other in book.campaigns:
            if other.duration_days and other.id != campaign.id:
                running = (history.campaign_id == other.id) & history.takes_slot
                until[running] = np.maximum(until[running], other.duration_days)
    own = history.campaign_id == campaign.id
    until[own] = np.maximum(until[own], repeat_days(book)[index])
    days = np.zeros(n, dtype=np.int64)
    np.maximum.at(days, history.customer, until - history.days_ago)
    return np.minimum(days, NEVER)


def cap_free_in(
    cap: CapEntry, history: History, time_zones: NDArray, at: datetime
) -> tuple[Days, Days]:
    """(n,) each: days until a cap has room for a contact; the same if one were made now.

    at : moment of decision; later ones are taken to be whole days after it.
    """
    if cap.is_rolling:
        return _rolling_free_in(cap, history, len(time_zones), at)
    n_before = count_in_window(cap, history, time_zones, at)
    ends = _calendar_days_left(cap.window, time_zones, at)
    return (
        np.where(cap.limit == 0, NEVER, np.where(n_before >= cap.limit, ends, 0)),
        np.where(cap.limit == 0, NEVER, np.where(n_before + 1 >= cap.limit, ends, 0)),
    )


def _rolling_free_in(cap: CapEntry, history: History, n: int, at: datetime) -> tuple[Days, Days]:
    """A window has room when the contact that fills it, the limit-th from the newest, left it."""
    if cap.limit == 0:
        return np.full(n, NEVER), np.full(n, NEVER)
    moment = np.datetime64(at.astimezone(ZoneInfo("UTC")).replace(tzinfo=None), "us")
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

    now = until_out(cap.limit - 1)
    if cap.limit == 1:
        return now, np.full(n, min(cap.days, NEVER))
    return now, until_out(cap.limit - 2)


def _calendar_days_left(window: str, time_zones: NDArray, at: datetime) -> Days:
    """(n,) days from today to the first of the next window, in each customer's own zone."""
    zones, inverse = np.unique(time_zones.astype(str), return_inverse=True)
    left = []
    for zone in zones:
        today = at.astimezone(ZoneInfo(zone)).date()
        next_month = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
        left.append(
            {"day": 1, "week": 7 - today.weekday(), "month": (next_month - today).days}[window]
        )
    return np.array(left, dtype=np.int64)[inverse]

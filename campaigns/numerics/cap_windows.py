"""Where the window of a cap begins and ends, in the customer's time zone.

Rolling windows reach back from the moment in question and are open at their start; days
have 24 hours. Calendar windows begin with the first moment of a local day, weeks on the cap's first
day; one of a day has 23 or 25 hours where clocks change.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.quiet_hours import moment_of
from campaigns.numerics.rulebook_entries import CapEntry
from optiengine.lib.moments import utc64


def calendar_days(cap: CapEntry, day: date) -> tuple[date, date]:
    """First day of the calendar window that a day is in, and of the next one."""
    if cap.window == "day":
        return day, day + timedelta(days=1)
    if cap.window == "week":
        first = day - timedelta(days=(day.isoweekday() - cap.week_starts_on) % 7)
        return first, first + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


@lru_cache(maxsize=4096)
def window_of(cap: CapEntry, zone: str, at: datetime) -> tuple[datetime, datetime | None]:
    """Beginning of the window that holds `at`, in UTC, and its end; None: it rolls on with time."""
    if cap.is_rolling:
        return at - cap.span, None
    first, next_first = calendar_days(cap, at.astimezone(ZoneInfo(zone)).date())
    return _midnight(first, zone), _midnight(next_first, zone)


def window_starts(cap: CapEntry, time_zones: NDArray, at: datetime) -> NDArray[np.datetime64]:
    """(n,) when each customer's window began, in UTC. time_zones : (n,) IANA names."""
    if cap.is_rolling:
        return np.full(len(time_zones), utc64(at - cap.span))
    return _by_zone(time_zones, lambda zone: utc64(window_of(cap, zone, at)[0]), "datetime64[us]")


def calendar_days_left(cap: CapEntry, time_zones: NDArray, at: datetime) -> NDArray[np.int64]:
    """(n,) days from today to the first of the next calendar window, each in the own zone."""

    def of_zone(zone: str) -> int:
        today = at.astimezone(ZoneInfo(zone)).date()
        return (calendar_days(cap, today)[1] - today).days

    return _by_zone(time_zones, of_zone, "int64")


def _by_zone(time_zones: NDArray, of_zone: Callable[[str], Any], dtype: str) -> NDArray:
    """(n,) what holds in each customer's zone, computed once per zone."""
    zones, zone_index = np.unique(time_zones.astype(str), return_inverse=True)
    return np.array([of_zone(str(zone)) for zone in zones], dtype=dtype)[zone_index]


def _midnight(day: date, zone: str) -> datetime:
    return moment_of(day, 0, zone, later=False)

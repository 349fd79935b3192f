"""Moments of journey maps in a customer's own time: waits until an hour, dates that come round.

Where a clock change leaves a local time out, it is the moment that would have been it without the
change (02:30 becomes 03:30); where a local time comes twice, the first counts.
Source: RFC 5545, section 3.3.5, on local times that do not exist or exist twice.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def clock(text: str) -> time:
    """ "18:00" as a time of day."""
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


@lru_cache(maxsize=100_000)
def local_moment(day: date, at: time, zone: str) -> datetime:
    """The moment, in UTC, at which clocks in a zone show a time of day on a day."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def next_local(after: datetime, at: time, zone: str, weekday: int | None = None) -> datetime:
    """The first moment after `after`, not at it, when clocks in the zone show `at`.

    weekday : 1 (Monday) to 7; None: any day.
    """
    day = after.astimezone(ZoneInfo(zone)).date()
    while (weekday and day.isoweekday() != weekday) or local_moment(day, at, zone) <= after:
        day += timedelta(days=1)
    return local_moment(day, at, zone)


def anniversary(day: date, year: int) -> date:
    """The day in another year; of 29 February it is 1 March where there is none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def occasions(
    day: date, *, days: int, yearly: bool, at: time, zone: str, after: datetime, until: datetime
) -> list[tuple[date, datetime]]:
    """When a date comes round within (after, until]: pairs of the occasion and its moment.

    day : as it is known of the customer. days : from the occasion to the moment, negative before.
    yearly : the first occasion is a year after `day`; else `day` itself is the only one.
    """
    if not yearly:
        candidates = [day]
    else:
        years = range(after.year - 2, until.year + 3)
        candidates = [anniversary(day, year) for year in years if year > day.year]
    moments = (
        (occasion, local_moment(occasion + timedelta(days=days), at, zone))
        for occasion in candidates
    )
    return [(occasion, moment) for occasion, moment in moments if after < moment <= until]

"""Quiet hours: when is the first moment at which a customer may be disturbed?

Quiet hours run from one local time to another, on the days of the week on which they start: those
from Friday 22:00 to 8:00 end on Saturday, though Saturday be none of their days. They begin with
the first moment and end before the last. Clock changes:

* A local time that does not exist is taken as the first moment after the gap. In Berlin on
  29 March 2026, when 2:00 becomes 3:00, 2:30 is 3:00 CEST, so quiet until 2:30 is quiet until then.
  Likewise for a whole day that a zone left out (Apia, 30 December 2011).
* Of a local time that comes twice, quiet begins with the first and ends with the second. In Berlin
  on 25 October 2026, quiet until 2:30 lasts until 2:30 CET.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from optiengine.lib.moments import utc64

LONGEST = timedelta(days=9)  # that quiet can last and still end: a week's pattern, a clock change
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class QuietEntry:
    """Nothing is sent from one minute of the local day to another, the next day's if not later."""

    channel: str  # "" for every channel
    country: str  # ISO 3166; "" for every country
    start_minute: int  # of the day, 0 to 1439
    end_minute: int  # another than the start
    weekdays: tuple[int, ...]  # ISO, on which it starts


def entries_for(
    entries: Sequence[QuietEntry], channel: str, country: str
) -> tuple[QuietEntry, ...]:
    """The quiet hours that hold for a customer of a country by a channel: only the most specific.

    Those of channel and country; else of the country; else of the channel; else of neither.
    """
    for wanted in ((channel, country), ("", country), (channel, ""), ("", "")):
        matching = tuple(e for e in entries if (e.channel, e.country) == wanted)
        if matching:
            return matching
    return ()


def next_open(
    entries: Sequence[QuietEntry], channel: str, country: str, zones: tuple[str, ...], at: datetime
) -> datetime | None:
    """The first moment, in UTC, from `at` on that is outside of quiet hours in every zone.

    None where there is none: between them, the zones' quiet hours cover the whole week.
    """
    rules = entries_for(entries, channel, country.upper())
    moment = at.astimezone(UTC)
    if not rules:
        return moment
    while moment <= at + LONGEST:
        quiet = _quiet_on(rules, zones, moment.date())
        end = next((end for start, end in quiet if start <= moment < end), None)
        if end is None:
            return moment
        moment = end
    return None


def next_open_moments(
    entries: Sequence[QuietEntry],
    channels: NDArray,
    countries: NDArray,
    zones: Sequence[tuple[str, ...]],
    at: datetime | NDArray[np.datetime64],
) -> NDArray[np.datetime64]:
    """(k,) the same for many, in UTC; NaT where there is none.

    channels, countries : (k,) texts. zones : k tuples, see zones_of. at : one moment for all, or
    (k,) in UTC. What is alike is looked at once.
    """
    k = len(channels)
    moments = np.full(k, utc64(at)) if isinstance(at, datetime) else at.astype("datetime64[us]")
    if not entries:
        return moments
    known: dict[tuple, np.datetime64] = {}
    opening = np.empty(k, dtype="datetime64[us]")
    rows = zip(channels.tolist(), countries.tolist(), zones, moments.tolist(), strict=True)
    for row, alike in enumerate(rows):
        if alike not in known:
            channel, country, places, moment = alike
            opens = next_open(entries, channel, country, places, moment.replace(tzinfo=UTC))
            known[alike] = np.datetime64("NaT") if opens is None else utc64(opens)
        opening[row] = known[alike]
    return opening


@lru_cache(maxsize=10_000)
def _quiet_on(
    rules: tuple[QuietEntry, ...], zones: tuple[str, ...], day: date
) -> tuple[tuple[datetime, datetime], ...]:
    """When it is quiet in some zone, in UTC and in order, as far as a UTC day is concerned.

    Local dates are a day off at most, and quiet hours start the day before at the earliest. Those
    of the day after are among them: where clocks go back over midnight they may have begun.
    """
    days = [day + timedelta(days=d) for d in range(-2, 3)]
    spans = sorted(
        _span(rule, zone, start)
        for rule in rules
        for zone in zones
        for start in days
        if start.isoweekday() in rule.weekdays
    )
    merged: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


@lru_cache(maxsize=100_000)
def _span(rule: QuietEntry, zone: str, day: date) -> tuple[datetime, datetime]:
    """Beginning and end, in UTC, of the quiet hours that start on a local day."""
    last = day if rule.end_minute > rule.start_minute else day + timedelta(days=1)
    start = moment_of(day, rule.start_minute, zone, later=False)
    return start, moment_of(last, rule.end_minute, zone, later=True)


def moment_of(day: date, minute: int, zone: str, *, later: bool) -> datetime:
    """When a minute of a local day is, in UTC: after a gap, its first moment.

    later : which one is meant of a time that comes twice.
    """
    local = datetime.combine(day, time(*divmod(minute, 60)), tzinfo=ZoneInfo(zone))
    moment = local.replace(fold=int(later)).astimezone(UTC)
    if moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # In a gap, the two readings of the time lie on either side of the clock change (PEP 495).
    before, after = (local.replace(fold=fold).astimezone(UTC) for fold in (1, 0))
    old = before.astimezone(local.tzinfo).utcoffset()
    while after - before > SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(local.tzinfo).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after

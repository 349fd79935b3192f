"""Quiet hours by hand, clock changes among them, and against a walk minute by minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from campaigns.numerics.quiet_hours import QuietEntry, next_open, next_open_moments
from campaigns.numerics.time_zones import main_zones, zones_of

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


def quiet(start: str, end: str, *, channel="", country="", weekdays=EVERY_DAY) -> QuietEntry:
    start_minute, end_minute = (int(t[:2]) * 60 + int(t[3:]) for t in (start, end))
    return QuietEntry(channel, country, start_minute, end_minute, weekdays)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "zone", "at", "opens"),
    [
        # 22:00 to 8:00 in Berlin in winter is 21:00 to 7:00 UTC: first moment in, last one out.
        ("22:00", "08:00", "Europe/Berlin", "2026-01-15T20:59:59", "2026-01-15T20:59:59"),
        ("22:00", "08:00", "Europe/Berlin", "2026-01-15T21:00", "2026-01-16T07:00"),
        ("22:00", "08:00", "Europe/Berlin", "2026-01-16T06:59:59", "2026-01-16T07:00"),
        ("22:00", "08:00", "Europe/Berlin", "2026-01-16T07:00", "2026-01-16T07:00"),
        ("12:00", "14:00", "Europe/Berlin", "2026-07-01T10:30", "2026-07-01T12:00"),
        # Over the change of 29 March, 2:00 CET = 3:00 CEST = 1:00 UTC, the night is an hour short.
        ("22:00", "08:00", "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T06:00"),
        # 2:30 does not exist then: quiet until 3:00 CEST, and one of 2:10 to 2:50 is none.
        ("22:00", "02:30", "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T01:00"),
        ("02:10", "02:50", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:00"),
        # Quiet from 2:30 on begins at 3:00 CEST.
        ("02:30", "04:00", "Europe/Berlin", "2026-03-29T00:59:59", "2026-03-29T00:59:59"),
        ("02:30", "04:00", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T02:00"),
        # On 25 October 2:30 comes at 0:30 and at 1:30 UTC: it begins with one, ends with the other.
        ("22:00", "02:30", "Europe/Berlin", "2026-10-25T00:45", "2026-10-25T01:30"),
        ("02:30", "08:00", "Europe/Berlin", "2026-10-25T00:29", "2026-10-25T00:29"),
        ("02:30", "08:00", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T07:00"),
        # Sao Paulo left out the hour after midnight of 4 November 2018, 3:00 UTC ...
        ("22:00", "00:00", "America/Sao_Paulo", "2018-11-04T02:30", "2018-11-04T03:00"),
        ("22:00", "00:30", "America/Sao_Paulo", "2018-11-04T02:30", "2018-11-04T03:00"),
        # ... and had the hour before midnight of 17 February 2019 twice, at 1:00 and 2:00 UTC.
        ("20:00", "23:30", "America/Sao_Paulo", "2019-02-17T01:45", "2019-02-17T02:30"),
        ("23:30", "08:00", "America/Sao_Paulo", "2019-02-17T01:29", "2019-02-17T01:29"),
        ("23:30", "08:00", "America/Sao_Paulo", "2019-02-17T02:10", "2019-02-17T11:00"),
        # Lord Howe moves by half an hour: 2:00 to 2:30 on 4 October 2026, 15:30 UTC the day before.
        ("21:00", "02:10", "Australia/Lord_Howe", "2026-10-03T15:00", "2026-10-03T15:30"),
        # 2:00 to 1:30 on 5 April 2026: 1:45 comes at 14:45 and at 15:15 UTC the day before.
        ("21:00", "01:45", "Australia/Lord_Howe", "2026-04-04T14:50", "2026-04-04T15:15"),
        # Apia had no 30 December 2011: after the 29th, 10:00 UTC on the 30th, came the 31st. The
        # night that the missing day would have begun is quiet from the 31st's first moment on.
        ("22:00", "08:00", "Pacific/Apia", "2011-12-30T09:00", "2011-12-30T18:00"),
    ],
)
def test_quiet_hours_end_when_the_calendar_says(start, end, zone, at, opens):
    assert next_open([quiet(start, end)], "email", "", (zone,), utc(at)) == utc(opens)


def test_quiet_hours_past_midnight_belong_to_the_day_they_start_on():
    friday = [quiet("22:00", "08:00", weekdays=(5,))]  # 2026-03-13 is a Friday

    def opens(at: str) -> datetime | None:
        return next_open(friday, "email", "", ("UTC",), utc(at))

    assert opens("2026-03-13T07:00") == utc("2026-03-13T07:00")
    assert opens("2026-03-13T22:00") == utc("2026-03-14T08:00")
    assert opens("2026-03-14T07:00") == utc("2026-03-14T08:00")
    assert opens("2026-03-14T22:00") == utc("2026-03-14T22:00")


def test_a_day_that_a_zone_left_out_starts_no_quiet_hours_on_other_weekdays():
    thursday = [quiet("22:00", "08:00", weekdays=(4,))]  # 29 December 2011; Friday was left out

    opens = next_open(thursday, "email", "", ("Pacific/Apia",), utc("2011-12-30T09:00"))

    assert opens == utc("2011-12-30T10:00")


def test_touching_quiet_hours_are_one():
    rules = [quiet("20:00", "00:00"), quiet("00:00", "06:00"), quiet("05:00", "09:00")]

    assert next_open(rules, "email", "", ("UTC",), utc("2026-03-10T21:00")) == utc(
        "2026-03-11T09:00"
    )


def test_only_the_most_specific_quiet_hours_hold():
    rules = [
        quiet("00:00", "01:00"),
        quiet("00:00", "02:00", channel="sms"),
        quiet("00:00", "03:00", country="DE"),
        quiet("00:00", "04:00", channel="sms", country="DE"),
    ]

    def hour(channel: str, country: str) -> int:
        opens = next_open(rules, channel, country, ("UTC",), utc("2026-03-11T00:00"))
        assert opens
        return opens.hour

    assert hour("sms", "DE") == 4
    assert hour("email", "DE") == 3
    assert hour("sms", "PT") == 2
    assert hour("email", "PT") == 1
    assert hour("email", "") == 1
    assert hour("sms", "de") == 4


def test_it_is_quiet_until_it_is_over_in_every_zone_of_the_country():
    # 21:00 to 8:00. Honolulu, UTC-10, gets to 8:00 at 18:00 UTC; New York, UTC-5 in January, to
    # 21:00 at 2:00 UTC of the next day.
    night = [quiet("21:00", "08:00")]
    states = zones_of("", "US", "UTC")

    def opens(at: str) -> datetime | None:
        return next_open(night, "email", "US", states, utc(at))

    assert opens("2026-01-15T14:00") == utc("2026-01-15T18:00")
    assert opens("2026-01-16T01:59") == utc("2026-01-16T01:59")
    assert opens("2026-01-16T02:00") == utc("2026-01-16T18:00")


def test_where_it_is_always_quiet_somewhere_there_is_no_moment():
    # From Kaliningrad, UTC+2, to Kamchatka, UTC+12. Open from 9:00 to 20:00 is 7:00 to 18:00 UTC
    # in one and 21:00 to 8:00 in the other: an hour for both. From 10:00 to 18:00, none.
    russia = zones_of("", "RU", "UTC")

    assert next_open([quiet("20:00", "09:00")], "sms", "RU", russia, utc("2026-03-10T12:00")) == (
        utc("2026-03-11T07:00")
    )
    assert (
        next_open([quiet("18:00", "10:00")], "sms", "RU", russia, utc("2026-03-10T12:00")) is None
    )
    all_day = [quiet("00:00", "12:00"), quiet("12:00", "00:00")]
    assert next_open(all_day, "sms", "", ("UTC",), utc("2026-03-10T12:00")) is None


@pytest.mark.parametrize("seed", range(15))
def test_quiet_hours_are_those_of_a_walk_minute_by_minute(seed):
    """In zones whose clocks never change, so that the walk needs to know of nothing else."""
    rng = np.random.default_rng(seed)
    zones = tuple(rng.choice(["UTC", "Asia/Kolkata", "Asia/Tokyo", "America/Phoenix"], 2).tolist())
    rules = []
    for _ in range(2):
        first, last = rng.choice(1440, 2, replace=False).tolist()
        days = rng.choice(7, int(rng.integers(1, 8)), replace=False) + 1
        rules.append(QuietEntry("", "", first, last, tuple(sorted(days.tolist()))))
    at = utc("2026-03-09T00:00") + timedelta(minutes=int(rng.integers(7 * 1440)))

    def is_quiet(moment: datetime) -> bool:
        for zone in zones:
            local = moment.astimezone(ZoneInfo(zone))
            minute, day = local.hour * 60 + local.minute, local.isoweekday()
            for rule in rules:
                before = 7 if day == 1 else day - 1
                if rule.start_minute < rule.end_minute:
                    hit = day in rule.weekdays and rule.start_minute <= minute < rule.end_minute
                else:
                    hit = (day in rule.weekdays and minute >= rule.start_minute) or (
                        before in rule.weekdays and minute < rule.end_minute
                    )
                if hit:
                    return True
        return False

    moment = at
    while is_quiet(moment) and moment < at + timedelta(days=8):
        moment += timedelta(minutes=1)
    expected = moment if moment < at + timedelta(days=8) else None

    assert next_open(rules, "email", "", zones, at) == expected


def test_a_batch_gets_what_each_message_would_get_by_itself():
    rules = [quiet("22:00", "08:00"), quiet("00:00", "12:00", channel="sms")]
    rules += [quiet("00:00", "12:00", country="DE"), quiet("12:00", "00:00", country="DE")]
    channels = np.array(["email", "sms", "email", "email"], dtype=object)
    countries = np.array(["", "", "DE", "PT"], dtype=object)
    zones = [("UTC",), ("UTC",), ("Europe/Berlin",), ("Europe/Lisbon",)]

    together = next_open_moments(rules, channels, countries, zones, utc("2026-07-01T07:30"))
    moments = np.full(4, np.datetime64("2026-07-01T03:00", "us"))
    earlier = next_open_moments(rules, channels, countries, zones, moments)

    # In Lisbon, UTC+1 in July, it is 8:30 and 4:00.
    assert_array_equal(
        together,
        np.array(["2026-07-01T08:00", "2026-07-01T12:00", "NaT", "2026-07-01T07:30"], "M8[us]"),
    )
    assert_array_equal(
        earlier,
        np.array(["2026-07-01T08:00", "2026-07-01T12:00", "NaT", "2026-07-01T07:00"], "M8[us]"),
    )


def test_without_quiet_hours_every_moment_is_open():
    at = utc("2026-03-10T03:00")

    assert next_open([], "email", "DE", ("Europe/Berlin",), at) == at
    only_sms = [quiet("00:00", "12:00", channel="sms")]
    assert next_open(only_sms, "email", "DE", ("Europe/Berlin",), at) == at


def test_a_zone_is_the_customers_else_the_countrys_else_the_organisations():
    # zone.tab: Portugal has Lisbon, Madeira and the Azores, in this order.
    portugal = ("Europe/Lisbon", "Atlantic/Madeira", "Atlantic/Azores")

    assert zones_of("Asia/Tokyo", "PT", "Europe/Berlin") == ("Asia/Tokyo",)
    assert zones_of("", "PT", "Europe/Berlin") == portugal
    assert zones_of("", "", "Europe/Berlin") == ("Europe/Berlin",)
    assert zones_of("", "XX", "Europe/Berlin") == ("Europe/Berlin",)


@pytest.mark.parametrize("broken", ["Mars/Base", "../../etc/passwd", "Europe", "/etc", "\0", " "])
def test_what_is_no_zone_counts_as_unknown(broken):
    assert zones_of(broken, "DE", "UTC")[0] == "Europe/Berlin"


def test_a_batchs_calendars_are_in_the_first_of_each_customers_zones():
    zones = np.array(["Asia/Tokyo", "", "", "nowhere"], dtype=object)
    countries = np.array(["PT", "PT", "", "de"], dtype=object)

    assert main_zones(zones, countries, "UTC").tolist() == [
        "Asia/Tokyo",
        "Europe/Lisbon",
        "UTC",
        "Europe/Berlin",
    ]

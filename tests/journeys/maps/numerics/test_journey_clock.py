"""Waits until a local hour, by hand: the clock changes of Europe and Portugal in 2026."""

from datetime import UTC, date, datetime, time

import pytest

from journeys.maps.numerics.journey_clock import anniversary, local_moment, next_local, occasions

BERLIN, LISBON, NEW_YORK = "Europe/Berlin", "Europe/Lisbon", "America/New_York"


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "at", "zone", "weekday", "expected"),
    [
        # 1 March 2026 is a Sunday; Berlin is an hour ahead of UTC in winter.
        (utc(2026, 3, 1, 9), time(18), BERLIN, None, utc(2026, 3, 1, 17)),
        (utc(2026, 3, 1, 16, 59), time(18), BERLIN, None, utc(2026, 3, 1, 17)),
        # At 18:00 sharp the next 18:00 is tomorrow's: a loop over this wait takes a day.
        (utc(2026, 3, 1, 17), time(18), BERLIN, None, utc(2026, 3, 2, 17)),
        # In New York it is still Saturday evening.
        (utc(2026, 3, 1, 2), time(22), NEW_YORK, None, utc(2026, 3, 1, 3)),
        (utc(2026, 3, 1, 9), time(18), BERLIN, 1, utc(2026, 3, 2, 17)),
        (utc(2026, 3, 1, 9), time(18), BERLIN, 7, utc(2026, 3, 1, 17)),
        (utc(2026, 3, 1, 18), time(18), BERLIN, 7, utc(2026, 3, 8, 17)),
        # From 29 March on Berlin is two hours ahead: the same hour comes 23 hours later.
        (utc(2026, 3, 28, 17), time(18), BERLIN, None, utc(2026, 3, 29, 16)),
        # 02:30 is left out on 29 March: 03:30 summer time stands for it.
        (utc(2026, 3, 29, 0), time(2, 30), BERLIN, None, utc(2026, 3, 29, 1, 30)),
        # 02:30 comes twice on 25 October, at 00:30 and 01:30 UTC: the first counts, …
        (utc(2026, 10, 24, 22), time(2, 30), BERLIN, None, utc(2026, 10, 25, 0, 30)),
        # … and between the two, the next is tomorrow's.
        (utc(2026, 10, 25, 1), time(2, 30), BERLIN, None, utc(2026, 10, 26, 1, 30)),
        (utc(2026, 10, 24, 17), time(18), LISBON, None, utc(2026, 10, 25, 18)),
    ],
)
def test_the_next_local_hour(after, at, zone, weekday, expected):
    assert next_local(after, at, zone, weekday) == expected


def test_a_day_whose_midnight_is_left_out_begins_at_one():
    # Beirut's clocks went from 00:00 to 01:00 on 26 March 2023, from two to three hours ahead.
    assert local_moment(date(2023, 3, 26), time(0), "Asia/Beirut") == utc(2023, 3, 25, 22)


def test_leap_days_come_round_on_the_first_of_march():
    assert anniversary(date(2000, 2, 29), 2026) == date(2026, 3, 1)
    assert anniversary(date(2000, 2, 29), 2028) == date(2028, 2, 29)
    assert anniversary(date(2000, 2, 28), 2026) == date(2026, 2, 28)


def look(day, days, yearly, after, until, zone="UTC"):
    return occasions(day, days=days, yearly=yearly, at=time(9), zone=zone, after=after, until=until)


def test_three_days_before_a_birthday_in_january_lie_in_december():
    dates = look(date(1990, 1, 2), -3, True, utc(2026, 12, 30, 8), utc(2026, 12, 30, 9))

    assert dates == [(date(2027, 1, 2), utc(2026, 12, 30, 9))]


def test_the_span_is_open_before_and_closed_behind():
    born, at = date(1990, 5, 1), utc(2026, 5, 1, 9)
    assert look(born, 0, True, utc(2026, 5, 1, 8, 59), at) == [(date(2026, 5, 1), at)]
    assert look(born, 0, True, at, utc(2026, 5, 2, 8)) == []


def test_a_yearly_date_comes_round_from_the_year_after_and_another_once():
    day = date(2026, 5, 1)
    assert look(day, 0, True, utc(2026, 4, 30), utc(2026, 5, 2)) == []
    assert look(day, 0, False, utc(2026, 4, 30), utc(2026, 5, 2)) == [(day, utc(2026, 5, 1, 9))]
    assert look(day, 0, False, utc(2027, 4, 30), utc(2027, 5, 2)) == []


def test_a_date_comes_round_in_the_customers_zone():
    # Nine in Tokyo is midnight in London.
    dates = look(date(1990, 5, 1), 0, True, utc(2026, 4, 30, 23), utc(2026, 5, 1, 0), "Asia/Tokyo")

    assert dates == [(date(2026, 5, 1), utc(2026, 5, 1, 0))]

"""When may a message leave? Cases by hand; the organisation and the customer are in Berlin.

1 March 2026 is a Sunday; Berlin is an hour ahead of UTC until 29 March.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaigns.numerics.quiet_hours import QuietEntry
from campaigns.numerics.rulebook_entries import CapEntry, GapEntry
from journeys.delivery.numerics.last_check import (
    Contacted,
    Hold,
    Limit,
    Limits,
    ShutOut,
    Waiting,
    hold,
)

EMAIL = Waiting(
    campaign_id=1,
    channel="email",
    tags=(7,),
    takes_slot=True,
    counted=True,
    transactional=False,
    exempt_from_caps=False,
    ignores_durations=False,
    ignores_durations_of=(),
    country="DE",
    zones=("Europe/Berlin",),
)
AT = datetime(2026, 3, 4, 9, tzinfo=UTC)  # Wednesday, 10:00 in Berlin


def cap(limit: int | None, window: str = "hours", length: int = 24, **fields) -> CapEntry:
    return CapEntry("C", fields.pop("channel", ""), fields.pop("tag", None), limit, window, length)


def sent(day: int, hour: int = 9, minute: int = 0, **fields) -> Contacted:
    """Another campaign's message in March, by UTC."""
    at = datetime(2026, 3, day, hour, minute, tzinfo=UTC)
    return replace(replace(EMAIL, campaign_id=2).sent(at), **fields)


def until(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_without_limits_everything_leaves():
    assert hold(Limits(time_zone="Europe/Berlin"), EMAIL, [sent(4, 8)], at=AT) is None


@pytest.mark.parametrize(
    ("limit", "contacted", "expected"),
    [
        (1, [sent(3, 8, 59)], None),  # 24 hours and a minute ago
        (1, [sent(3, 9)], None),  # exactly as old as the window: no longer counts
        (1, [sent(3, 9, 1)], until(4, 9, 1)),
        (2, [sent(3, 10)], None),
        (2, [sent(3, 10), sent(4, 8)], until(4, 10)),  # then one of the two has left
        (1, [sent(3, 10), sent(4, 8)], until(5, 8)),  # then both have
        (2, [sent(3, 10), sent(3, 11), sent(4, 8)], until(4, 11)),
        (None, [sent(4, 8)] * 9, None),
    ],
)
def test_a_rolling_cap_frees_when_enough_has_left_its_window(limit, contacted, expected):
    held = hold(Limits(caps=(cap(limit),)), EMAIL, contacted, at=AT)

    assert held == (expected and Hold(Limit.CAP, "C", expected))


@pytest.mark.parametrize(
    ("window", "contacted", "expected"),
    [
        ("day", sent(3, 22, 59), None),  # 23:59 in Berlin, yesterday
        ("day", sent(3, 23), until(4, 23)),  # midnight: the day's first moment is in it
        ("week", sent(1, 22, 59), None),  # Sunday night
        ("week", sent(2), until(8, 23)),  # until Sunday's end
        ("month", sent(1), datetime(2026, 3, 31, 22, tzinfo=UTC)),  # summer time by then
    ],
)
def test_a_calendar_cap_frees_at_the_customers_midnight(window, contacted, expected):
    held = hold(Limits(caps=(cap(1, window),)), EMAIL, [contacted], at=AT)

    assert held == (expected and Hold(Limit.CAP, "C", expected))


def test_a_cap_of_none_allows_none_ever():
    assert hold(Limits(caps=(cap(0),)), EMAIL, [], at=AT) == Hold(Limit.CAP, "C", None)


@pytest.mark.parametrize(
    "contacted",
    [
        sent(4, 8, counted=False),
        sent(4, 8, takes_slot=False),
        sent(4, 8, transactional=True),
        sent(4, 8, channel="sms"),
        sent(4, 8, tags=(8,)),
    ],
)
def test_what_a_cap_does_not_count_does_not_hold(contacted):
    limits = Limits(caps=(cap(1, channel="email", tag=7),))

    assert hold(limits, EMAIL, [contacted], at=AT) is None
    assert hold(limits, EMAIL, [sent(4, 8)], at=AT) is not None


def test_a_cap_counts_transactional_messages_if_it_is_set_to():
    limits = Limits(caps=(replace(cap(1), counts_transactional=True),))

    assert hold(limits, EMAIL, [sent(4, 8, transactional=True, takes_slot=False)], at=AT)


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({"exempt_from_caps": True}, Hold(Limit.GAP, "G", until(4, 12))),
        ({"takes_slot": False}, None),
        ({"transactional": True}, None),
    ],
)
def test_flags_of_the_message_say_which_limits_it_knows(changes, held):
    limits = Limits(caps=(cap(1),), gaps=(GapEntry("G", "", 4),))

    assert hold(limits, replace(EMAIL, **changes), [sent(4, 8)], at=AT) == held


def test_a_gap_ends_exactly_after_its_hours():
    limits = Limits(gaps=(GapEntry("G", "email", 2),))

    assert hold(limits, EMAIL, [sent(4, 7)], at=AT) is None
    assert hold(limits, EMAIL, [sent(4, 7, 1)], at=AT) == Hold(Limit.GAP, "G", until(4, 9, 1))
    assert hold(limits, EMAIL, [sent(4, 8, channel="sms")], at=AT) is None


NIGHT = QuietEntry("", "", 20 * 60, 8 * 60, (1, 2, 3, 4, 5, 6, 7))


def test_quiet_hours_hold_until_they_end_where_the_customer_is():
    limits = Limits(quiet_hours=(NIGHT,))
    evening = datetime(2026, 3, 4, 19, tzinfo=UTC)  # 20:00 in Berlin

    assert hold(limits, EMAIL, [], at=evening) == Hold(Limit.QUIET_HOURS, "", until(5, 7))
    assert hold(limits, replace(EMAIL, transactional=True), [], at=evening) is None
    assert hold(limits, EMAIL, [], at=AT) is None


def test_what_frees_in_the_night_waits_for_the_morning():
    limits = Limits(caps=(cap(1),), quiet_hours=(NIGHT,))

    held = hold(limits, EMAIL, [sent(3, 20)], at=AT)  # free at 21:00 in Berlin

    assert held == Hold(Limit.CAP, "C", until(5, 7))


def test_an_exclusion_counts_the_organisations_days_from_the_real_one():
    rule = ShutOut(Limit.EXCLUSION, "X", 2, source_campaign=2, target_tag=7)
    limits = Limits(shut_outs=(rule,), time_zone="Europe/Berlin")

    # Monday's, 23:30 in Berlin, shuts out Monday and Tuesday; half an hour later, Wednesday too.
    assert hold(limits, EMAIL, [sent(2, 22, 30)], at=AT) is None
    assert hold(limits, EMAIL, [sent(2, 23)], at=AT) == Hold(Limit.EXCLUSION, "X", until(4, 23))
    assert hold(limits, replace(EMAIL, tags=()), [sent(2, 23)], at=AT) is None


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({}, True),
        ({"campaign_id": 2}, False),  # its own duration
        ({"ignores_durations": True}, False),
        ({"ignores_durations_of": (2,)}, False),
        ({"ignores_durations_of": (3,)}, True),
        ({"takes_slot": False}, False),
    ],
)
def test_a_duration_keeps_others_away_that_do_not_ignore_it(changes, is_held):
    limits = Limits(shut_outs=(ShutOut(Limit.DURATION, "D", 3, source_campaign=2),))

    held = hold(limits, replace(EMAIL, **changes), [sent(3)], at=AT)

    assert held == (Hold(Limit.DURATION, "D", until(6)) if is_held else None)


def test_of_several_limits_the_one_that_lasts_longest_is_reported():
    limits = Limits(caps=(cap(1),), gaps=(GapEntry("G", "", 48),))

    assert hold(limits, EMAIL, [sent(4, 8)], at=AT) == Hold(Limit.GAP, "G", until(6, 8))
    assert limits.days == 2

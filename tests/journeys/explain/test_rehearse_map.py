"""A test run by hand: what would happen when, what would be sent, what would hold it."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from campaigns.models import Campaign, FrequencyCap, QuietHours
from journeys.explain.rehearse_map import rehearse_map
from journeys.maps.edit_map import newest_version
from journeys.models import Contact, StepPassage, Traveller
from segments.models import Organisation
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, send, wait
from tests.journeys.engine import make_plan

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")


def in_berlin(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=BERLIN)


@pytest.fixture
def anna():
    customer = make_customer(
        first_name="Anna", time_zone="Europe/Berlin", registered_on=DAY - timedelta(days=9)
    )
    make_plan()
    build_state(DAY)
    return customer


def cart_map(**settings):
    """Wait an hour for an order; else a reminder at once, and at six in the evening another."""
    first, second = make_step_campaign(), make_step_campaign()
    steps = {
        "e": ENTRY,
        "w": {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60},
        "m": send(first, when="at_once", **settings),
        "u": {"kind": "wait", "for": "until", "weekday": None, "time": "18:00"},
        "n": send(second),
        "x": {"kind": "exit", "reason": "bought"},
    }
    journey = launch(draw(steps, "e>w w:happened>x w:timed_out>m m>u u>n"))
    return newest_version(journey)


def test_without_answers_the_event_does_not_come_and_messages_follow(anna):
    steps = rehearse_map(cart_map(), anna, start=NOW)  # ten in Berlin

    assert [(h.step_id, h.port, h.at) for h in steps] == [
        ("e", "next", in_berlin(1, 10)),
        ("w", "timed_out", in_berlin(1, 11)),
        ("m", "next", in_berlin(1, 11)),
        ("u", "next", in_berlin(1, 18)),
        ("n", "", in_berlin(2, 10)),  # the next run decides at nine of the organisation, UTC
    ]
    assert str(steps[0].at.tzinfo) == "Europe/Berlin"
    (message,) = steps[2].messages
    assert (message.subject, message.limits) == ("Hello Anna", ())
    assert steps[-1].text.endswith("The journey ends here.")


def test_an_answer_leads_another_way(anna):
    steps = rehearse_map(cart_map(), anna, start=NOW, answers={"w": "happened"})

    assert [(h.step_id, h.at) for h in steps] == [
        ("e", in_berlin(1, 10)),
        ("w", in_berlin(1, 10, 1)),
        ("x", in_berlin(1, 10, 1)),
    ]
    blocked = rehearse_map(cart_map(when_blocked="exit"), anna, start=NOW, answers={"m": "blocked"})
    assert [h.step_id for h in blocked] == ["e", "w", "m"]


def test_it_is_said_which_limits_would_hold_a_message(anna):
    FrequencyCap.objects.create(name="None at all", limit=0, window="day")
    QuietHours.objects.create(name="Noon", starts_at="10:30", ends_at="11:30")
    version = cart_map(when_blocked="wait", wait_hours=5, then="exit")

    steps = rehearse_map(version, anna, start=NOW)

    assert [h.step_id for h in steps] == ["e", "w", "m"]
    assert steps[-1].at == in_berlin(1, 16)  # five hours after eleven
    (message,) = steps[-1].messages
    assert "None at all" in message.limits[0]
    assert message.limits[1] == "Waits for the end of quiet hours at 2026-03-01 11:30."

    anna.consents = []
    anna.save()
    (message,) = rehearse_map(version, anna, start=NOW)[-1].messages
    assert "consent" in message.limits[0]


def test_what_only_waits_leads_on_when_it_leaves(anna):
    QuietHours.objects.create(name="Noon", starts_at="10:30", ends_at="11:30")
    Organisation.objects.update_or_create(pk=1, defaults={"lock_time": time(13)})

    steps = rehearse_map(cart_map(), anna, start=NOW)

    assert [(h.step_id, h.port, h.at) for h in steps[2:]] == [
        ("m", "next", in_berlin(1, 11, 30)),  # decided at eleven
        ("u", "next", in_berlin(1, 18)),
        ("n", "", in_berlin(2, 14)),  # the lock time is the organisation's, in UTC
    ]
    (message,) = steps[2].messages
    assert message.limits == ("Waits for the end of quiet hours at 2026-03-01 11:30.",)


def test_transactional_messages_do_not_wait_for_quiet_hours(anna):
    QuietHours.objects.create(name="Noon", starts_at="10:30", ends_at="11:30")
    version = cart_map()
    Campaign.objects.update(transactional=True)

    steps = rehearse_map(version, anna, start=NOW)

    assert (steps[2].at, steps[2].messages[0].limits) == (in_berlin(1, 11), ())


def test_nothing_is_written(anna):
    version = cart_map()
    with connection.execute_wrapper(refuse_to_write):
        rehearse_map(version, anna, start=NOW)
    assert not Traveller.objects.exists()
    assert not StepPassage.objects.exists()
    assert not Contact.objects.exists()


def refuse_to_write(execute, sql, params, many, context):
    assert str(sql).lstrip("( ").split(None, 1)[0].upper() in ("SELECT", "WITH"), sql
    return execute(sql, params, many, context)


def test_a_loop_and_an_unfinished_drawing_both_come_to_an_end(anna):
    journey = launch(draw({"e": ENTRY, "w": wait(60)}, "e>w w>w"))
    assert len(rehearse_map(newest_version(journey), anna, start=NOW)) == 60

    version = newest_version(journey)
    version.graph = draw({"e": ENTRY, "w": {"kind": "wait", "for": "duration"}}, "e>w")
    (_entry, last) = rehearse_map(version, anna, start=NOW)
    assert last.text == "This step is not set up yet. The journey ends here."

"""What follows a message counts from when the message can leave, never from before it."""

from datetime import UTC, datetime, time, timedelta

import pytest

from campaigns.models import QuietHours
from journeys.jobs.advance_travellers import advance_travellers
from journeys.models import Contact, StepPassage, Traveller
from segments.models import Organisation
from tests.factories import DAY, make_goal
from tests.journeys.drawn_maps import (
    ENTRY,
    draw,
    launch,
    make_event,
    make_step_campaign,
    move,
    put_in,
    send,
    wait,
    way,
)
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db

ORDER = {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 240}
BOUGHT = {"kind": "split", "by": "event", "event_kind": "order", "minutes": None}


def at(hour: float) -> datetime:
    return datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(hours=hour)


@pytest.fixture
def anna():
    (customer,) = make_customers(1)
    make_plan()
    return customer


@pytest.fixture
def lock_at_eleven():
    Organisation.objects.update_or_create(pk=1, defaults={"lock_time": time(11)})


def begin(customer, steps: dict, links: str, *, since: datetime, **fields) -> Traveller:
    """Entry, a message of the day's run, then some steps; the traveller is at the message."""
    campaign = make_step_campaign(control_share=0)
    graph = draw({"e": ENTRY, "m": send(campaign), **steps}, f"e>m {links}")
    journey = launch(graph, at=since, **fields)
    put_in(journey, customer, at=since)
    move(since)
    return Traveller.objects.get(map=journey)


def test_after_a_late_run_only_what_happens_from_then_on_counts(anna):
    """The day's data came late: what is decided as of nine is decided at one o'clock."""
    make_event(anna, "order", at(10))
    steps = {"w": ORDER, "x": {"kind": "exit", "reason": "bought"}, "y": wait(60)}
    traveller = begin(anna, steps, "m>w w:happened>x w:timed_out>y", since=at(12))
    make_event(anna, "order", at(12.5))

    run = decide_day(clock=lambda: at(13))

    assert (run.decided_at, Contact.objects.get().reserved_at) == (at(9), at(9))
    passage = StepPassage.objects.get(step="m")
    assert (passage.arrived_at, passage.left_at) == (at(12), at(13))
    move(at(13))
    move(at(16.9))
    assert way(traveller) == "e next m sent w"
    move(at(17))
    assert way(traveller) == "e next m sent w timed_out y"


def test_a_late_run_does_not_decide_a_step_that_has_given_up(anna):
    campaign = make_step_campaign(control_share=0)
    waiting = {"when_blocked": "wait", "wait_hours": 3, "then": "exit"}
    graph = draw({"e": ENTRY, "m": send(campaign, **waiting)}, "e>m")
    put_in(journey := launch(graph, at=at(8)), anna, at=at(8))
    advance_travellers(at(8), owner="test")

    decide_day(clock=lambda: at(11))

    assert not Contact.objects.exists()
    advance_travellers(at(11), owner="test")
    assert way(Traveller.objects.get(map=journey)) == "e next m blocked blocked"


def test_without_a_clock_nobody_leaves_a_step_before_they_came_to_it(anna):
    traveller = begin(anna, {"w": wait(60)}, "m>w", since=at(12))

    decide_day()

    assert way(traveller) == "e next m sent w"
    assert (traveller.step_since, traveller.due_at) == (at(12), at(12))


def test_the_lock_time_also_holds_back_follow_ups(anna, lock_at_eleven):
    second = make_step_campaign(control_share=0, in_addition=True)
    steps = {"w": wait(60), "n": send(second, when="at_once"), "z": wait(5)}
    traveller = begin(anna, steps, "m>w w>n n>z", since=at(8))
    decide_day(clock=lambda: at(9))
    assert (traveller.refresh_from_db(), traveller.step_since) == (None, at(11))

    for hour in (9, 10, 10.5, 11, 11.9):
        make_event(anna, "visit", at(hour))  # wakes nobody up into a step that has not begun
        move(at(hour))
        assert way(traveller) == "e next m sent w"
    assert traveller.due_at == at(12)
    move(at(12))

    assert way(traveller) == "e next m sent w next n sent z"
    moments = list(Contact.objects.order_by("pk").values_list("reserved_at", flat=True))
    assert moments == [at(11), at(12)]


@pytest.mark.parametrize(("ordered", "port"), [(10.5, "yes"), (12, "no")])
def test_a_split_after_a_message_is_evaluated_when_the_message_leaves(
    anna, lock_at_eleven, ordered, port
):
    goes = {"x": {"kind": "exit"}, "y": wait(60)}
    traveller = begin(anna, {"s": BOUGHT, **goes}, "m>s s:yes>x s:no>y", since=at(8))
    decide_day(clock=lambda: at(9))
    Traveller.objects.update(due_at=at(9.5))  # woken
    move(at(9.5))
    assert way(traveller) == "e next m sent s"
    assert traveller.due_at == at(11)

    if ordered < 11:
        make_event(anna, "order", at(ordered))
    move(at(11))

    assert f"s {port}" in way(traveller)


def test_an_order_before_the_message_leaves_is_no_answer_to_it(anna, lock_at_eleven):
    steps = {"w": ORDER, "x": {"kind": "exit"}, "y": wait(60)}
    traveller = begin(anna, steps, "m>w w:happened>x w:timed_out>y", since=at(8))
    decide_day(clock=lambda: at(9))

    make_event(anna, "order", at(10))
    for hour in (10, 11, 14.9):
        move(at(hour))
        assert way(traveller) == "e next m sent w"
    move(at(15))

    assert way(traveller) == "e next m sent w timed_out y"


def test_quiet_hours_between_a_message_at_once_and_what_follows(anna):
    QuietHours.objects.create(name="Midday", starts_at=time(12), ends_at=time(14))
    decide_day()
    campaign = make_step_campaign(control_share=0)
    graph = draw({"e": ENTRY, "m": send(campaign, when="at_once"), "w": wait(60)}, "e>m m>w")
    put_in(journey := launch(graph, at=at(13)), anna, at=at(13))

    move(at(13))

    assert Contact.objects.get().reserved_at == at(14)
    traveller = Traveller.objects.get(map=journey)
    passage = StepPassage.objects.get(step="m")
    assert (passage.left_at, traveller.step_since) == (at(14), at(14))
    move(at(14.9))
    assert way(traveller) == "e next m sent w"
    move(at(15))
    assert way(traveller) == "e next m sent w next end"


def test_a_goal_reached_before_the_message_leaves_ends_the_journey_at_once(anna, lock_at_eleven):
    goal = make_goal(event_kind="order")
    traveller = begin(anna, {"w": wait(60)}, "m>w", since=at(8), goal=goal)
    decide_day(clock=lambda: at(9))
    make_event(anna, "order", at(10))

    move(at(10))

    assert way(traveller) == "e next m sent w goal goal"
    assert traveller.done_at == at(10)
    last = StepPassage.objects.get(step="w")  # which no passage leaves before it came to it
    assert (last.arrived_at, last.left_at) == (at(11), at(11))

"""Travellers on their way: a story worked by hand for each kind of step."""

from datetime import datetime, timedelta

import pytest

from journeys.jobs.advance_travellers import advance_travellers
from journeys.maps.edit_map import end_map, launch_map, pause_map, save_graph
from journeys.maps.map_counts import draw_tallies_together, step_counts
from journeys.maps.wake_travellers import resume
from journeys.models import StepPassage, StepTally, Traveller
from segments.models import Customer, TargetGroup
from tests.factories import NOW, make_customer, make_goal
from tests.journeys.drawn_maps import (
    ENTRY,
    draw,
    launch,
    make_event,
    make_step_campaign,
    move,
    only_traveller,
    put_in,
    send,
    wait,
    way,
)

pytestmark = pytest.mark.django_db

EXIT = {"kind": "exit", "reason": "over"}
WAIT_FOR_ORDER = {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}
MARK = {"kind": "set", "attribute": "vip", "value": "yes"}


def later(**span) -> datetime:
    return NOW + timedelta(**span)


def travel(steps: dict, links: str, **fields) -> Traveller:
    """One traveller who entered a map of these steps now and went as far as possible."""
    journey = launch(draw({"e": ENTRY, **steps}, f"e>{next(iter(steps))} {links}"), **fields)
    put_in(journey, make_customer(), at=NOW)
    advance_travellers(NOW, owner="test")
    return only_traveller(journey)


def test_a_wait_of_an_hour_is_over_after_an_hour():
    anna = travel({"w": wait(60), "x": EXIT}, "w>x")
    assert (way(anna), anna.due_at) == ("e next w", later(hours=1))

    advance_travellers(later(minutes=59), owner="test")
    assert way(anna) == "e next w"
    advance_travellers(later(minutes=61), owner="test")

    assert way(anna) == "e next w next x end end"
    assert (anna.status, anna.done_at, anna.due_at) == ("done", later(minutes=61), None)
    passage = StepPassage.objects.get(traveller=anna, step="w")
    assert (passage.arrived_at, passage.left_at) == (NOW, later(minutes=61))


def test_a_wait_until_an_hour_is_by_the_customers_clock_over_a_clock_change():
    until = {"kind": "wait", "for": "until", "weekday": None, "time": "18:00"}
    journey = launch(draw({"e": ENTRY, "u": until, "x": EXIT}, "e>u u>x"))
    zones = ["Europe/Berlin", "America/New_York", "", "not a zone"]
    people = [make_customer(time_zone=zone) for zone in zones]
    people.append(make_customer(country="PT"))
    saturday = NOW.replace(day=28, hour=17)  # 18:00 in Berlin, the clocks change overnight
    put_in(journey, *people, at=saturday)

    advance_travellers(saturday, owner="test")

    due = dict(Traveller.objects.values_list("customer_id", "due_at"))
    assert [due[customer.pk] for customer in people] == [
        saturday.replace(day=29, hour=16),
        saturday.replace(hour=22),
        saturday.replace(hour=18),  # the organisation's, UTC
        saturday.replace(hour=18),
        saturday.replace(hour=18),  # Lisbon's
    ]


def test_an_event_ends_the_wait_for_it_and_wakes_who_waits():
    steps = {"w": {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}}
    anna = travel({**steps, "x": EXIT}, "w:happened>x")
    move(NOW)  # our place among the new events
    make_event(anna.customer, "visit", later(minutes=5))
    make_event(make_customer(), "order", later(minutes=5))
    move(later(minutes=6))
    assert way(anna) == "e next w"
    make_event(anna.customer, "order", later(minutes=10))

    move(later(minutes=11))

    assert way(anna) == "e next w happened x end end"


def test_without_the_event_the_wait_times_out_even_if_it_comes_a_moment_later():
    steps = {"w": {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}}
    anna = travel({**steps, "t": MARK}, "w:timed_out>t")
    make_event(anna.customer, "order", NOW - timedelta(minutes=1))
    make_event(anna.customer, "order", later(minutes=61))

    advance_travellers(later(minutes=62), owner="test")

    assert way(anna) == "e next w timed_out t next end"


def test_an_event_in_time_counts_although_it_is_heard_of_after_the_time_out():
    steps = {"w": {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}}
    anna = travel(steps, "")
    make_event(anna.customer, "order", later(minutes=60))

    advance_travellers(later(hours=5), owner="test")

    assert way(anna) == "e next w happened end"


def test_what_happens_between_the_event_that_begins_a_journey_and_the_entry_counts():
    steps = {"w": {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}}
    journey = launch(draw({"e": ENTRY, **steps}, "e>w"))
    move(NOW)
    anna = make_customer()
    make_event(anna, "cart", later(seconds=10))
    make_event(anna, "order", later(seconds=30))

    move(later(minutes=1))

    assert way(only_traveller(journey)) == "e next w happened end"


def test_a_split_by_rule_reads_present_attributes():
    rule = {"field": "attribute.tier", "op": "eq", "value": "gold"}
    split = {"kind": "split", "by": "rule", "rule": rule}
    journey = launch(draw({"e": ENTRY, "w": wait(60), "s": split}, "e>w w>s"))
    gold, plain, late = (make_customer(attributes=a) for a in ({"tier": "gold"}, {}, {}))
    put_in(journey, gold, plain, late, at=NOW)
    advance_travellers(NOW, owner="test")
    Customer.objects.filter(pk=late.pk).update(attributes={"tier": "gold"})

    advance_travellers(later(hours=1), owner="test")

    ports = [way(t) for t in Traveller.objects.order_by("customer_id")]
    assert ports == [f"e next w next s {port} end" for port in ("yes", "no", "yes")]


@pytest.mark.parametrize(
    ("minutes", "order_at", "port"),
    [
        (30, 29, "no"),  # evaluated at 60: the last 30 minutes begin after 30
        (30, 31, "yes"),
        (None, 1, "yes"),
        (None, -1, "no"),  # before the entry
        (90, -29, "yes"),
    ],
)
def test_a_split_by_event_looks_back_so_many_minutes_or_to_the_entry(minutes, order_at, port):
    split = {"kind": "split", "by": "event", "event_kind": "order", "minutes": minutes}
    anna = travel({"w": wait(60), "s": split}, "w>s")
    make_event(anna.customer, "order", later(minutes=order_at))

    advance_travellers(later(minutes=60), owner="test")

    assert way(anna) == f"e next w next s {port} end"


def test_a_random_split_keeps_its_shares_and_gives_a_customer_the_same_branch_again():
    split = {"kind": "split", "by": "random", "shares": {"a": 0.2, "b": 0.3, "c": 0.5}}
    journey = launch(draw({"e": ENTRY, "s": split}, "e>s"), reentry="always", seed=7)
    people = [make_customer() for _ in range(400)]
    put_in(journey, *people, at=NOW, key="first")
    advance_travellers(NOW, owner="test")
    put_in(journey, *people, at=later(days=1), key="again")
    advance_travellers(later(days=1), owner="test")

    passages = StepPassage.objects.filter(step="s")
    taken = [
        dict(passages.filter(traveller__entry_key=key).values_list("traveller__customer", "result"))
        for key in ("first", "again")
    ]
    assert taken[0] == taken[1]
    counts = {port: list(taken[0].values()).count(port) for port in "abc"}
    # Four standard deviations of a binomial count: 4 √(400 p (1 − p)) is 32, 37 and 40.
    assert abs(counts["a"] - 80) < 32
    assert abs(counts["b"] - 120) < 37
    assert abs(counts["c"] - 200) < 40


def test_an_attribute_is_set_and_the_others_stay():
    journey = launch(draw({"e": ENTRY, "m": MARK}, "e>m"))
    anna = make_customer(attributes={"tier": "gold"})
    put_in(journey, anna, at=NOW)

    advance_travellers(NOW, owner="test")

    anna.refresh_from_db()
    assert anna.attributes == {"tier": "gold", "vip": "yes"}
    assert anna.updated_at == NOW


def test_the_goal_ends_the_journey_wherever_one_is_and_is_heard_of_while_waiting():
    anna = travel({"w": wait(600), "x": EXIT}, "w>x", goal=make_goal(event_kind="order"))
    move(NOW)
    make_event(anna.customer, "order", NOW - timedelta(minutes=1))  # before the entry
    move(later(minutes=1))
    assert way(anna) == "e next w"
    make_event(anna.customer, "order", later(minutes=2))

    move(later(minutes=3))

    assert way(anna) == "e next w goal goal"


def test_the_exit_rule_is_looked_at_before_every_move_and_while_waiting():
    rule = {"field": "attribute.vip", "op": "eq", "value": "yes"}
    by_move = travel({"m": MARK, "w": wait(600)}, "m>w", exit_rule=rule)
    assert way(by_move) == "e next m next w rule rule"

    waiting = travel({"w": wait(600)}, "", exit_rule=rule)
    move(later(minutes=1))
    assert way(waiting) == "e next w"
    Customer.objects.filter(pk=waiting.customer_id).update(attributes={"vip": "yes"})
    move(later(minutes=12))
    assert way(waiting) == "e next w rule rule"


def test_who_is_erased_leaves():
    anna = travel({"w": wait(60)}, "")
    Customer.objects.filter(pk=anna.customer_id).update(erased_at=NOW)
    advance_travellers(later(hours=1), owner="test")
    assert way(anna) == "e next w left left"


def test_a_pause_stops_everyone_and_an_end_sends_them_home():
    anna = travel({"w": wait(60), "x": EXIT}, "w>x")
    pause_map(anna.map)
    advance_travellers(later(hours=2), owner="test")
    assert way(anna) == "e next w"
    launch_map(anna.map, by="anna", at=later(hours=3))
    advance_travellers(later(hours=3), owner="test")
    assert way(anna) == "e next w next x end end"

    ben = travel({"w": wait(60)}, "")
    end_map(ben.map)
    advance_travellers(NOW, owner="test")
    assert way(ben) == "e next w left left"


def test_an_event_stamped_ahead_ends_the_wait_at_its_own_moment_and_only_one_wait():
    """Without that the second wait would take the same order for an answer, or the first none."""
    again = {**WAIT_FOR_ORDER, "minutes": 600}
    anna = travel({"w": WAIT_FOR_ORDER, "v": again, "x": EXIT}, "w:happened>v v:happened>x")
    move(NOW)  # our place among the new events
    make_event(anna.customer, "order", later(minutes=12))

    move(later(minutes=10))
    assert (way(anna), anna.due_at) == ("e next w", later(minutes=12))
    move(later(minutes=12))
    assert way(anna) == "e next w happened v"
    move(later(minutes=13))

    assert way(anna) == "e next w happened v"
    make_event(anna.customer, "order", later(minutes=14))
    move(later(minutes=14))
    assert way(anna) == "e next w happened v happened x end end"


def test_an_event_stamped_ahead_but_after_the_wait_does_not_count():
    anna = travel({"w": WAIT_FOR_ORDER, "x": EXIT}, "w:timed_out>x")
    move(NOW)
    make_event(anna.customer, "order", later(minutes=61))
    move(later(minutes=59))
    assert (way(anna), anna.due_at) == ("e next w", later(minutes=60))
    move(later(minutes=60))
    assert way(anna) == "e next w timed_out x end end"


def test_a_goal_or_an_answer_stamped_ahead_is_known_at_once():
    ben = travel({"w": wait(60)}, "", goal=make_goal(event_kind="order"))
    move(NOW)
    make_event(ben.customer, "order", later(minutes=32))
    move(later(minutes=30))
    assert way(ben) == "e next w goal goal"

    split = {"kind": "split", "by": "event", "event_kind": "order", "minutes": None}
    cleo = travel({"w": wait(30), "s": split, "x": EXIT}, "w>s s:yes>x")
    make_event(cleo.customer, "order", later(minutes=32))
    move(later(minutes=30))
    assert way(cleo) == "e next w next s yes x end end"


def test_the_event_that_began_a_journey_answers_nothing_in_it_even_if_stamped_ahead():
    entry = {**ENTRY, "event_kind": "order"}
    graph = draw({"e": entry, "w": wait(1), "v": WAIT_FOR_ORDER}, "e>w w>v")
    journey = launch(graph, at=NOW - timedelta(hours=1), goal=make_goal(event_kind="order"))
    move(NOW - timedelta(hours=1))
    make_event(make_customer(), "order", later(minutes=5))

    for minute in (0, 1, 5, 6, 60):
        move(later(minutes=minute))
        assert Traveller.objects.get(map=journey).outcome == ""

    move(later(minutes=61))
    assert way(Traveller.objects.get(map=journey)) == "e next w next v timed_out end"


def test_travellers_finish_on_the_version_they_began():
    anna = travel({"w": wait(60), "x": EXIT}, "w>x")
    save_graph(anna.map, draw({"e": ENTRY, "w": wait(5)}, "e>w"), by="b", at=NOW)
    journey = launch_map(anna.map, by="b", at=NOW)
    put_in(journey, ben := make_customer(), at=NOW)

    advance_travellers(NOW, owner="test")
    advance_travellers(later(minutes=5), owner="test")

    assert way(anna) == "e next w"
    assert way(Traveller.objects.get(customer=ben)) == "e next w next end"
    advance_travellers(later(minutes=60), owner="test")
    assert way(anna) == "e next w next x end end"


def test_only_the_traveller_who_cannot_go_on_is_parked_and_can_be_resumed(monkeypatch):
    journey = launch(draw({"e": ENTRY, "m": MARK, "x": EXIT}, "e>m m>x"))
    people = [make_customer() for _ in range(5)]
    put_in(journey, *people, at=NOW)
    from journeys.maps import steps as map_steps

    set_attribute = map_steps.set_attribute

    def fails_for_the_third(step, customer_ids, *, now):
        if people[2].pk in set(customer_ids):
            raise RuntimeError("poison")
        set_attribute(step, customer_ids, now=now)

    monkeypatch.setattr(map_steps, "set_attribute", fails_for_the_third)
    counts = advance_travellers(NOW, owner="test")

    parked = Traveller.objects.get(customer=people[2])
    assert (parked.status, parked.due_at, parked.fault) == (
        "travelling", None, "RuntimeError: poison",
    )  # fmt: skip
    assert Traveller.objects.filter(status="done").count() == 4
    assert (counts["done"], counts["parked"]) == (4, 1)

    monkeypatch.undo()
    assert resume([parked], later(hours=1)) == 1
    advance_travellers(later(hours=1), owner="test")
    assert way(parked) == "e next m next x end end"


def test_a_rule_that_cannot_be_judged_parks_with_its_sentence():
    rule = {"field": "feature.no_such", "op": "gt", "value": 1}
    anna = travel({"s": {"kind": "split", "by": "rule", "rule": rule}}, "")
    assert anna.fault == "“feature.no_such” is not part of that day's customer data."


def test_live_counts_add_up_before_and_after_tallies_are_drawn_together(monkeypatch):
    journey = launch(draw({"e": ENTRY, "w": wait(60), "x": EXIT}, "e>w w>x"))
    put_in(journey, *(make_customer() for _ in range(3)), at=NOW)
    advance_travellers(NOW, owner="test")
    put_in(journey, make_customer(), at=later(minutes=30))
    advance_travellers(later(minutes=60), owner="test")

    for _look in range(2):
        counts = step_counts(journey.active_version)
        assert {step: (c.arrived, c.here, c.left) for step, c in counts.items()} == {
            "e": (4, 0, {"next": 4}),
            "w": (4, 1, {"next": 3}),
            "x": (3, 0, {"end": 3}),
        }
        monkeypatch.setattr("journeys.maps.map_counts.MANY_TALLIES", 0)
        draw_tallies_together()
    assert StepTally.objects.count() == 6


def test_the_daily_step_asks_for_its_campaign_until_it_gives_up():
    campaign = make_step_campaign()
    waiting = {"when_blocked": "wait", "wait_hours": 24, "then": "exit"}
    anna = travel({"m": send(campaign, **waiting)}, "")
    assert (anna.campaign, anna.give_up_at, anna.due_at) == (
        campaign, later(hours=24), later(hours=24),
    )  # fmt: skip

    advance_travellers(later(hours=24), owner="test")

    assert way(anna) == "e next m blocked blocked"


def test_a_step_that_does_not_wait_gives_up_after_two_days_without_a_decision():
    anna = travel({"m": send(make_step_campaign()), "x": EXIT}, "m>x")
    advance_travellers(later(hours=47), owner="test")
    assert way(anna) == "e next m"
    advance_travellers(later(hours=48), owner="test")
    assert way(anna) == "e next m skipped x end end"


def test_group_members_of_a_target_group_are_named_by_the_map_not_by_its_rule():
    group = TargetGroup.objects.create(name="All", rule={})
    entry = {"kind": "entry", "by": "target_group", "target_group": group.pk}
    journey = launch(draw({"e": entry, "w": wait(5)}, "e>w"))
    assert move(NOW) == {}  # no state of the day yet: nobody is in a group
    assert not Traveller.objects.filter(map=journey).exists()

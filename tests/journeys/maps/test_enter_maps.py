"""Who enters a map, and when: events, target groups, dates, re-entry, control."""

from datetime import date, datetime, timedelta

import numpy as np
import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from journeys.draws import keyed_uniform
from journeys.jobs.advance_travellers import advance_travellers
from journeys.maps.edit_map import launch_map, pause_map
from journeys.maps.enter_maps import enter_maps
from journeys.models import JourneyMap, MapCursor, Traveller
from segments.models import Customer, TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_event, move, only_traveller, wait
from tests.journeys.engine import make_customers

pytestmark = pytest.mark.django_db

EXIT = {"kind": "exit"}


def by_event(**fields) -> JourneyMap:
    """A map that a cart begins, of one hour, launched an hour ago; nobody has looked at it yet."""
    rule = fields.pop("rule", {})
    graph = draw({"e": {**ENTRY, "rule": rule}, "w": wait(60), "x": EXIT}, "e>w w>x")
    return launch(graph, at=NOW - timedelta(hours=1), **fields)


def later(**span) -> datetime:
    return NOW + timedelta(**span)


def entries(journey: JourneyMap) -> list[tuple[int, str]]:
    travellers = Traveller.objects.filter(map=journey).order_by("pk")
    return list(travellers.values_list("customer_id", "entry_key"))


def test_an_event_begins_one_journey_however_often_it_is_looked_at():
    journey, anna = by_event(), make_customer()
    cart = make_event(anna, "cart", NOW - timedelta(seconds=20))
    make_event(anna, "visit", NOW - timedelta(seconds=10))

    counts = [move(later(seconds=s))["entered"] for s in (0, 30)]

    assert counts == [1, 0]
    traveller = only_traveller(journey)
    assert entries(journey) == [(anna.pk, f"event:{cart.pk}")]
    assert traveller.entered_at == NOW
    assert traveller.counts_from == NOW - timedelta(seconds=20)
    assert traveller.step == "w"


@pytest.mark.parametrize("ahead", [{"milliseconds": 20}, {"minutes": 2}, {"hours": 24}])
def test_an_event_that_a_clock_ahead_of_ours_stamped_begins_its_journey_at_once(ahead):
    journey = by_event()
    cart = make_event(make_customer(), "cart", later(**ahead))

    counts = [move(later(minutes=minute))["entered"] for minute in (0, 1, 5)]

    assert counts == [1, 0, 0]
    traveller = only_traveller(journey)
    assert (traveller.entered_at, traveller.counts_from) == (NOW, cart.occurred_at)


def test_what_happened_before_the_launch_long_ago_in_a_pause_or_days_ahead_begins_nothing():
    journey = by_event()
    for at in (NOW - timedelta(hours=2), NOW - timedelta(days=3), later(hours=25)):
        make_event(make_customer(), "cart", at)
    enter_maps(NOW)
    pause_map(journey)
    make_event(make_customer(), "cart", later(minutes=1))
    enter_maps(later(minutes=2))
    launch_map(journey, by="anna", at=later(minutes=3))
    enter_maps(later(minutes=4))

    assert entries(journey) == []


def test_an_old_event_of_a_late_file_begins_nothing():
    graph = draw({"e": ENTRY, "w": wait(60)}, "e>w")
    journey = launch(graph, at=NOW - timedelta(days=9))
    enter_maps(NOW - timedelta(days=9))
    make_event(make_customer(), "cart", NOW - timedelta(days=2, minutes=1))
    fresh = make_event(make_customer(), "cart", NOW - timedelta(days=1))

    enter_maps(NOW)

    assert entries(journey) == [(fresh.customer_id, f"event:{fresh.pk}")]


def test_the_entry_rule_and_erasure_keep_customers_out():
    journey = by_event(rule={"field": "country", "op": "eq", "value": "PT"})
    people = [make_customer(country=c) for c in ("PT", "DE", "PT")]
    Customer.objects.filter(pk=people[2].pk).update(erased_at=NOW)
    for person in people:
        make_event(person, "cart", NOW)

    enter_maps(NOW)

    assert [pk for pk, _key in entries(journey)] == [people[0].pk]


@pytest.mark.parametrize(
    ("fields", "entered"),
    [
        ({"reentry": "never"}, [0]),
        # At 60 the first journey ends; a day later, at 1500, another may begin.
        ({"reentry": "after", "reentry_days": 1}, [0, 1501]),
        ({"reentry": "always"}, [0, 30, 90, 1499, 1501]),
    ],
)
def test_reentry(fields, entered):
    journey, anna = by_event(**fields), make_customer()
    minutes = [0, 30, 90, 1499, 1501]
    for minute in minutes:
        make_event(anna, "cart", later(minutes=minute))
        move(later(minutes=minute))
        move(later(minutes=60)) if minute < 60 else None
        advance_travellers(later(minutes=max(minute, 60)), owner="test")

    entered_at = Traveller.objects.filter(map=journey).values_list("entered_at", flat=True)
    assert sorted(entered_at) == [later(minutes=minute) for minute in entered]


def test_of_two_events_at_once_the_first_begins_the_one_journey():
    journey, anna = by_event(reentry="after", reentry_days=1), make_customer()
    first, _second = (make_event(anna, "cart", later(seconds=s)) for s in (1, 2))
    enter_maps(later(minutes=1))
    assert entries(journey) == [(anna.pk, f"event:{first.pk}")]


def test_the_control_share_is_drawn_from_the_maps_own_seed():
    journey = by_event(control_share=0.3, seed=11)
    people = [make_customer() for _ in range(50)]
    for person in people:
        make_event(person, "cart", NOW)
    enter_maps(NOW)

    u = keyed_uniform(np.array([person.pk for person in people]), seed=11, purpose="control")
    controls = Traveller.objects.filter(map=journey, is_control=True)
    expected = [person.pk for person, draw_ in zip(people, u, strict=True) if draw_ < 0.3]
    assert sorted(controls.values_list("customer_id", flat=True)) == expected
    assert 0 < len(expected) < 50


def group_map(group: TargetGroup, **fields) -> JourneyMap:
    entry = {"kind": "entry", "by": "target_group", "target_group": group.pk}
    return launch(draw({"e": entry, "w": wait(60), "x": EXIT}, "e>w w>x"), **fields)


def test_a_target_group_enters_once_for_each_new_state():
    group = TargetGroup.objects.create(
        name="Portugal", rule={"field": "country", "op": "eq", "value": "PT"}
    )
    anna, _ben = make_customers(1, country="PT") + make_customers(1, country="DE")
    journey = group_map(group, reentry="after", reentry_days=1)
    build_state(DAY)

    assert [move(NOW)["entered"], move(later(minutes=1))["entered"]] == [1, 0]
    assert entries(journey) == [(anna.pk, f"group:{DAY}")]
    (cleo,) = make_customers(1, country="PT")
    move(later(hours=2))  # Anna's journey ends
    build_state(DAY + timedelta(days=1))
    move(later(days=1, hours=1))  # 23 hours later: too soon for her
    assert entries(journey)[1:] == [(cleo.pk, f"group:{DAY + timedelta(days=1)}")]
    build_state(DAY + timedelta(days=2))
    move(later(days=2))
    assert entries(journey)[2:] == [(anna.pk, f"group:{DAY + timedelta(days=2)}")]


def test_a_deleted_group_is_reported_and_does_not_stop_other_maps():
    build_state(DAY)
    gone, kept = (TargetGroup.objects.create(name=n, rule={}) for n in ("gone", "kept"))
    make_customers(2)
    build_state(DAY + timedelta(days=1))
    first, second = group_map(gone), group_map(kept)
    gone.delete()

    move(later(days=1))

    assert entries(first) == []
    assert len(entries(second)) == 2
    assert "no longer exists" in MapCursor.objects.get(map=first).fault


def test_a_map_that_was_launched_without_a_cursor_hinders_nobody():
    """As by an earlier version, whose workers were stopped before they had looked at it."""
    journey = by_event()
    MapCursor.objects.all().delete()
    make_event(anna := make_customer(), "cart", NOW)

    move(NOW)

    assert [pk for pk, _key in entries(journey)] == [anna.pk]
    assert MapCursor.objects.filter(map=journey).exists()


def test_a_rule_that_cannot_be_evaluated_is_reported_and_does_not_stop_other_maps():
    broken = by_event(rule={"field": "feature.no_such", "op": "gt", "value": 1})
    whole = by_event()
    make_event(anna := make_customer(), "cart", NOW)

    move(NOW)

    assert (entries(broken), [pk for pk, _key in entries(whole)]) == ([], [anna.pk])
    assert "no_such" in MapCursor.objects.get(map=broken).fault


def date_map(at: datetime, reentry="always", **entry) -> JourneyMap:
    settings = {"kind": "entry", "by": "date", "time": "09:00", **entry}
    graph = draw({"e": settings, "w": wait(60), "x": EXIT}, "e>w w>x")
    return launch(graph, at=at, reentry=reentry)


def test_a_birthday_comes_round_each_year_at_nine_where_the_customer_is():
    born = date(1990, 3, 2)
    zones = ["Asia/Tokyo", "Europe/Lisbon", "America/New_York"]
    people = [make_customer(birth_date=born, time_zone=zone) for zone in zones]
    make_customer(birth_date=date(1990, 3, 3), time_zone="UTC")
    journey = date_map(NOW, field="birth_date", yearly=True)

    # Nine o'clock on 2 March is 00:00, 09:00 and 14:00 UTC there.
    for hours, n_so_far in [(14, 0), (16, 1), (23, 1), (25, 2), (28, 2), (29.2, 3), (32, 3)]:
        move(later(hours=hours))
        assert len(entries(journey)) == n_so_far, hours

    assert entries(journey) == [(person.pk, "date:2026") for person in people]
    move(later(days=365, hours=29.2))
    assert entries(journey)[3:] == [(person.pk, "date:2027") for person in people]


def test_leap_days_and_days_before_and_attributes_that_are_no_dates():
    leap = make_customer(birth_date=date(2000, 2, 29))
    make_customer(birth_date=date(2000, 2, 28))
    yearless = make_customer(birth_date=date(1604, 2, 29))
    launched = datetime(2026, 2, 27, 12, tzinfo=NOW.tzinfo)
    journey = date_map(launched, field="birth_date", yearly=True, days=-1)
    move(launched + timedelta(days=1))
    # On 28 February, for 1 March.
    assert entries(journey) == [(leap.pk, "date:2026"), (yearless.pk, "date:2026")]

    good = make_customer(attributes={"renewal": "2026-03-08T10:00"})
    for bad in ("2026-02-30", "soon", 20260308, None, ["2026-03-08"]):
        make_customer(attributes={"renewal": bad})
    renewal = date_map(NOW, field="attribute.renewal", days=-7)
    move(later(days=0, minutes=20))
    assert entries(renewal) == []  # nine o'clock had struck when it was launched
    other = date_map(NOW - timedelta(minutes=1), field="attribute.renewal", days=-7)
    move(later(minutes=40))
    assert entries(other) == [(good.pk, "date:2026-03-08")]


def test_a_worker_leaves_entering_to_the_one_who_does_it():
    by_event()
    settings = connection.get_connection_params()
    keep = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{k: v for k, v in settings.items() if k in keep and v}) as other:
        other.execute("SELECT pg_advisory_lock(14, 0)")
        make_event(make_customer(), "cart", NOW)
        assert enter_maps(NOW) == {}
        other.execute("SELECT pg_advisory_unlock(14, 0)")
    assert enter_maps(NOW)["entered"] == 1


def test_nothing_is_looked_at_while_no_map_runs():
    assert enter_maps(timezone.now()) == {}

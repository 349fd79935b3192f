"""Send steps and decisions: who is due, and where each result leads."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from journeys.jobs.advance_travellers import advance_travellers
from journeys.maps.due_steps import BLOCKED, SENT, WITHHELD, StepResults, load_due, settle_due
from journeys.maps.edit_map import pause_map
from journeys.models import StepPassage, Traveller
from tests.factories import NOW, make_customer
from tests.journeys.drawn_maps import (
    ENTRY,
    draw,
    launch,
    make_step_campaign,
    put_in,
    send,
    wait,
    way,
)

pytestmark = pytest.mark.django_db

WAITING = {"when_blocked": "wait", "wait_hours": 48, "then": "exit"}


def map_of(campaign, **settings):
    """Entry, one message, a wait of an hour."""
    graph = draw({"e": ENTRY, "m": send(campaign, **settings), "w": wait(60)}, "e>m m>w")
    return launch(graph)


def settle(due, *results, contact: int = 7, at=NOW, leaves_at=None) -> None:
    is_made = [result != BLOCKED for result in results]
    contacts = np.array([contact if made else 0 for made in is_made])
    leaves = [leaves_at or at if made else None for made in is_made]
    settle_due(due, StepResults(np.array(results), contacts, leaves), at)


def ids_of(*customers) -> np.ndarray:
    return np.array([customer.pk for customer in customers])


def test_who_waits_longest_for_a_campaign_is_due_once():
    first, second = make_step_campaign(), make_step_campaign()
    anna, ben, cleo = (make_customer() for _ in range(3))
    maps = [map_of(first), map_of(first), map_of(second)]
    for hours, journey in enumerate(maps):
        put_in(journey, anna, at=NOW + timedelta(hours=2 - hours))
    put_in(maps[2], cleo, at=NOW)
    for hours in range(3):
        advance_travellers(NOW + timedelta(hours=hours), owner="test")

    due = load_due(ids_of(anna, ben, cleo))

    assert due.row.tolist() == [0, 0, 2]
    assert due.campaign_id.tolist() == [first.pk, second.pk, second.pk]
    older = Traveller.objects.get(map=maps[1])
    assert due.traveller_ids[0] == older.pk
    moments = [moment.astype(datetime).replace(tzinfo=UTC) for moment in due.since]
    assert moments == [older.step_since, NOW, NOW]


def test_the_maps_control_travels_along():
    journey = map_of(make_step_campaign())
    journey.control_share = 0.9
    journey.save()
    people = [make_customer() for _ in range(30)]
    put_in(journey, *people, at=NOW)
    advance_travellers(NOW, owner="test")

    due = load_due(ids_of(*people))

    controls = set(Traveller.objects.filter(is_control=True).values_list("pk", flat=True))
    assert set(due.traveller_ids[due.is_control].tolist()) == controls
    assert len(controls) > 20
    assert set(due.control_share) == {0.9}


def test_a_paused_map_has_nothing_due_nor_has_one_that_gave_up():
    journey, anna = map_of(make_step_campaign(), **WAITING), make_customer()
    put_in(journey, anna, at=NOW)
    advance_travellers(NOW, owner="test")
    assert len(load_due(ids_of(anna), at=NOW + timedelta(hours=47))) == 1
    assert len(load_due(ids_of(anna), at=NOW + timedelta(hours=48))) == 0
    pause_map(journey)
    assert len(load_due(ids_of(anna))) == 0


@pytest.mark.parametrize(
    ("settings", "result", "expected"),
    [
        ({"when_blocked": "skip"}, SENT, "e next m sent w"),
        ({"when_blocked": "skip"}, WITHHELD, "e next m withheld w"),
        ({"when_blocked": "skip"}, BLOCKED, "e next m skipped w"),
        ({"when_blocked": "exit"}, BLOCKED, "e next m blocked blocked"),
        (
            WAITING,
            BLOCKED,
            "e next m",
        ),
        (WAITING, SENT, "e next m sent w"),
    ],
)
def test_a_result_leads_on_as_the_step_says(settings, result, expected):
    journey, anna = map_of(make_step_campaign(), **settings), make_customer()
    put_in(journey, anna, at=NOW)
    advance_travellers(NOW, owner="test")
    decided = NOW + timedelta(hours=3)

    settle(load_due(ids_of(anna)), result, at=decided)

    traveller = Traveller.objects.get()
    assert way(traveller) == expected
    passage = StepPassage.objects.filter(step="m").first()
    assert (passage and passage.contact_id) == (None if result == BLOCKED else 7)
    if traveller.step == "w":  # the hour counts from the decision
        assert traveller.due_at == decided
        advance_travellers(decided + timedelta(minutes=59), owner="test")
        assert way(traveller) == expected
        advance_travellers(decided + timedelta(minutes=60), owner="test")
        assert way(traveller) == f"{expected} next end"


def test_a_blocked_step_waits_until_it_gives_up():
    journey, anna = map_of(make_step_campaign(), **WAITING), make_customer()
    put_in(journey, anna, at=NOW)
    advance_travellers(NOW, owner="test")
    for day in (0, 1):
        settle(load_due(ids_of(anna)), BLOCKED, at=NOW + timedelta(days=day))
        advance_travellers(NOW + timedelta(days=day), owner="test")
    assert way(Traveller.objects.get()) == "e next m"

    advance_travellers(NOW + timedelta(days=2), owner="test")

    assert way(Traveller.objects.get()) == "e next m blocked blocked"
    assert len(load_due(ids_of(anna))) == 0


def test_settling_nothing_asks_nothing(django_assert_num_queries):
    due = load_due(np.zeros(0, dtype=np.int64))
    with django_assert_num_queries(0):
        settle(due)

"""Journeys of a person whose records are merged: the merged one leaves, the kept one goes on."""

from datetime import timedelta

import pytest

from journeys.merges.merge_customers import merge_customers
from journeys.models import Traveller
from tests.factories import NOW, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_event, move, put_in, wait, way

pytestmark = pytest.mark.django_db

EXIT = {"kind": "exit"}
WAIT_FOR_ORDER = {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 600}


def later(**span):
    return NOW + timedelta(**span)


def on_the_way(journey) -> dict[int, str]:
    return {t.customer_id: way(t) for t in Traveller.objects.filter(map=journey)}


def test_the_merged_record_leaves_and_the_kept_one_stays():
    kept, alias = make_customer(), make_customer()
    journey = launch(draw({"e": ENTRY, "w": wait(600), "x": EXIT}, "e>w w>x"))
    put_in(journey, kept, alias, at=NOW)
    move(later(minutes=1))
    merge_customers(kept, alias, at=later(minutes=2), by=None)
    move(later(minutes=3))
    assert on_the_way(journey) == {kept.pk: "e next w", alias.pk: "e next w left left"}


def test_an_event_of_the_merged_record_lets_the_kept_one_in_once():
    kept, alias = make_customer(), make_customer()
    graph = draw({"e": {**ENTRY, "rule": {}}, "w": wait(60), "x": EXIT}, "e>w w>x")
    journey = launch(graph, at=NOW - timedelta(hours=1))
    merge_customers(kept, alias, at=NOW - timedelta(hours=1), by=None)
    make_event(alias, "cart", NOW - timedelta(seconds=20))
    move(NOW)
    assert list(on_the_way(journey)) == [kept.pk]


def test_what_the_merged_record_did_ends_a_wait_of_the_kept_one():
    kept, alias = make_customer(), make_customer()
    steps = {"e": ENTRY, "w": WAIT_FOR_ORDER, "x": EXIT}
    journey = launch(draw(steps, "e>w w:happened>x"))
    put_in(journey, kept, at=NOW)
    move(later(minutes=1))
    merge_customers(kept, alias, at=later(minutes=2), by=None)
    make_event(alias, "order", later(minutes=3))
    move(later(minutes=4))
    assert on_the_way(journey) == {kept.pk: "e next w happened x end end"}

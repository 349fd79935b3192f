"""Two workers at once move nobody twice; without the locks they would."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from journeys.jobs import advance_travellers as advancing
from journeys.jobs.advance_travellers import TravellerBatch, advance_travellers
from journeys.maps import travellers
from journeys.maps.enter_maps import enter_maps
from journeys.maps.map_counts import step_counts
from journeys.models import StepPassage, Traveller
from tests.factories import NOW, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_event, put_in

N_PEOPLE = 60
MARK = {"kind": "set", "attribute": "vip", "value": "yes"}


def work_together(n_workers: int, work) -> list:
    def closing(number: int):
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(n_workers) as pool:
        return list(pool.map(closing, range(n_workers)))


def ready(monkeypatch):
    """People at the entry, and workers who take their time between loading and writing."""
    journey = launch(draw({"e": ENTRY, "m": MARK, "n": MARK}, "e>m m>n"))
    put_in(journey, *(make_customer() for _ in range(N_PEOPLE)), at=NOW)
    honest = TravellerBatch.move

    def slowly(party):
        time.sleep(0.02)
        honest(party)

    monkeypatch.setattr(TravellerBatch, "move", slowly)
    monkeypatch.setattr(advancing, "BATCH", 10)
    return journey


@pytest.mark.django_db(transaction=True)
def test_two_workers_move_nobody_twice(monkeypatch):
    journey = ready(monkeypatch)

    counts = work_together(3, lambda number: advance_travellers(NOW, owner=f"w{number}"))

    assert sum(counts, Counter())["done"] == N_PEOPLE
    assert StepPassage.objects.count() == 3 * N_PEOPLE
    assert Traveller.objects.filter(status="done", outcome="end").count() == N_PEOPLE
    by_step = step_counts(journey.active_version)
    assert [by_step[s].arrived for s in "emn"] == [N_PEOPLE] * 3


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_they_would(monkeypatch):
    ready(monkeypatch)
    monkeypatch.setattr(advancing, "lock_customers", lambda ids: None)
    unlocked = travellers.LOAD.replace("FOR NO KEY UPDATE OF t SKIP LOCKED", "")
    assert unlocked != travellers.LOAD
    monkeypatch.setattr(travellers, "LOAD", unlocked)

    work_together(3, lambda number: advance_travellers(NOW, owner=f"w{number}"))

    assert StepPassage.objects.count() > 3 * N_PEOPLE


@pytest.mark.django_db(transaction=True)
def test_workers_who_enter_at_once_let_everyone_in_once():
    journey = launch(draw({"e": ENTRY, "m": MARK}, "e>m"))
    enter_maps(NOW)
    for _ in range(20):
        make_event(make_customer(), "cart", NOW.replace(minute=1))

    later = NOW.replace(minute=2)
    counts = work_together(
        3, lambda _number: enter_maps(later) + advance_travellers(later, owner="w")
    )

    assert sum(counts, Counter())["entered"] == 20
    advance_travellers(later, owner="w")
    assert Traveller.objects.filter(map=journey, status="done").count() == 20
    assert StepPassage.objects.count() == 40

"""Readers of new events get each one once, whatever the order in which writers commit."""

import threading
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from django.db import connection, transaction

from optiengine.lib.partitions import ensure_partitions
from segments.events.new_events import events_after, start_cursor
from segments.models import Event, EventCursor
from tests.factories import DAY, NOW, make_customer

pytestmark = pytest.mark.django_db(transaction=True)
PLAIN = {"cursor_factory": None, "context": None}  # as Django would connect, without its ways
INSERT = (
    "INSERT INTO segments_event (customer_id, kind, occurred_at, properties, source, external_id, "
    "recorded_at) VALUES (1, %s, %s, '{}', 'test', %s, %s) RETURNING id"
)


@pytest.fixture(autouse=True)
def _month():
    ensure_partitions("segments_event", DAY, DAY)


class Writer:
    """A transaction of another connection."""

    def __init__(self) -> None:
        self.connection = psycopg.connect(**connection.get_connection_params() | PLAIN)

    def write(self, name: str, kind: str = "cart", occurred_at=NOW) -> int:
        row = self.connection.execute(INSERT, [kind, occurred_at, name, NOW]).fetchone()
        assert row is not None
        return row[0]

    def finish(self, *, commit: bool = True) -> None:
        (self.connection.commit if commit else self.connection.rollback)()
        self.connection.close()


def written(name: str, **more) -> None:
    writer = Writer()
    writer.write(name, **more)
    writer.finish()


def read(limit: int = 100, **more) -> list[str]:
    return [event.external_id for event in events_after("test", ["cart"], limit, **more)]


def test_a_reader_starts_at_the_present_and_gets_each_event_once():
    written("before")
    start_cursor("test")
    written("first")
    written("second")

    assert read() == ["first", "second"]
    assert read() == []


def test_the_earlier_writer_that_commits_later_is_not_lost():
    start_cursor("test")
    early, late = Writer(), Writer()
    assert early.write("early") < late.write("late")
    late.finish()

    assert read() == ["late"]
    assert read() == []
    early.finish()
    assert read() == ["early"]
    assert read() == []
    assert EventCursor.objects.get().seen == []  # nothing is remembered for longer than needed


def test_what_is_rolled_back_holds_nobody_up():
    start_cursor("test")
    gone = Writer()
    gone.write("gone")
    written("kept")
    assert read() == ["kept"]
    gone.finish(commit=False)

    assert read() == []
    assert EventCursor.objects.get().seen == []


def test_writers_that_overlap_without_end_are_settled_all_the_same():
    start_cursor("test")
    running = Writer()
    running.write("0")
    expected, events_read = [], []
    for number in range(1, 6):
        following = Writer()
        following.write(str(number))
        running.finish()
        expected.append(str(number - 1))
        running = following
        events_read += read()
    assert events_read == expected
    assert len(EventCursor.objects.get().seen) <= 2
    running.finish()


def test_pages_kinds_and_old_events():
    start_cursor("test")
    held = Writer()
    held.write("held")
    for number in range(5):
        written(str(number))
    written("other", kind="visit")
    written("old", occurred_at=NOW - timedelta(minutes=1))

    since = NOW
    assert read(2, since=since) == ["0", "1"]
    held.finish()
    assert read(3, since=since) == ["held", "2", "3"]
    assert read(3, since=since) == ["4"]
    assert read(3, since=since) == []


def test_the_place_moves_with_the_readers_own_work():
    start_cursor("test")
    written("first")
    with transaction.atomic():
        assert read() == ["first"]
        transaction.set_rollback(True)

    assert read() == ["first"]


def test_each_reader_has_a_place_of_its_own():
    start_cursor("test")
    start_cursor("other")
    written("first")

    assert read() == ["first"]
    assert [e.external_id for e in events_after("other", ["cart"], 10)] == ["first"]


def test_a_reader_that_writes_reads_its_own_events_once():
    start_cursor("test")
    customer = make_customer()
    with transaction.atomic():
        Event.objects.create(
            customer=customer, kind="cart", occurred_at=NOW, source="test", external_id="own"
        )
        assert read() == ["own"]

    assert read() == []


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_of_writers_loses_and_doubles_nothing(seed):
    start_cursor("test")

    def write(number: int) -> None:
        rng = np.random.default_rng([seed, number])
        for turn in range(12):
            writer = Writer()
            for i in range(rng.integers(1, 4)):
                writer.write(f"{number}-{turn}-{i}")
                threading.Event().wait(rng.random() / 200)
            writer.finish(commit=rng.random() > 0.2)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in writers:
        thread.start()
    ids_read = []
    while any(thread.is_alive() for thread in writers):
        ids_read += read(7)
    while page := read(7):
        ids_read += page

    assert sorted(ids_read) == sorted(Event.objects.values_list("external_id", flat=True))
    assert len(ids_read) > 30

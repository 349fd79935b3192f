"""Events as they come in, for those who act upon them: each one once, and none is missed.

An id says when an event was written, not when it could first be seen: a transaction that began
earlier may commit later, so "above the largest id that I know" loses events. Every writer holds a
lock on the table from before it draws an id until it has committed, which the server lists. So
an id that was drawn is settled as soon as none of those is left who held the lock at that time.
Nobody waits: what can be seen above that is handed out, too, and remembered until it is settled.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from segments.models import Event, EventCursor
from segments.same_person import kept_numbers

DRAWN = """
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('segments_event', 'id')), 0)
"""
# A lock is given up only after what was written can be seen.
WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE relation = 'segments_event'::regclass AND mode = 'RowExclusiveLock' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND pid IS DISTINCT FROM pg_backend_pid()
"""


@transaction.atomic
def start_cursor(name: str) -> EventCursor:
    """The reader's place; a new reader's is at the present, past all events so far."""
    reader = EventCursor.objects.filter(pk=name).select_for_update().first()
    if reader is None:
        drawn, _writers = drawn_ids()
        EventCursor.objects.get_or_create(
            pk=name, defaults={"settled_id": drawn, "marked_id": drawn}
        )
        reader = EventCursor.objects.select_for_update().get(pk=name)
    return reader


@transaction.atomic
def events_after(
    cursor: str, kinds: Collection[str], limit: int, *, since: datetime | None = None
) -> list[Event]:
    """What was recorded since the reader's last call, at most `limit` events, in order of id.

    Those of a merged record are handed out as the kept one's.

    cursor : the reader's name; its place moves in the caller's transaction, so an event is
    handled and done with at once, or comes again. One reader asks at a time, the next one waits.
    since : leave out what happened before; only the months from there on are looked at.
    Needs READ COMMITTED, the default: each statement has to see what was committed before it.
    """
    reader = start_cursor(cursor)
    drawn, writers = drawn_ids()  # before the events are read: what is settled now is then seen
    newer = Event.objects.filter(pk__gt=reader.settled_id, kind__in=kinds).exclude(
        pk__in=reader.seen
    )
    if since is not None:
        newer = newer.filter(occurred_at__gte=since)
    events = list(newer.order_by("pk")[:limit])
    kept = kept_numbers(event.customer_id for event in events)
    for event in events:
        event.customer_id = kept.get(event.customer_id, event.customer_id)
    settled = settled_after(reader, drawn, writers)
    if len(events) == limit:
        settled = min(settled, events[-1].pk)
    reader.settled_id = max(settled, reader.settled_id)
    handed_out = [*reader.seen, *(event.pk for event in events)]
    reader.seen = [pk for pk in handed_out if pk > reader.settled_id]
    reader.save()
    return events


def settled_after(reader: EventCursor, drawn: int, writers: set[str]) -> int:
    """Up to which id all is visible by now; marks the place for the next time where it is not."""
    if not writers:
        return drawn
    settled = reader.settled_id
    if writers.isdisjoint(reader.writers):
        settled = reader.marked_id
        reader.marked_id, reader.writers = drawn, sorted(writers)
    return settled


def drawn_ids() -> tuple[int, set[str]]:
    """The largest id drawn so far, and who may hold ids up to it that cannot be seen yet."""
    with connection.cursor() as cursor:
        cursor.execute(DRAWN)
        drawn = cursor.fetchone()[0]
        cursor.execute(WRITERS)  # in this order: a writer with one of those ids is listed, or done
        return drawn, {writer for (writer,) in cursor.fetchall()}

"""Whose past changed: events that came in, were corrected or went since a reader asked last.

New events are found by the reader's cursor (see new_events). Of a corrected event, what it said
before is lost, so code that corrects events notes the customers and moments, before and after.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from segments.events.new_events import drawn_ids, settled_after
from segments.models import EventCursor
from segments.same_person import records_of

FACTS = "changed_facts"  # temporary, of the caller's transaction
EMPTY = f"""
CREATE TEMPORARY TABLE {FACTS}
    (customer_id int8 NOT NULL, first_at timestamptz NOT NULL, last_at timestamptz NOT NULL)
    ON COMMIT DROP
"""
FILL = f"""
WITH corrected AS (
    DELETE FROM segments_eventcorrection RETURNING customer_id, occurred_at
)
INSERT INTO {FACTS}
SELECT {{record}}, min(occurred_at), max(occurred_at)
FROM (
    SELECT customer_id, occurred_at FROM segments_event
    WHERE id > %(settled)s AND occurred_at >= %(since)s
    UNION ALL
    SELECT customer_id, occurred_at FROM corrected WHERE occurred_at >= %(since)s
) fact {{with_records}}
GROUP BY 1
"""


def gather_changed_facts(cursor_name: str, *, since: datetime) -> None:
    """Fill the temporary table FACTS with a row per customer: the span of what changed.

    Of events that happened since a moment, under any number of a person. In the caller's
    transaction, with which the reader's place moves; there is one such reader. A new reader's place
    is before all events. What a writer may not have committed yet comes again: the reader must not
    mind being told twice.
    """
    assert transaction.get_connection().in_atomic_block
    EventCursor.objects.get_or_create(pk=cursor_name)
    reader = EventCursor.objects.select_for_update().get(pk=cursor_name)
    drawn, writers = drawn_ids()  # before the events are read: what is settled now is then seen
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {FACTS}")
        cursor.execute(EMPTY)
        cursor.execute(_fill_query(), {"settled": reader.settled_id, "since": since})
        cursor.execute(f"ANALYZE {FACTS}")
    reader.settled_id = max(settled_after(reader, drawn, writers), reader.settled_id)
    reader.save()


def _fill_query() -> str:
    """What changed under one number of a person changed for all of them."""
    records = records_of("fact.customer_id")
    return FILL.format(record=records.id, with_records=records.join)


def note_corrections(
    cursor: CursorWrapper, facts: str, params: Mapping[str, Any] | None = None
) -> None:
    """Note whose past is corrected; facts : a query of customers' ids and moments.

    In the transaction that changes or deletes the events: what they said and what they say.
    """
    insert = f"INSERT INTO segments_eventcorrection (customer_id, occurred_at) {facts}"
    cursor.execute(insert, params)

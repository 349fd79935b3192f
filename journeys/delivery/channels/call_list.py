"""Calls for people to make: a message is sent when it is on the list (journeys.models.Call).

The person who calls sees the list in the admin, writes down there what came of each call, or takes
the list along as CSV. A key is on the list once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connection

from journeys.delivery.channels.base import Message, Receipt, Send, SendResult


class CallList:
    takes_key = True
    batch_size = 5_000
    group_size = at_once = 5_000

    @contextmanager
    def open(self, _peer_id: int | None) -> Iterator[Send]:
        yield _send


def _send(_batch: UUID, messages: Sequence[Message], now: datetime) -> Iterator[Receipt]:
    days = [message.as_of for message in messages]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO journeys_call
                (key, as_of, customer_id, action_id, script, listed_at, outcome, settled_by)
            SELECT d.key, d.as_of, d.customer_id, d.action_id, script, %(now)s, 'waiting', ''
            FROM unnest(%(ids)s::bigint[], %(scripts)s::text[]) AS listed (id, script)
            JOIN journeys_delivery d ON d.id = listed.id
            WHERE d.as_of BETWEEN %(first)s AND %(last)s
            ON CONFLICT (key) DO NOTHING
            """,
            {
                "now": now,
                "ids": [message.delivery_id for message in messages],
                "scripts": [_script(message) for message in messages],
                "first": min(days),
                "last": max(days),
            },
        )
    for message in messages:
        yield Receipt(message.delivery_id, SendResult.SENT)


def _script(message: Message) -> str:
    return f"{message.subject}\n\n{message.text}".strip()

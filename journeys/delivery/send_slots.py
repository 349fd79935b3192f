"""How many workers may send at once, on all machines together."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

SENDING = 0x0F  # first key of the advisory locks, one a place


@contextmanager
def send_slot() -> Iterator[bool]:
    """Whether one of the SENDERS places was free; it is ours until the end.

    However long there is something to send, other workers are left for what must not wait for it.
    Held by the session, over many transactions, and lost with it. No message depends on it.
    """
    slot = next((n for n in range(settings.SENDERS) if _take(n)), None)
    try:
        yield slot is not None
    finally:
        if slot is not None and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [SENDING, slot])


def _take(slot: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [SENDING, slot])
        return cursor.fetchone()[0]

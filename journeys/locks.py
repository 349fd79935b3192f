"""Advisory locks of blocks of customers: one process at a time counts and spends contacts."""

from collections.abc import Iterable

from django.db import connection

LOCK_SPACE = 0x0C  # first key of the advisory locks that guard blocks of customers


def lock_block(block: int) -> None:
    """Excludes all others from counting and spending contacts of these customers until commit."""
    lock_blocks([block])


def lock_blocks(blocks: Iterable[int]) -> None:
    """The same for several, taken one after the other in ascending order, so that nobody waits in
    a circle; block : a customer's id >> BLOCK_BITS."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, block) FROM unnest(%s::int4[]) AS block",
            [LOCK_SPACE, sorted(set(blocks))],
        )

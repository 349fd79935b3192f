"""Advisory locks of blocks of customers: who counts and spends their contacts does it alone."""

from collections.abc import Iterable

from django.db import connection

LOCK_SPACE = 0x0C  # first key of the advisory locks that guard blocks of customers


def lock_block(block: int) -> None:
    """Whoever counts and spends contacts of these customers does it alone, until it commits."""
    lock_blocks([block])


def lock_blocks(blocks: Iterable[int]) -> None:
    """The same for several, taken one after the other in ascending order, so that nobody waits in
    a circle; block : a customer's id >> BLOCK_BITS."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, block) FROM unnest(%s::int4[]) AS block",
            [LOCK_SPACE, sorted(set(blocks))],
        )

"""Who works on which chunk: leases and fences, timed by the clock of the database only."""

from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from journeys.decisions.shared_contacts import Pinned
from journeys.errors import LeaseLost
from journeys.models import DecisionChunk

LEASE_SECONDS = 60  # well above the second or so that a chunk takes
MAX_ATTEMPTS = 3  # of a chunk as a whole, before it is split to find the customer who breaks it


@dataclass(frozen=True)
class ClaimedChunk:
    id: int
    run_id: int
    first_id: int
    last_id: int
    fence: int
    attempts: int


def claim_chunk(run_id: int, *, owner: str) -> ClaimedChunk | None:
    """Take the next open chunk of a run, or one whose lease ran out; None when nothing is left.

    Workers skip what others are just claiming, so any number of them never wait here. The order is
    each run's own: where a budget runs out, it is not always the youngest customers who get none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE journeys_decisionchunk
            SET owner = %(owner)s, fence = fence + 1, attempts = attempts + 1,
                lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
            WHERE id = (
                SELECT id FROM journeys_decisionchunk
                WHERE run_id = %(run)s AND NOT done
                  AND (lease_until IS NULL OR lease_until < clock_timestamp())
                ORDER BY hashint8extended(first_id, run_id), id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING id, run_id, first_id, last_id, fence, attempts
            """,
            {"owner": owner[:80], "lease": LEASE_SECONDS, "run": run_id},
        )
        row = cursor.fetchone()
    return ClaimedChunk(*row) if row else None


def hold_chunk(chunk: ClaimedChunk) -> None:
    """Make sure that the chunk is still ours, and that it stays so until the transaction ends.

    Raises LeaseLost when the fence has moved on. The row stays locked: nobody takes over what is
    about to be committed.
    """
    row = DecisionChunk.objects.select_for_update().filter(pk=chunk.id, done=False)
    if not row.filter(fence=chunk.fence).exists():
        raise LeaseLost(f"chunk {chunk.id}: another worker took over from fence {chunk.fence}")


def finish_chunk(
    chunk: ClaimedChunk,
    *,
    n_decisions: int,
    watermark: int,
    left: NDArray[np.int64] | None = None,
    shared: Pinned | None = None,
) -> None:
    """Mark a held chunk done, inside the transaction that holds its decisions.

    left : (L,) of the limits that all customers share, as it was found. shared : who shared
    addresses.
    """
    DecisionChunk.objects.filter(pk=chunk.id).update(
        done=True,
        lease_until=None,
        error="",
        n_decisions=n_decisions,
        contact_watermark=watermark,
        capacity_left=None if left is None else left.tolist(),
        shared=shared or [],
    )


@transaction.atomic
def release_chunk(chunk: ClaimedChunk, *, error: str) -> None:
    """Give a chunk that failed back, with the reason.

    After some attempts it is split in two, and so on, until a single customer who cannot be
    decided is on its own: that one is quarantined, the others are decided.
    """
    claimed = DecisionChunk.objects.select_for_update().filter(
        pk=chunk.id, fence=chunk.fence, done=False
    )
    if not (row := claimed.first()):
        return  # taken over; its new owner will see for itself
    row.error, row.lease_until = error[:2000], None
    if chunk.attempts >= MAX_ATTEMPTS:
        if chunk.first_id == chunk.last_id:
            row.done = True
        else:
            middle = (chunk.first_id + chunk.last_id) // 2
            DecisionChunk.objects.create(
                run_id=chunk.run_id,
                first_id=middle + 1,
                last_id=chunk.last_id,
                attempts=MAX_ATTEMPTS - 1,
            )
            row.last_id, row.attempts = middle, MAX_ATTEMPTS - 1
    row.save()

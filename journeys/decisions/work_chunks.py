"""Working a run off: claim, decide, commit, until nothing is left."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, connection

from journeys.decisions.chunk_leases import claim_chunk, release_chunk
from journeys.decisions.decide_chunk import decide_chunk
from journeys.decisions.finish_run import finish_run, give_up, leave_to_other_version
from journeys.errors import LeaseLost
from journeys.models import DecisionRun

logger = logging.getLogger(__name__)


def work_chunks(
    run_id: int,
    *,
    owner: str,
    clock: Callable[[], datetime] | None = None,
    progress: Callable[[int], None] | None = None,
) -> DecisionRun:
    """Decide what is left of a run, together with any other workers, and close it when it is done.

    clock : says what time it is, see decide; without it, it is the moment of the decision.
    progress : called with the number of customers after each chunk. A chunk that fails goes back
    with its reason, to be tried again and in the end split; the others are not held up.

    A run that other numerics began is left to workers of that decision version.
    """
    if leave_to_other_version(run_id):
        return finish_run(run_id)
    while chunk := claim_chunk(run_id, owner=owner):
        try:
            n_decisions = decide_chunk(chunk, now=clock() if clock else None)
        except LeaseLost as lost:
            logger.warning("%s", lost)
            continue
        except Exception as error:
            if isinstance(error, DatabaseError) and not connection.is_usable():
                raise  # no database, no ledger: the lease runs out and another worker takes over
            logger.warning(
                "Run %s, customers %s–%s, attempt %s: %s",
                *(run_id, chunk.first_id, chunk.last_id, chunk.attempts, error),
                exc_info=chunk.attempts == 1,
            )
            release_chunk(chunk, error=f"{type(error).__name__}: {error}")
            if give_up(run_id):
                break
            continue
        if progress:
            progress(n_decisions)
    return finish_run(run_id)

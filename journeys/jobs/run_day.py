"""One day of the engine, end to end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from django.db import DatabaseError, connection

from journeys.decisions.reconcile_messages import reconcile_recent
from journeys.decisions.start_run import request_run, start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.release_contacts import release_contacts
from journeys.errors import StaleState
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.follow_late_events import follow_late_events
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.split_segments import is_due, split_segments
from journeys.models import DecisionRun
from optiengine.lib.worker import worker_name
from segments.state.build_state import build_state

logger = logging.getLogger(__name__)
PREPARING = "hashtext('journeys.run_day')"  # advisory lock held while a day is prepared


@dataclass(frozen=True)
class DayResult:
    """What became of one day."""

    run: DecisionRun
    n_measured: int  # outcomes whose window closed
    deliveries: dict[str, int]  # by status


def run_day(
    as_of: date,
    *,
    decided_at: datetime | None = None,
    seed: int | None = None,
    send: bool = True,
    now: datetime | None = None,
    clock: Callable[[], datetime] | None = None,
    progress: Callable[[str], None] | None = None,
) -> DayResult:
    """State, outcomes, learning, decisions, deliveries of one day, in this process.

    Once a week each micro-segment is tried to be split; a split holds from the next day on.

    A day that was interrupted goes on where it stopped, one that is done changes nothing but what
    is still in the outbox. Other workers may help with the run's chunks at the same time.
    Where state or learning fail, campaigns that are to run anyway are decided on the latest that
    there is, see start_run.
    now : the moment of sending, by default that of the decision; before it no message leaves.
    clock : says what time it is while the day is decided, see decide, and then, see deliver.
    progress : called with the name of each step as it begins.
    """
    tell = progress or (lambda step: None)
    run = request_run(as_of, seed=seed, decided_at=decided_at)
    n_measured = 0
    with _preparing_lock():  # a second run of the same day finds it prepared
        run.refresh_from_db()
        failure = None
        if not run.state_id:
            try:
                n_measured = _prepare(run, tell)
            except Exception as error:
                if isinstance(error, DatabaseError) and not connection.is_usable():
                    raise
                logger.exception("%s: state or learning failed", run)
                failure = error
        run = _start(run, failure)
    tell("decisions")
    moment = clock() if clock else now or run.decided_at
    release_contacts(moment)  # what expired meanwhile uses no slot of this day
    run = work_chunks(run.pk, owner=worker_name(), clock=clock)
    deliveries = {}
    if send:
        tell("deliveries")
        moment = clock() if clock else moment
        deliveries = deliver_messages(now=moment, clock=clock, owner=worker_name())
        reconcile_recent()
    return DayResult(run, n_measured, deliveries)


@contextmanager
def _preparing_lock() -> Iterator[None]:
    """Nobody else prepares a day meanwhile. Held by the session, over many transactions."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({PREPARING})")
    try:
        yield
    finally:
        if connection.is_usable():  # else the lock went with the session
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock({PREPARING})")


def _prepare(run: DecisionRun, tell: Callable[[str], None]) -> int:
    """What a run is decided on; returns how many outcomes were measured."""
    tell("state")
    build_state(run.as_of, seed=run.seed % 2**32)
    tell("outcomes")
    follow_late_events(run.as_of)
    n_measured = measure_outcomes(run.as_of)
    tell("learning")
    fit_uplift(run.as_of)
    tell("splits")
    if is_due(run.as_of):
        split_segments(run.as_of)
    return n_measured


def _start(run: DecisionRun, failure: Exception | None) -> DecisionRun:
    """Start a run; where its state could not be made, with what may run on an older one."""
    try:
        return start_run(run)
    except StaleState as stale:
        if failure:
            reason = f"{stale} {type(failure).__name__}: {failure}"
            DecisionRun.objects.filter(pk=run.pk).update(error=reason)
            raise StaleState(reason) from failure
        raise

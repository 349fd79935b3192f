"""One day of the engine, end to end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from journeys.models import DecisionRun
from journeys.services.deliver import deliver
from journeys.services.learn import learn
from journeys.services.measure import measure_outcomes
from journeys.services.split_segments import is_due, split_segments
from journeys.services.start_run import request_run, start_run
from journeys.services.work import work_off
from optiengine.lib.worker import worker_name
from segments.services.build_state import build_state


@dataclass(frozen=True)
class Day:
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
) -> Day:
    """State, outcomes, learning, decisions, deliveries of one day, in this process.

    Once a week each micro-segment is tried to be split; a split holds from the next day on.

    A day that was interrupted goes on where it stopped, one that is done changes nothing but what
    is still in the outbox. Other workers may help with the run's chunks at the same time.
    now : the moment of sending, by default that of the decision; before it no message leaves.
    clock : says what time it is when the day has been decided, see deliver.
    progress : called with the name of each step as it begins.
    """
    tell = progress or (lambda step: None)
    run = request_run(as_of, seed=seed, decided_at=decided_at)
    n_measured = 0
    if not run.state_id:
        tell("state")
        build_state(as_of, seed=run.seed % 2**32)
        tell("outcomes")
        n_measured = measure_outcomes(as_of)
        tell("learning")
        learn(as_of)
        tell("splits")
        if is_due(as_of):
            split_segments(as_of)
    run = start_run(run)
    tell("decisions")
    run = work_off(run.pk, owner=worker_name())
    deliveries = {}
    if send:
        tell("deliveries")
        moment = clock() if clock else now or run.decided_at
        deliveries = deliver(now=moment, clock=clock, owner=worker_name())
    return Day(run, n_measured, deliveries)

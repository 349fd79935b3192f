"""How long a decision run takes, beside its loop without a ledger: scoring, and a bare COPY."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.db import connection

from campaigns.models import Arm
from campaigns.numerics.verdicts import fact_verdicts
from campaigns.services.load_arms import load_arms
from journeys.decisions.numerics.arbitration import arbitrate
from journeys.decisions.numerics.worth import worth_of
from journeys.decisions.pipeline import facts_of
from journeys.decisions.run_inputs import pinned_inputs, predict_uplift
from journeys.decisions.start_run import request_run, start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.explain.replay_run import replay_run
from journeys.learning.fit_uplift import fit_uplift
from journeys.models import DecisionChunk, DecisionRun
from optiengine.lab.bench.decisions_data import AS_OF
from optiengine.lab.bench.process import BenchFailed, Measured, measure
from optiengine.lib.worker import worker_name
from segments.state.build_state import build_state
from segments.state.load_batch import load_batch

N_CUSTOMERS, N_CAMPAIGNS = 100_000, 50
N_STEPS = 6
LIMIT = ("scoring_seconds", "copy_seconds")  # what is left of a run without its ledger
COLUMNS = {
    "decide_customers": "customers decided for in one run",
    "decide_campaigns": "Auto campaigns, of one action each, with target groups and limits",
    "decide_contacts": "customers for whom a campaign was chosen; none for the others",
    "decide_state_seconds": "wall time of building the customers' state of the day",
    "decide_learn_seconds": "of learning from one earlier contact for each customer",
    "decide_start_seconds": "of pinning the run's inputs, giving out arms, laying out chunks",
    "decide_1_seconds": "of deciding, one worker process",
    "decide_1_per_second": "decisions, none included",
    "decide_1_peak_mb": "most memory of the worker, in MiB",
    "decide_2_seconds": "of deciding the same again, two worker processes",
    "decide_2_per_second": "as above",
    "decide_2_peak_mb": "of the worker that needed more",
    "decide_replay_seconds": "of computing the run again and comparing every decision",
    "decide_scoring_seconds": "numpy alone: verdicts, prediction, worth and choice",
    "decide_copy_seconds": "a bare COPY of the run's decisions into a table like theirs",
    "decide_ratio": "decide_1_seconds / (scoring + copy)",
}


def bench_decisions(
    database: str, folder: Path, *, n: int | None, step: Callable[[str], None]
) -> dict[str, Any]:
    """Decide one day for n customers, twice; returns the figures of COLUMNS."""
    n = n or N_CUSTOMERS

    def measured(task: str, **options: Any) -> Measured:
        return measure(database, folder, task, **options)

    step("customers")
    measured("prepare", n_customers=n, n_campaigns=N_CAMPAIGNS)
    step("state and learning")
    judged = measured("ready").found[0]
    step("1 worker")
    run_id, start_seconds = _start()
    alone = measured("decide", run=run_id)
    _require_all(run_id, n)
    step("limit")
    limit = measured("limit", run=run_id).found[0]
    step("2 workers")
    run_id, _seconds = _start()
    together = measured("decide", run=run_id, n_processes=2)
    counts = _require_all(run_id, n)
    step("replay")
    again = measured("replay", run=run_id)
    if again.found[0]["n_decisions"] != n or again.found[0]["n_differing"]:
        raise BenchFailed(f"The replay of {n} decisions found {again.found[0]}.")
    return {
        "decide_customers": n,
        "decide_campaigns": N_CAMPAIGNS,
        "decide_contacts": counts["contacts"],
        "decide_state_seconds": round(judged["state_seconds"], 2),
        "decide_learn_seconds": round(judged["learn_seconds"], 2),
        "decide_start_seconds": round(start_seconds, 2),
        "decide_1_seconds": round(alone.seconds, 2),
        "decide_1_per_second": round(n / alone.seconds),
        "decide_1_peak_mb": round(alone.peak_mb, 1),
        "decide_2_seconds": round(together.seconds, 2),
        "decide_2_per_second": round(n / together.seconds),
        "decide_2_peak_mb": round(together.peak_mb, 1),
        "decide_replay_seconds": round(again.seconds, 2),
        "decide_scoring_seconds": round(limit["scoring_seconds"], 2),
        "decide_copy_seconds": round(limit["copy_seconds"], 2),
        "decide_ratio": round(alone.seconds / sum(limit[part] for part in LIMIT), 2),
    }


def _require_all(run_id: int, n: int) -> dict[str, int]:
    run = DecisionRun.objects.get(pk=run_id)
    if run.status != DecisionRun.Status.DONE or run.counts["decided"] != n:
        raise BenchFailed(f"The run of {n} customers ended {run.status}: {run.counts} {run.error}")
    return run.counts


def _start() -> tuple[int, float]:
    """The day's run from its beginning, and the seconds; what an earlier one left is dropped."""
    if DecisionRun.objects.exists():
        with connection.cursor() as cursor:
            for table in ("decision", "contact", "delivery"):
                cursor.execute(f'DROP TABLE "journeys_{table}_{AS_OF:%Y_%m}"')
        DecisionChunk.objects.all().delete()
        DecisionRun.objects.all().delete()
    started = time.perf_counter()
    run = start_run(request_run(AS_OF))
    return run.pk, time.perf_counter() - started


def task_ready(as_of: str = AS_OF.isoformat()) -> dict[str, float]:
    """What a run needs: the customers' state of the day, and what was learned by then."""
    day = date.fromisoformat(as_of)
    started = time.perf_counter()
    build_state(day)
    built = time.perf_counter()
    fit_uplift(day)
    return {"state_seconds": built - started, "learn_seconds": time.perf_counter() - built}


def task_decide(run: int) -> None:
    work_chunks(run, owner=worker_name())


def task_replay(run: int) -> dict[str, int]:
    replay = replay_run(DecisionRun.objects.get(pk=run))
    return {
        "n_decisions": replay.n_decisions,
        "n_differing": len(replay.differing) + len(replay.missing),
    }


def task_limit(run: int) -> dict[str, float]:
    return {"scoring_seconds": _score(run), "copy_seconds": _copy(run)}


def _score(run: int) -> float:
    """All that a run computes, for rows that are in memory: customers without earlier contacts."""
    inputs, seconds = pinned_inputs(run), 0.0
    for chunk in DecisionChunk.objects.filter(run=run).order_by("first_id"):
        assert inputs.run.state is not None
        batch = load_batch(
            inputs.run.state, chunk.first_id, chunk.last_id, fields=inputs.book.fields()
        )
        arms = load_arms(inputs.run.plan_id, batch.customer_ids, as_of=inputs.run.as_of)
        started = time.perf_counter()
        codes = fact_verdicts(inputs.book, facts_of(batch, arms, inputs.time_zone))
        arbitrate(
            inputs.book,
            codes,
            worth_of(inputs.book, predict_uplift(inputs, batch), codes),
            inputs.evidence_ok,
            arms == Arm.BASELINE,
            batch.customer_ids,
            seed=inputs.run.seed,
        )
        seconds += time.perf_counter() - started
    return seconds


def _copy(run: int) -> float:
    rows = f"SELECT * FROM journeys_decision WHERE run_id = {run:d} AND as_of = '{AS_OF}'"
    with connection.cursor() as cursor, TemporaryFile() as file:
        with cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
            for block in copy:
                file.write(block)
        file.seek(0)
        cursor.execute(
            f"CREATE TABLE bare_decision (LIKE journeys_decision_{AS_OF:%Y_%m} INCLUDING ALL)"
        )
        started = time.perf_counter()
        with cursor.copy("COPY bare_decision FROM STDIN") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        return time.perf_counter() - started

"""The ledger under fire: chunks are decided once, whichever worker dies, doubles or comes late."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from campaigns.models import FrequencyCap
from journeys.decisions import decide_chunk as decide_module
from journeys.decisions import pipeline
from journeys.decisions.chunk_leases import claim_chunk
from journeys.decisions.decide_chunk import decide_chunk
from journeys.decisions.numerics import arbitration
from journeys.decisions.start_run import request_run, start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.errors import LeaseLost
from journeys.learning.fit_uplift import fit_uplift
from journeys.models import Contact, Decision, DecisionChunk, DecisionRun
from segments.models import Customer
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import make_customers, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WORKER = """
import os, sys, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from journeys.decisions.work_chunks import work_chunks
print("ready", flush=True)
work_chunks(int(sys.argv[2]), owner=f"worker {os.getpid()}")
"""


@pytest.fixture
def run(db) -> DecisionRun:
    """A started run of 120 customers in chunks of ten."""
    make_plan()
    make_customers(120)
    for _ in range(3):
        make_action(make_campaign())
    FrequencyCap.objects.create(name="one a week", limit=1, window="days", length=7)
    build_state(DAY)
    fit_uplift(DAY)
    started = start_run(request_run(DAY))
    in_tens(started)
    return started


def in_tens(run: DecisionRun) -> None:
    ids = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
    DecisionChunk.objects.filter(run=run).delete()
    DecisionChunk.objects.bulk_create(
        DecisionChunk(run=run, first_id=ids[i], last_id=ids[i + 9]) for i in range(0, 120, 10)
    )


def assert_invariants(run: DecisionRun, *, n: int = 120) -> None:
    """One decision per customer, one contact per decision for a campaign, no cap exceeded."""
    run.refresh_from_db()
    assert run.status == DecisionRun.Status.DONE
    assert Decision.objects.count() == n
    assert Decision.objects.values("customer").distinct().count() == n
    contacting = Decision.objects.filter(campaign__isnull=False).count()
    assert Contact.objects.count() == contacting == run.counts["contacts"]
    assert Contact.objects.values("customer").distinct().count() == contacting


def expire_leases() -> None:
    DecisionChunk.objects.filter(done=False).update(lease_until="2000-01-01 00:00+00")


def test_many_workers_at_once_decide_everybody_once(run):
    def work(name):
        try:
            work_chunks(run.pk, owner=name)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[f"worker {n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert_invariants(run)


def test_a_killed_workers_chunk_is_taken_over_when_its_lease_ends(run):
    """Real processes, killed with -9 at any moment; what they left half-done is done again."""
    for delay in (0.0, 0.05, 0.15, 0.3):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, connection.settings_dict["NAME"], str(run.pk)],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "optiengine.settings"},
            stdout=subprocess.PIPE,
        )
        worker.stdout.readline()
        time.sleep(delay)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        expire_leases()

    work_chunks(run.pk, owner="survivor")

    assert_invariants(run)


def test_a_worker_that_lost_its_lease_keeps_nothing(run):
    slow = claim_chunk(run.pk, owner="slow")
    expire_leases()
    fast = claim_chunk(run.pk, owner="fast")
    assert (fast.id, fast.fence) == (slow.id, slow.fence + 1)

    decide_chunk(fast)
    with pytest.raises(LeaseLost):
        decide_chunk(slow)

    work_chunks(run.pk, owner="rest")
    assert_invariants(run)


def test_without_the_fence_the_late_worker_would_be_found_out(run, monkeypatch):
    """The negative control: take the fence away, and the database itself refuses the double."""
    monkeypatch.setattr(decide_module, "hold_chunk", lambda chunk: None)
    slow = claim_chunk(run.pk, owner="slow")
    decide_chunk(slow)

    with pytest.raises(Exception, match="duplicate key"), transaction.atomic():
        decide_chunk(slow)


def test_a_claimed_chunk_is_not_claimed_twice(run):
    claimed = [claim_chunk(run.pk, owner="one") for _ in range(12)]

    assert len({chunk.id for chunk in claimed}) == 12
    assert claim_chunk(run.pk, owner="two") is None


def test_a_customer_who_cannot_be_decided_is_quarantined_and_the_others_are_not(run, monkeypatch):
    victim = DecisionChunk.objects.filter(run=run).order_by("pk")[4].first_id + 3
    honest = arbitration.arbitrate

    def poisoned(book, codes, worth, evidence_ok, in_baseline, customer_ids, **options):
        if victim in customer_ids:
            raise ZeroDivisionError("a poisoned customer")
        return honest(book, codes, worth, evidence_ok, in_baseline, customer_ids, **options)

    monkeypatch.setattr(pipeline, "arbitrate", poisoned)

    work_chunks(run.pk, owner="worker")

    run.refresh_from_db()
    assert run.counts["quarantined"] == 1
    assert run.counts["decided"] == 119
    alone = DecisionChunk.objects.exclude(error="").get()
    assert (alone.first_id, alone.last_id) == (victim, victim)
    assert "a poisoned customer" in alone.error


def test_a_run_in_which_nobody_could_be_decided_fails_and_can_be_run_again(run, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "predict_uplift", lambda *args: 1 / 0)
        work_chunks(run.pk, owner="worker")
    run.refresh_from_db()
    assert run.status == DecisionRun.Status.FAILED
    assert run.error.startswith("20 customers could not be decided")

    start_run(run)
    work_chunks(run.pk, owner="worker")

    assert_invariants(run)


def test_starting_the_same_day_twice_gives_one_run(run):
    again = start_run(request_run(DAY))

    assert again.pk == run.pk
    assert DecisionRun.objects.count() == 1
    assert DecisionChunk.objects.count() == 12


def test_two_days_decided_at_once_never_exceed_the_cap(run):
    """Both runs want each customer's only slot of the week; the block's lock gives it once."""
    build_state(DAY + timedelta(days=1))
    fit_uplift(DAY + timedelta(days=1))
    second = start_run(request_run(DAY + timedelta(days=1)))

    def work(run_id):
        try:
            work_chunks(run_id, owner=f"worker of {run_id}")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[pk]) for pk in (run.pk, second.pk) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    customers = list(Contact.objects.values_list("customer_id", flat=True))
    assert len(customers) == len(set(customers))

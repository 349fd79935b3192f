"""Imports at once, a killed import, writers during one: nothing doubled, all counted."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.db import connection, connections, transaction

from optiengine.lab.bench.customers_file import write_customers
from segments.errors import ImportRefused
from segments.imports.import_file import create_import, run_import
from segments.imports.spec import ImportOptions
from segments.models import Customer, Event, ImportJob
from tests.segments.importing import NOW, counts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def run_together(jobs):
    def work(job):
        run_import(job)
        connections.close_all()

    threads = [threading.Thread(target=work, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_imports_at_once_with_overlapping_keys_make_each_customer_once(tmp_path):
    jobs = []
    for number in range(4):
        path = tmp_path / f"{number}.csv"
        ids = range(500 * number, 500 * number + 1_500)
        path.write_text("id,first_name\n" + "".join(f"{i},Anna\n" for i in ids))
        jobs.append(create_import(kind="customers", path=path, at=NOW))
    run_together(jobs)

    done = [counts(job) for job in jobs]
    assert [n_rows for n_rows, *_ in done] == [1_500] * 4
    assert sum(n_created for _, n_created, *_ in done) == 3_000 == Customer.objects.count()
    assert sum(n_unchanged for *_, n_unchanged, _ in done) == 3_000


def test_imports_at_once_of_the_same_events_store_them_once(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("customer,date,n\n" + "".join(f"a{i},2026-02-01,{i}\n" for i in range(800)))
    options = ImportOptions(create_customers=True)
    jobs = [create_import(kind="events", path=path, at=NOW, options=options) for _ in range(3)]
    run_together(jobs)

    assert Event.objects.count() == 800 == sum(counts(job)[1] for job in jobs)


def test_customers_that_someone_else_makes_meanwhile_are_updated_instead(tmp_path, monkeypatch):
    """The other writer commits between the import's look and its insert."""
    from segments.imports import import_customers

    path = tmp_path / "file.csv"
    path.write_text("id,first_name\n1,Anna\n2,Bob\n")
    job, original = (
        create_import(kind="customers", path=path, at=NOW),
        import_customers._create_customers,
    )

    def someone_else() -> None:
        Customer.objects.get_or_create(external_id="1", defaults={"first_name": "Eve"})
        connections.close_all()

    def meanwhile(*args):
        thread = threading.Thread(target=someone_else)
        thread.start()
        thread.join()
        return original(*args)

    monkeypatch.setattr(import_customers, "_create_customers", meanwhile)
    assert counts(run_import(job)) == (2, 1, 1, 0, 0)
    assert Customer.objects.get(external_id="1").first_name == "Anna"


def test_a_consent_withdrawn_during_an_import_stays_withdrawn(tmp_path):
    """The withdrawal holds the row when the import wants to compare it."""
    Customer.objects.create(external_id="1", consents=["email", "sms"])
    path = tmp_path / "file.csv"
    path.write_text("id,consent_push\n1,yes\n")
    job = create_import(kind="customers", path=path, at=NOW)

    with transaction.atomic():
        Customer.objects.filter(external_id="1").update(consents=["email"])
        thread = threading.Thread(target=run_together, args=[[job]])
        thread.start()
        wait_for_a_blocked_import()
    thread.join()

    assert Customer.objects.get().consents == ["email", "push"]


def wait_for_a_blocked_import() -> None:
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("the import never waited")


def run_when_free(job: ImportJob) -> None:
    """The server needs a moment to notice that a worker is gone."""
    for _attempt in range(200):
        with contextlib.suppress(ImportRefused):
            run_import(job)
            return
        time.sleep(0.05)


RUN = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "optiengine.settings"
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from segments.models import ImportJob
from segments.imports.import_file import run_import
run_import(ImportJob.objects.get(pk=int(sys.argv[2])))
"""


@pytest.mark.parametrize("after_seconds", [0.1, 0.5, 0.9])
def test_a_killed_import_has_changed_nothing_and_can_be_run_again(tmp_path, after_seconds):
    path = tmp_path / "file.csv"
    write_customers(path, 30_000)
    job = create_import(kind="customers", path=path, at=NOW)
    name = connection.settings_dict["NAME"]
    worker = subprocess.Popen([sys.executable, "-c", RUN, name, str(job.pk)])
    while ImportJob.objects.get(pk=job.pk).status == "waiting":
        time.sleep(0.01)
    time.sleep(after_seconds)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    job.refresh_from_db()
    assert Customer.objects.count() in (0, 30_000)
    if job.status != "done":
        run_when_free(job)
    job.refresh_from_db()
    n_rows, n_created, _, _, n_rejected = counts(job)
    assert n_rows == n_created + n_rejected == 30_000
    assert Customer.objects.count() == n_created

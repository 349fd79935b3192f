"""Several who write about one person at once, under different numbers: nothing is lost or stuck."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connections, transaction

from journeys.merges.merge_customers import merge_customers, undo_merge
from segments.customers.erase_customer import erase_customer
from segments.customers.lock_persons import lock_person
from segments.customers.numerics.what_holds import what_holds
from segments.customers.read_statements import statements_of
from segments.customers.record_consents import record_consents
from segments.customers.shared_addresses import refresh_shared_addresses
from segments.imports.import_file import create_import, run_import
from segments.models import Customer, CustomerMerge, ImportJob
from segments.models.consent import ConsentSource
from tests.factories import make_customer

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at_once(*works) -> None:
    """Run them in threads of their own, begun together; fails if one of them does."""
    barrier, faults = threading.Barrier(len(works)), []

    def run(work) -> None:
        barrier.wait(10)
        try:
            work()
        except Exception as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults, faults


def say(customer: Customer, yes: bool, hours: int, *, kind: ConsentSource) -> None:
    source, said_at = f"{customer.pk} {hours}", AT + hours * HOUR
    record_consents(customer, {"email": yes}, kind=kind, source=source, said_at=said_at, at=AT)


def holds_as_said(customers: list[Customer]) -> None:
    """What is stored of each is what the slow model says of all that is stored of the person."""
    for customer in customers:
        said = [each.said for each in statements_of(customer) if each.channel == "email"]
        stored = Customer.objects.get(pk=customer.pk).consents
        assert ("email" in stored) == bool(what_holds(said).allowed)


@pytest.mark.parametrize("seed", range(3))
def test_statements_under_two_numbers_at_once_all_count(seed):
    dice = np.random.default_rng(seed)
    alias, kept, third = (make_customer(consents=[], email="a@example.com") for _ in range(3))
    merge_customers(kept, alias, at=AT, by=None)
    refresh_shared_addresses(at=AT)
    records = [alias, kept, third]

    def speak(customer: Customer, numbers: list[int]):
        def work() -> None:
            for number in numbers:
                in_person = number % 2 == 0
                kind = ConsentSource.UNSUBSCRIBE_PAGE if in_person else ConsentSource.API
                say(customer, number % 3 == 0, number, kind=kind)

        return work

    at_once(*(speak(row, dice.permutation(15).tolist()) for row in records))

    holds_as_said(records)


def test_files_and_people_that_speak_at_once_wait_for_each_other(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    rows = [make_customer(external_id=f"K{n}", consents=[]) for n in range(40)]
    for n in range(0, 40, 2):  # the later record is kept of half of them
        pair = rows[n : n + 2]
        merge_customers(*(pair if n % 4 else pair[::-1]), at=AT, by=None)
    jobs = []
    for number, step in enumerate((1, -1)):
        path = tmp_path / f"{number}.csv"
        lines = (
            f"K{n},Name {number} {n},{'yes' if (n + number) % 3 else 'no'}\n"
            for n in range(40)[::step]
        )
        path.write_text("external_id,first_name,consent_email\n" + "".join(lines))
        jobs.append(create_import(kind="customers", path=path, at=AT + number * HOUR))

    def speak(step: int):
        def work() -> None:
            for number, row in enumerate(rows[::step]):
                say(row, number % 2 == 0, number, kind=ConsentSource.API)

        return work

    at_once(*(lambda job=job: run_import(job) for job in jobs), speak(1), speak(-1))

    assert {job.status for job in ImportJob.objects.all()} == {ImportJob.Status.DONE}
    holds_as_said(rows)


def test_who_locks_one_record_waits_for_a_merge_and_then_has_both():
    alias, kept = make_customer(), make_customer()
    with transaction.atomic():
        merge_customers(kept, alias, at=AT, by=None)
        writer = threading.Thread(
            target=lambda: (
                say(alias, False, 1, kind=ConsentSource.UNSUBSCRIBE_PAGE),
                connections.close_all(),
            )
        )
        writer.start()
        writer.join(1)
        assert writer.is_alive()
    writer.join(10)
    assert [row.consents for row in Customer.objects.all()].count(["email"]) == 0


def test_merging_and_separating_while_others_write_or_erase():
    alias, kept, third = (make_customer(consents=[], email="a@example.com") for _ in range(3))
    refresh_shared_addresses(at=AT)

    def merge_and_undo() -> None:
        for _ in range(5):
            undo_merge(merge_customers(kept, alias, at=AT, by=None), at=AT, by=None)

    def speak(row: Customer):
        def work() -> None:
            for hours in range(15):
                kind = ConsentSource.UNSUBSCRIBE_PAGE if hours % 2 else ConsentSource.API
                say(row, hours % 4 == 0, hours, kind=kind)

        return work

    at_once(merge_and_undo, *(speak(row) for row in (alias, kept, third)))
    holds_as_said([alias, kept, third])
    assert CustomerMerge.objects.exclude(undone_mark=None).count() == 5
    merge_customers(kept, alias, at=AT, by=None)

    at_once(*(lambda row=row: erase_customer(row, source="test", at=AT) for row in (alias, kept)))

    assert Customer.objects.exclude(erased_at=None).count() == 2


def test_one_locked_row_locks_the_person():
    alias, kept = make_customer(), make_customer()
    merge_customers(kept, alias, at=AT, by=None)
    with transaction.atomic():
        lock_person(alias.pk)
        with pytest.raises(AssertionError):
            at_once(
                lambda: list(Customer.objects.select_for_update(nowait=True).filter(pk=kept.pk))
            )

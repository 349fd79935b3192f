"""Taking an import back, while nothing rests on it: afterwards all is as before.

What it made goes, what it changed says again what it said before; only rows that somebody changed
since keep what they say now. It rests on the moment that the rows are stored under, which no other
writer shares: a job's `stored_at`, with the numbers that were drawn before (`marks`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from optiengine.lib.hooks import Hook
from segments.customers.derive_consents import derive_consents
from segments.customers.lock_persons import lock_persons
from segments.customers.shared_addresses import READING
from segments.customers.suppress_addresses import LIST_LOCK, mark_customers
from segments.errors import ImportRefused
from segments.events.changed_facts import note_corrections
from segments.models import (
    ConsentStatement,
    Customer,
    CustomerMerge,
    Event,
    EventCorrection,
    FileConsents,
    ImportBefore,
    ImportJob,
    Suppression,
    WaitingFact,
)
from segments.models.consent import SET_BITS, ConsentSource

UNDO_PERIOD = timedelta(days=30)  # in which what was before is kept
CREATED = "undo_created"  # temporary: ids of customers that the import made
KEYS = "undo_keys"  # temporary: customers and channels of which what holds may change
KINDS = ("customers", "events", "contacts", "suppressions")
# What goes with a customer that is taken back.
OF_CREATED = (ConsentStatement, EventCorrection, ImportBefore)

TABLES = {  # whose numbers are noted
    "customer": "segments_customer",
    "event": "segments_event",
    "statement": "segments_consentstatement",
    "suppression": "segments_suppression",
}
# Later apps: more names and tables; in words, what has been done since with what was imported,
# given the numbers of then; and what of theirs an import has made, which they take back.
MARKED: Hook[tuple[str, str]] = Hook()
RESTING: Hook[Callable[[Mapping[str, int]], str]] = Hook()
ALSO_UNDONE: Hook[Callable[[CursorWrapper, ImportJob], int]] = Hook()


def draw_marks() -> dict[str, int]:
    """The numbers that were drawn last; under the lock of the kind."""
    tables = TABLES | dict(MARKED)
    drawn = ", ".join(
        f"coalesce(pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')), 0)"
        for table in tables.values()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {drawn}")
        return dict(zip(tables, cursor.fetchone(), strict=True))


def undo_problem(job: ImportJob, *, at: datetime) -> str:
    """Why an import cannot be taken back, in a sentence; empty where it can."""
    if job.status not in (ImportJob.Status.DONE, ImportJob.Status.UNDOING):
        return _("Only finished imports can be undone.")
    if job.stored_at is None:
        return _("This import was made by an earlier version and cannot be undone.")
    if at >= job.stored_at + UNDO_PERIOD:
        return _("An import can be undone for %d days. This one is older.") % UNDO_PERIOD.days
    is_later = Q(stored_at__gt=job.stored_at) | Q(stored_at=job.stored_at, pk__gt=job.pk)
    later = ImportJob.objects.filter(is_later, status=ImportJob.Status.DONE)
    if newer := later.order_by("stored_at", "pk").last():
        return _("Undo the later import of %(file)s (%(time)s) first.") % {
            "file": newer.file_name,
            "time": date_format(localtime(newer.stored_at), "SHORT_DATETIME_FORMAT"),
        }
    merges = CustomerMerge.objects.filter(merged_at__gte=job.stored_at)
    if merges.exists() or CustomerMerge.objects.filter(undone_at__gte=job.stored_at).exists():
        return _("Customers were merged or separated since.")
    return next(filter(None, (rests(job.marks["before"]) for rests in RESTING)), "")


@transaction.atomic
def undo_import(job: ImportJob, *, at: datetime, by: Any = None) -> int:
    """Take back what an import stored; returns how many rows kept what was said of them since.

    All of it or nothing. Nobody imports or decides meanwhile. Raises ImportRefused.
    """
    with connection.cursor() as cursor:
        for kind in KINDS:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(%s))", [kind])
        cursor.execute(f"SELECT pg_advisory_xact_lock({READING})")
        job = ImportJob.objects.select_for_update().get(pk=job.pk)
        if problem := undo_problem(job, at=at):
            raise ImportRefused(problem)
        _gather(cursor, job)
        n_kept = _restore_customers(cursor, job, at)
        n_kept += _take_events_back(cursor, job)
        for undo in ALSO_UNDONE:
            n_kept += undo(cursor, job)
        _take_consents_back(cursor, job, at)
        _take_suppressions_back(cursor, job, at)
        _delete_created(cursor)
        ImportBefore.objects.filter(import_job=job).delete()
    job.status, job.undone_at, job.undone_by = ImportJob.Status.UNDONE, at, by
    job.error = ""
    job.save(update_fields=["status", "undone_at", "undone_by", "error"])
    return n_kept


def forget_before(*, at: datetime) -> None:
    """What imports changed can no longer be taken back."""
    old = ImportJob.objects.filter(stored_at__lte=at - UNDO_PERIOD)
    ImportBefore.objects.filter(import_job__in=old).delete()


def forget_before_of(customer: Customer) -> None:
    """Of a customer who is erased."""
    ImportBefore.objects.filter(customer_id=customer.pk).delete()


def _gather(cursor: CursorWrapper, job: ImportJob) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {CREATED}, {KEYS}, undo_events, undo_given")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {CREATED} ON COMMIT DROP AS SELECT id FROM segments_customer "
        "WHERE id > %s AND id <= %s AND created_at = %s",
        [*_numbers(job, "customer"), job.stored_at],
    )
    cursor.execute(f"CREATE UNIQUE INDEX ON {CREATED} (id)")
    cursor.execute(f"ANALYZE {CREATED}")
    _expect_unused(cursor)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {KEYS} (customer_id bigint, channel text) ON COMMIT DROP"
    )


def _numbers(job: ImportJob, table: str) -> tuple[int, int]:
    """Those drawn while it was stored lie above the first and up to the last."""
    return job.marks["before"][table], job.marks["after"][table]


def _expect_unused(cursor: CursorWrapper) -> None:
    """Customers that the import made may have nothing that did not come with it."""
    with_them = {model._meta.db_table for model in (*OF_CREATED, Event)}
    for relation in Customer._meta.related_objects:
        table, column = relation.related_model._meta.db_table, relation.field.column
        if table in with_them:
            continue
        cursor.execute(
            f'SELECT FROM "{table}" t WHERE t."{column}" IN (SELECT id FROM {CREATED}) LIMIT 1'
        )
        if cursor.rowcount:
            raise ImportRefused(
                _("Customers of this import are in use by now: %s.")
                % relation.related_model._meta.verbose_name_plural
            )


def _restore_customers(cursor: CursorWrapper, job: ImportJob, at: datetime) -> int:
    if job.kind != ImportJob.Kind.CUSTOMERS:
        return 0
    cursor.execute(
        "SELECT DISTINCT jsonb_object_keys(before) FROM segments_importbefore "
        "WHERE import_job_id = %s AND \"table\" = 'customer'",
        [job.pk],
    )
    columns = sorted(name for (name,) in cursor.fetchall())
    if not columns:
        return 0
    listed = ", ".join(columns)
    theirs = ", ".join(f"r.{name}" for name in columns)
    cursor.execute(
        f"UPDATE segments_customer c SET ({listed}, updated_at) = (SELECT {theirs}, "
        "%(at)s::timestamptz FROM jsonb_populate_record(c, b.before) r) "
        "FROM segments_importbefore b WHERE b.import_job_id = %(job)s "
        "AND b.\"table\" = 'customer' AND c.id = b.row_id "
        "AND c.updated_at = %(stored)s",
        {"at": at, "job": job.pk, "stored": job.stored_at},
    )
    n_restored = cursor.rowcount
    mark_customers(
        "c.id IN (SELECT row_id FROM segments_importbefore "
        "WHERE import_job_id = %s AND \"table\" = 'customer')",
        [job.pk],
        at=at,
    )
    return _n_before(job, ImportBefore.Table.CUSTOMER) - n_restored


def _n_before(job: ImportJob, table: str) -> int:
    return ImportBefore.objects.filter(import_job=job, table=table).count()


def _take_events_back(cursor: CursorWrapper, job: ImportJob) -> int:
    """Events of the file; and those that had waited for its customers wait again."""
    first, last = _numbers(job, "event")
    facts = {
        "stored": job.stored_at,
        "job": job.pk,
        "source": job.source,
        "first": first,
        "last": last,
    }
    n_kept = 0
    if job.kind == ImportJob.Kind.EVENTS:
        of_file = (
            "e.source = %(source)s AND e.recorded_at = %(stored)s "
            "AND (b.id IS NOT NULL OR e.id > %(first)s AND e.id <= %(last)s)"
        )
        cursor.execute(
            "CREATE TEMPORARY TABLE undo_events ON COMMIT DROP AS SELECT e.id, e.occurred_at, "
            "e.customer_id, b.before FROM segments_event e LEFT JOIN segments_importbefore b "
            "ON b.import_job_id = %(job)s AND b.\"table\" = 'event' AND b.row_id = e.id "
            f"WHERE {of_file}",
            facts,
        )
        note_corrections(
            cursor,
            "SELECT customer_id, occurred_at FROM undo_events UNION "
            "SELECT (before ->> 'customer_id')::bigint, (before ->> 'occurred_at')::timestamptz "
            "FROM undo_events WHERE before IS NOT NULL",
        )
        cursor.execute(
            "UPDATE segments_event e SET (customer_id, kind, occurred_at, amount_cents, "
            "properties, recorded_at) = (SELECT r.customer_id, r.kind, r.occurred_at, "
            "r.amount_cents, r.properties, r.recorded_at "
            "FROM jsonb_populate_record(e, u.before) r) FROM undo_events u "
            "WHERE e.id = u.id AND e.occurred_at = u.occurred_at AND u.before IS NOT NULL"
        )
        n_kept = _n_before(job, ImportBefore.Table.EVENT) - cursor.rowcount
        cursor.execute(
            "DELETE FROM segments_event e USING undo_events u "
            "WHERE e.id = u.id AND e.occurred_at = u.occurred_at AND u.before IS NULL"
        )
    _let_wait_again(cursor, job)
    return n_kept


def _let_wait_again(cursor: CursorWrapper, job: ImportJob) -> None:
    """What was given to customers with the import, and what other content had waited."""
    WaitingFact.objects.filter(import_job=job).delete()
    before = (
        "FROM segments_importbefore b CROSS JOIN LATERAL "
        "jsonb_populate_record(NULL::segments_waitingfact, b.before) w "
        "WHERE b.import_job_id = %(job)s AND b.\"table\" = 'waiting'"
    )
    first, last = _numbers(job, "event")
    facts = {"job": job.pk, "stored": job.stored_at, "first": first, "last": last}
    cursor.execute(
        "CREATE TEMPORARY TABLE undo_given ON COMMIT DROP AS SELECT e.id, e.occurred_at, "
        f"e.customer_id FROM segments_event e JOIN (SELECT w.source, w.external_id {before}) w "
        "USING (source, external_id) WHERE e.recorded_at = %(stored)s "
        "AND e.id > %(first)s AND e.id <= %(last)s",
        facts,
    )
    note_corrections(cursor, "SELECT customer_id, occurred_at FROM undo_given")
    cursor.execute(
        "DELETE FROM segments_event e USING undo_given g "
        "WHERE e.id = g.id AND e.occurred_at = g.occurred_at"
    )
    cursor.execute(
        f"INSERT INTO segments_waitingfact SELECT w.* {before} ON CONFLICT (id) DO NOTHING", facts
    )


def _take_consents_back(cursor: CursorWrapper, job: ImportJob, at: datetime) -> None:
    """What the file said, and what its feedback withdrew; what holds is derived anew."""
    statements = (
        "segments_consentstatement s WHERE s.recorded_at = %(stored)s AND s.id > %(first)s "
        "AND s.id <= %(last)s AND (s.kind = %(file)s AND s.source = %(source)s "
        "OR s.kind = %(feedback)s)"
    )
    first, last = _numbers(job, "statement")
    facts = {
        "first": first,
        "last": last,
        "stored": job.stored_at,
        "source": job.source,
        "file": ConsentSource.FILE.value,
        "feedback": ConsentSource.FEEDBACK.value,
        "job": job.pk,
    }
    cursor.execute(
        f"INSERT INTO {KEYS} SELECT s.customer_id, s.channel FROM {statements} UNION "
        "SELECT c.id, f.channel FROM segments_fileconsents f JOIN segments_customer c "
        f"ON c.id >> {SET_BITS} = f.block AND get_bit(f.customers, "
        f"(c.id & {(1 << SET_BITS) - 1})::int) = 1 WHERE f.import_job_id = %(job)s",
        facts,
    )
    cursor.execute(f"DELETE FROM {statements}", facts)
    FileConsents.objects.filter(import_job=job).delete()
    cursor.execute(f"DELETE FROM {KEYS} WHERE customer_id IN (SELECT id FROM {CREATED})")
    lock_persons(f"SELECT customer_id FROM {KEYS}")
    keys = f"SELECT DISTINCT customer_id, channel, NULL::bigint AS topic FROM {KEYS}"
    derive_consents(keys, at=at)


def _take_suppressions_back(cursor: CursorWrapper, job: ImportJob, at: datetime) -> None:
    """Of a suppression list, and of complaints and bounces among the events of a file."""
    assert job.stored_at is not None
    first, last = _numbers(job, "suppression")
    by_import = Suppression.objects.filter(
        pk__gt=first,
        pk__lte=last,
        since=job.stored_at,
        source__in=[job.source, *_feedback_sources(job)],
    )
    if not by_import.exists():
        return
    cursor.execute(f"SELECT pg_advisory_xact_lock({LIST_LOCK})")
    by_import.delete()
    # A hash does not say whose it is: whoever has a mark is looked at again.
    mark_customers("c.suppressed_channels <> '{}'", [], at=at)


def _feedback_sources(job: ImportJob) -> list[str]:
    return [f"{job.source}: {kind}"[:100] for kind in ("complaint", "bounce")]


def _delete_created(cursor: CursorWrapper) -> None:
    for model in OF_CREATED:
        cursor.execute(
            f"DELETE FROM {model._meta.db_table} WHERE customer_id IN (SELECT id FROM {CREATED})"
        )
    cursor.execute(f"DELETE FROM segments_customer WHERE id IN (SELECT id FROM {CREATED})")

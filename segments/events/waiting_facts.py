"""Facts of customers who are not known yet: kept, and given to the customer as soon as they are.

In the transaction in which a customer becomes known, so an unsubscribe that waited takes effect
before anybody could write to them. What the moment of arrival decided stays as it was: for the
engine the event came when it was given to its customer.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import CharField, Q, Value
from django.db.models.functions import Cast, Concat
from psycopg.sql import quote

from optiengine.lib.hooks import Hook
from optiengine.lib.partitions import ensure_partitions
from segments.channels import address_fields
from segments.customers.suppress_addresses import suppress_addresses
from segments.events.feedback import FEEDBACK, SAYS_NO, act_on_feedback
from segments.models import Customer, Event, EventKind, Organisation, Suppression, WaitingFact
from segments.models.customer import KEY_COLUMNS
from segments.models.shared_address import MOST_SHARING
from segments.same_person import person_of

# By kind of fact, what gives those that wait to their customers; a later app adds its own.
ATTACHERS: Hook[Callable[..., int]] = Hook()
FOUND = "waiting_found"  # temporary: facts and whose they are
KEPT_AFTER_EXPIRY = timedelta(days=365)
SUPPRESSES = {
    EventKind.COMPLAINT.value: Suppression.Reason.COMPLAINT,
    EventKind.BOUNCE.value: Suppression.Reason.BOUNCE,
}
N_FORGOTTEN = 10_000  # expired at a time


def expiry_of(kind: str, at: datetime) -> datetime | None:
    """Until when a fact waits. kind : of the event."""
    if kind == EventKind.UNSUBSCRIBE:
        return None
    return at + timedelta(days=Organisation.current().waiting_days)


def expiry_sql(kind: str, at: datetime) -> str:
    """The same in SQL; kind : SQL of it."""
    until = expiry_of("", at)
    assert until is not None
    unsubscribe = quote(EventKind.UNSUBSCRIBE.value)
    return f"CASE WHEN {kind} <> {unsubscribe} THEN {quote(until.isoformat())}::timestamptz END"


@transaction.atomic
def attach_events(*, at: datetime, only: Customer | None = None, job_id: int | None = None) -> int:
    """Give waiting events to customers who are known by now; returns how many.

    only : look only for what names this customer. job_id : of the import that made them known,
    which can be undone. An address that several customers have names nobody: its events wait on,
    but for those that say that no more is wanted, which concern all of them. What is stored already
    under its id is not stored again.
    """
    waiting = WaitingFact.objects.filter(kind=WaitingFact.Kind.EVENT, expired_at=None)
    if only is not None:
        waiting = waiting.filter(_names(only))
    if not waiting.exists():
        return 0
    with connection.cursor() as cursor:
        find_customers(cursor, WaitingFact.Kind.EVENT, only)
        cursor.execute(
            "SELECT DISTINCT date_trunc('month', (w.fact ->> 'occurred_at')::timestamptz "
            f"AT TIME ZONE 'UTC')::date FROM {FOUND} f JOIN segments_waitingfact w USING (id)"
        )
        for (month,) in cursor.fetchall():
            ensure_partitions("segments_event", month, month)
        cursor.execute(
            "INSERT INTO segments_event (customer_id, kind, occurred_at, amount_cents, "
            "properties, source, external_id, recorded_at) "
            "SELECT f.customer_id, w.fact ->> 'kind', (w.fact ->> 'occurred_at')::timestamptz, "
            "(w.fact ->> 'amount_cents')::bigint, w.fact -> 'properties', w.source, "
            f"w.external_id, %s FROM {FOUND} f JOIN segments_waitingfact w USING (id) "
            "WHERE NOT EXISTS (SELECT FROM segments_event e WHERE e.source = w.source "
            "AND e.external_id = w.external_id) "
            "ON CONFLICT (source, external_id, occurred_at) DO NOTHING RETURNING id, kind",
            [at],
        )
        rows = cursor.fetchall()
        feedback = [pk for pk, kind in rows if kind in FEEDBACK]
        keep_before(cursor, job_id, f"JOIN {FOUND} f USING (id)", "f.customer_id")
        cursor.execute(f"DELETE FROM segments_waitingfact w USING {FOUND} f WHERE w.id = f.id")
    for event in Event.objects.filter(pk__in=feedback).order_by("customer_id", "pk"):
        act_on_feedback(event, at=at)
    return len(rows)


def attach_events_of(customer: Customer, at: datetime) -> None:
    attach_events(at=at, only=customer)


def find_customers(cursor: CursorWrapper, kind: str, only: Customer | None = None) -> None:
    """Fill FOUND with the facts (id) whose customers (customer_id) are known by now.

    By the id first, then by the e-mail address, then by the phone number; of several records with
    the address, the kept one. An address of several persons ends the search: the fact waits on.
    only : of the facts, look at those that name this customer, found by their indexes.
    """
    person, kinds = person_of("c.id"), ", ".join(quote(kind.value) for kind in SAYS_NO)
    names = {"customer": only.external_id} if only is not None else {}
    if only is not None:
        names |= {key: getattr(only, key) for key in KEY_COLUMNS.values() if getattr(only, key)}
    facts = "w.kind = %(kind)s AND w.expired_at IS NULL"
    if names:
        facts += f" AND ({' OR '.join(f'w.{name} = %({name})s' for name in names)})"
    params = {"kind": kind} | names
    cursor.execute(f"DROP TABLE IF EXISTS {FOUND}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {FOUND} ON COMMIT DROP AS SELECT w.id, c.id AS customer_id "
        "FROM segments_waitingfact w JOIN segments_customer c ON c.external_id = w.customer "
        f"WHERE {facts} AND w.customer <> '' AND c.erased_at IS NULL",
        params,
    )
    for key in KEY_COLUMNS.values():
        cursor.execute(f"ANALYZE {FOUND}")
        cursor.execute(
            f"INSERT INTO {FOUND} SELECT w.id, CASE WHEN n.n_persons = 1 OR n.n <= {MOST_SHARING} "
            f"AND w.fact ->> 'kind' IN ({kinds}) THEN n.customer_id END "
            f"FROM segments_waitingfact w JOIN (SELECT c.{key} AS key, count(*) AS n, "
            f"count(DISTINCT {person.id}) AS n_persons, "
            f"(array_agg(c.id ORDER BY c.id <> {person.id}, c.id))[1] AS customer_id "
            f"FROM segments_customer c {person.join} WHERE c.{key} <> '' "
            f"AND c.erased_at IS NULL AND c.{key} IN (SELECT w.{key} FROM segments_waitingfact w "
            f"WHERE {facts}) GROUP BY c.{key}"
            f") n ON n.key = w.{key} WHERE {facts} "
            f"AND NOT EXISTS (SELECT FROM {FOUND} f WHERE f.id = w.id)",
            params,
        )
    cursor.execute(f"DELETE FROM {FOUND} WHERE customer_id IS NULL")
    cursor.execute(f"ANALYZE {FOUND}")


def keep_before(
    cursor: CursorWrapper, job_id: int | None, joined: str, customer: str = "NULL"
) -> None:
    """What waited before an import changed it or gave it away, for the import to be undone.

    joined : SQL that joins the facts w concerned. customer : SQL of whose they are.
    """
    if job_id is not None:
        cursor.execute(
            'INSERT INTO segments_importbefore (import_job_id, "table", row_id, customer_id, '
            f"before) SELECT %s, 'waiting', w.id, {customer}, to_jsonb(w) "
            f'FROM segments_waitingfact w {joined} ON CONFLICT (import_job_id, "table", row_id) '
            "DO NOTHING",
            [job_id],
        )


def suppress_reported(facts: Iterable[WaitingFact], *, source: str, at: datetime) -> None:
    """Complaints and lasting bounces concern an address, whoever has it: never write there."""
    pairs: dict[str, list[tuple[str, str]]] = {}
    for waiting in facts:
        reported, said = waiting.fact["kind"], waiting.fact["properties"]
        column = address_fields().get(said.get("channel", ""))
        address = getattr(waiting, KEY_COLUMNS[column]) if column else ""
        is_lasting = reported == EventKind.COMPLAINT or said.get("hard") is True
        if reported in SUPPRESSES and is_lasting and address:
            pairs.setdefault(reported, []).append((said["channel"], address))
    for reported, addresses in pairs.items():
        suppress_addresses(
            addresses, reason=SUPPRESSES[reported], source=f"{source}: {reported}", at=at
        )


def expire_waiting(*, at: datetime) -> int:
    """Blank what has waited long enough, and delete what was blanked a year ago; returns how many
    expired. Memory and locks are bounded by N_FORGOTTEN."""
    n_expired = 0
    while True:
        due = WaitingFact.objects.filter(expired_at=None, expires_at__lte=at)
        ids = list(due.values_list("pk", flat=True)[:N_FORGOTTEN])
        blank = {"customer": "", "email_key": "", "phone_key": "", "fact": {}}
        blanked = WaitingFact.objects.filter(pk__in=ids)
        n_expired += blanked.update(**blank, expired_at=at)
        # The ID of a message is a hash of what was blanked: who knows the rest could guess it.
        of_messages = blanked.filter(kind=WaitingFact.Kind.CONTACT)
        of_messages.update(external_id=Concat(Value("expired "), Cast("pk", CharField())))
        if len(ids) < N_FORGOTTEN:
            break
    WaitingFact.objects.filter(expired_at__lte=at - KEPT_AFTER_EXPIRY).delete()
    return n_expired


def forget_waiting(customer: Customer) -> None:
    """Of a customer who is erased: what waits under their id or addresses."""
    WaitingFact.objects.filter(_names(customer)).delete()


def _names(customer: Customer) -> Q:
    named = Q(customer=customer.external_id)
    for key in KEY_COLUMNS.values():
        if value := getattr(customer, key):
            named |= Q(**{key: value})
    return named

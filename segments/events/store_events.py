"""Events that partner systems hand in one by one: each stored once, under its source and id."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.utils.translation import gettext as _

from optiengine.lib.partitions import ensure_partitions, month_start
from segments.customers.address_hash import compared
from segments.customers.find_customer import case_twin, find_customers
from segments.customers.lock_persons import lock_few
from segments.customers.write_customer import write_customer
from segments.errors import CustomerRefused
from segments.events.feedback import FEEDBACK, SAYS_NO, act_on_feedback
from segments.events.waiting_facts import expiry_of, suppress_reported
from segments.ids import is_nobody, read_id
from segments.models import Customer, Event, WaitingFact
from segments.models.customer import KEY_COLUMNS
from segments.models.shared_address import MOST_SHARING
from segments.same_person import kept_numbers

Unknown = Literal["wait", "create", "refuse"]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What is said of one event; its fields have been read and are sound."""

    external_id: str
    customer: str  # as the customer's own systems know them; '' where an address names them
    kind: str
    occurred_at: datetime
    amount_cents: int | None = None
    email: str = ""
    phone: str = ""
    properties: dict[str, Any] = field(default_factory=dict)

    def says_the_same(self, other: Event) -> bool:
        return (
            (self.kind, self.occurred_at, self.amount_cents, self.properties)
            == (other.kind, other.occurred_at, other.amount_cents, other.properties)
        ) and self.is_about(other.customer)

    def is_about(self, customer: Customer) -> bool:
        """By the id, where there is one, else by an address."""
        if self.customer and not is_nobody(self.customer):
            return customer.external_id in (self.customer, read_id(self.customer))
        keys = {KEY_COLUMNS[c]: compared(c, getattr(self, c)) for c in KEY_COLUMNS}
        return any(key and getattr(customer, name) == key for name, key in keys.items())


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one event."""

    status: Literal["stored", "repeated", "waiting", "refused"]
    reason: str = ""


def store_events(
    events: Sequence[NewEvent], *, source: str, at: datetime, unknown: Unknown = "wait"
) -> list[Stored]:
    """Store what is new; one answer for each event, in their order. Committed when it returns.

    unknown : what becomes of events of customers who are not known: they wait, are refused, or
    make the customer, if they name an id.

    An event that is known under its id is repeated where it says the same and refused where it
    says something else. Unsubscribes, complaints and bounces take effect with their storing.
    """
    for month in sorted({month_start(event.occurred_at.date()) for event in events}):
        ensure_partitions("segments_event", month, month)
    with transaction.atomic():
        # Ids are unique only within a month: of two who hand in the same one, one waits.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('events of'), hashtext(%s))", [source]
            )
        return _store(events, source=source, at=at, unknown=unknown)


def _store(
    events: Sequence[NewEvent], *, source: str, at: datetime, unknown: Unknown
) -> list[Stored]:
    ids = [event.external_id for event in events]
    stored = Event.objects.filter(source=source, external_id__in=ids).select_related("customer")
    known = {event.external_id: event for event in stored}
    customers = find_customers({event.customer for event in events})
    results, new = [], []
    for event in events:
        customer = customers.get(event.customer)
        no_one = ""
        if customer is None and (event.email or event.phone):
            customer, no_one = _by_address(event)
        if customer is None and not no_one and unknown == "create":
            customer, no_one = _create(event, at)
        if earlier := known.get(event.external_id):
            results.append(_again(event, earlier))
        elif customer is None and not no_one and unknown != "refuse":
            results.append(_wait(event, source=source, at=at))
        elif customer is None:
            results.append(Stored("refused", no_one or _unknown(event)))
        elif customer.erased_at:
            results.append(Stored("refused", _("This customer was erased and cannot be changed.")))
        else:
            row = Event(
                customer=customer,
                kind=event.kind,
                occurred_at=event.occurred_at,
                amount_cents=event.amount_cents,
                properties=event.properties,
                source=source,
                external_id=event.external_id,
                recorded_at=at,
            )
            known[event.external_id] = row
            new.append(row)
            results.append(Stored("stored"))
    Event.objects.bulk_create(new)
    reports = [row for row in new if row.kind in FEEDBACK]
    # Rows of customers are locked before the list of suppressed addresses: here all at once.
    lock_few(row.customer_id for row in reports)
    for row in reports:
        act_on_feedback(row, at=at)
    return results


def _by_address(event: NewEvent) -> tuple[Customer | None, str]:
    """The one person with the event's e-mail address, else phone number; or why there is none.

    Of several records of one person, the kept one. Of several persons the first, if the event says
    that no more is wanted: all who share the address share the withdrawal.
    """
    for column in KEY_COLUMNS:
        key = compared(column, getattr(event, column)) if getattr(event, column) else ""
        if not key:
            continue
        rows = Customer.objects.filter(**{KEY_COLUMNS[column]: key}, erased_at=None)
        candidates = list(rows.order_by("pk")[: MOST_SHARING + 1])
        kept = kept_numbers(row.pk for row in candidates)
        says_no = event.kind in SAYS_NO and len(candidates) <= MOST_SHARING
        if len({kept.get(row.pk, row.pk) for row in candidates}) > 1 and not says_no:
            text = _("Several customers have the address “%s”. Name the customer by ID.")
            return None, text % getattr(event, column)
        if candidates:
            return next((row for row in candidates if row.pk not in kept), candidates[0]), ""
    return None, ""


def _unknown(event: NewEvent) -> str:
    if event.email or event.phone:
        return _("There is no customer with the address “%s”.") % (event.email or event.phone)
    return _("Customer “%s” does not exist.") % event.customer


def _create(event: NewEvent, at: datetime) -> tuple[Customer | None, str]:
    """A customer of whom nothing but the id is known; or why they cannot be made."""
    if not event.customer:
        return None, ""
    try:
        customer, _is_new = write_customer(event.customer, {}, at=at, may_create=True)
    except CustomerRefused as refused:
        return None, str(refused)
    return customer, ""


def _wait(event: NewEvent, *, source: str, at: datetime) -> Stored:
    """Keep an event until its customer is known; what names nobody is refused."""
    name = read_id(event.customer) or "" if event.customer else ""
    keys = {
        key: compared(column, written)
        for column, key in KEY_COLUMNS.items()
        if (written := getattr(event, column))
    }
    if name and (twin := case_twin(name)):
        text = _("The ID “%(id)s” differs from “%(first)s” only in upper and lower case.")
        return Stored("refused", text % {"id": name, "first": twin})
    if not name and not any(keys.values()):
        return Stored("refused", _unknown(event))
    said = {
        "kind": event.kind,
        "occurred_at": event.occurred_at.isoformat(),
        "amount_cents": event.amount_cents,
        "properties": event.properties,
    }
    kind = WaitingFact.Kind.EVENT
    earlier = WaitingFact.objects.filter(kind=kind, source=source, external_id=event.external_id)
    if waits := earlier.filter(expired_at=None).first():
        moment = datetime.fromisoformat(waits.fact["occurred_at"])
        if (waits.fact | {"occurred_at": moment}) != said | {"occurred_at": event.occurred_at}:
            return Stored("refused", _other_content())
        return Stored("waiting")
    earlier.delete()
    fact = WaitingFact.objects.create(
        kind=kind,
        source=source,
        external_id=event.external_id,
        customer=name,
        **keys,
        fact=said,
        received_at=at,
        expires_at=expiry_of(event.kind, at),
    )
    suppress_reported([fact], source=source, at=at)
    return Stored("waiting")


def _again(event: NewEvent, earlier: Event) -> Stored:
    if event.says_the_same(earlier):
        return Stored("repeated")
    return Stored("refused", _other_content())


def _other_content() -> str:
    return _("An event with this ID is already stored with other content.")

"""Events that partner systems hand in one by one: each stored once, under its source and id."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.utils.translation import gettext as _

from optiengine.lib.partitions import ensure_partitions, month_start
from segments.customers.address_hash import compared
from segments.customers.find_customer import find_customers
from segments.events.feedback import FEEDBACK, act_on_feedback
from segments.ids import is_nobody, read_id
from segments.models import Customer, Event
from segments.models.customer import KEY_COLUMNS
from segments.models.shared_address import MOST_SHARING
from segments.same_person import kept_numbers


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

    status: Literal["stored", "repeated", "refused"]
    reason: str = ""


def store_events(events: Sequence[NewEvent], *, source: str, at: datetime) -> list[Stored]:
    """Store what is new; one answer for each event, in their order. Committed when it returns.

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
        return _store(events, source=source, at=at)


def _store(events: Sequence[NewEvent], *, source: str, at: datetime) -> list[Stored]:
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
        if earlier := known.get(event.external_id):
            results.append(_again(event, earlier))
        elif customer is None:
            reason = no_one or _("Customer “%s” does not exist.") % event.customer
            results.append(Stored("refused", reason))
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
    concerned = Customer.objects.filter(pk__in={row.customer_id for row in reports})
    list(concerned.order_by("pk").select_for_update(no_key=True))
    for row in reports:
        act_on_feedback(row, at=at)
    return results


def _by_address(event: NewEvent) -> tuple[Customer | None, str]:
    """The one person with the event's e-mail address, else phone number; or why there is none.

    Of several records of one person, the kept one.
    """
    for column in KEY_COLUMNS:
        key = compared(column, getattr(event, column)) if getattr(event, column) else ""
        if not key:
            continue
        rows = Customer.objects.filter(**{KEY_COLUMNS[column]: key}, erased_at=None)
        candidates = list(rows.order_by("pk")[: MOST_SHARING + 1])
        kept = kept_numbers(row.pk for row in candidates)
        if len({kept.get(row.pk, row.pk) for row in candidates}) > 1:
            text = _("Several customers have the address “%s”. Name the customer by ID.")
            return None, text % getattr(event, column)
        if candidates:
            return next((row for row in candidates if row.pk not in kept), candidates[0]), ""
    return None, _("There is no customer with the address “%s”.") % (event.email or event.phone)


def _again(event: NewEvent, earlier: Event) -> Stored:
    if event.says_the_same(earlier):
        return Stored("repeated")
    return Stored("refused", _("An event with this ID is already stored with other content."))

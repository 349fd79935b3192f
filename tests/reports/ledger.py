"""Contacts and their outcomes by the hundred, for stories about reports."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from campaigns.models import Action, Arm, ArmMembership, ArmPlan
from journeys.models import Contact, Outcome
from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, Event
from tests.factories import DAY

LATER = DAY + timedelta(days=30)  # when the windows of DAY's contacts have closed


def make_customers(n: int) -> list[Customer]:
    return Customer.objects.bulk_create(
        [Customer(external_id=uuid4().hex, consents=["email"]) for _ in range(n)]
    )


def make_contacts(
    action: Action,
    n: int,
    *,
    n_responders: int | None = None,
    customers: Sequence[Customer] | None = None,
    value_cents: float = 1_000.0,
    as_of: date = DAY,
    **fields: Any,
) -> list[Contact]:
    """n contacts of new customers; measured on LATER unless n_responders is None.

    The first n_responders of them responded and are worth value_cents each, the others nothing.
    """
    customers = customers or make_customers(n)
    ensure_partitions("journeys_contact", as_of, as_of)
    defaults = {
        "reserved_at": datetime.combine(as_of, time(9), UTC),
        "channel": action.channel,
        "arm": Arm.OPTIMISED,
        "is_control": False,
        "assignment_prob": 0.5,
        "control_share": 0.5,
    }
    contacts = Contact.objects.bulk_create(
        [
            Contact(
                customer=customer,
                campaign=action.campaign,
                action=action,
                as_of=as_of,
                key=uuid4(),
                **defaults | fields,
            )
            for customer in customers
        ]
    )
    if n_responders is not None:
        measure(contacts, n_responders, value_cents)
    return contacts


def measure(contacts: list[Contact], n_responders: int, value_cents: float) -> None:
    ensure_partitions("journeys_outcome", contacts[0].as_of, contacts[0].as_of)
    Outcome.objects.bulk_create(
        [
            Outcome(
                contact=contact,
                as_of=contact.as_of,
                measured_on=LATER,
                n_responses=int(i < n_responders),
                margin_cents=round(value_cents) if i < n_responders else 0,
                clv_change_cents=0,
                value_cents=value_cents if i < n_responders else 0,
            )
            for i, contact in enumerate(contacts)
        ]
    )


def make_members(
    plan: ArmPlan, arm: Arm, customers: list[Customer], *, since: date | None = None
) -> None:
    ArmMembership.objects.bulk_create(
        ArmMembership(plan=plan, arm=arm, customer=customer, since=since or plan.starts_on)
        for customer in customers
    )


def make_orders(customers: list[Customer], cents: float, day: date, kind: str = "order") -> None:
    """One event of each customer at noon of a day."""
    ensure_partitions("segments_event", day, day)
    Event.objects.bulk_create(
        Event(
            customer=customer,
            kind=kind,
            occurred_at=datetime.combine(day, time(12), UTC),
            amount_cents=round(cents),
            source="test",
            external_id=uuid4().hex,
        )
        for customer in customers
    )

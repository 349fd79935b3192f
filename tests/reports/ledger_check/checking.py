"""A ledger written by hand, and what the command says of it."""

import json
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

from django.core.management import call_command

from campaigns.models import Action
from journeys.models import Contact, Delivery
from segments.models import Customer, ImportJob, Organisation
from tests.factories import DAY, NOW, make_contact, make_customer, make_delivery

LONG_AGO = NOW - timedelta(days=90)
HOUR = timedelta(hours=1)


def make_import(begin: datetime, end: datetime, kind: str = "customers") -> ImportJob:
    return ImportJob.objects.create(
        kind=kind, status="done", file_name="a.csv", created_at=begin, finished_at=end
    )


def set_organisation(**fields: Any) -> None:
    Organisation.current()
    Organisation.objects.update(**fields)


def check(since: date = DAY) -> tuple[int, dict[str, dict[str, Any]]]:
    """The status of the command, and what it says of its rules by name."""
    out, status = StringIO(), 0
    try:
        call_command("check_ledger", since=since, json=True, stdout=out)
    except SystemExit as leave:
        status = int(str(leave.code))
    figures = json.loads(out.getvalue())
    return status, {row["rule"]: row for row in figures["rules"]}


def violated(since: date = DAY) -> set[str]:
    """The rules that were not kept, by name."""
    return {name for name, row in check(since)[1].items() if row["violated"]}


def make_person(**fields: Any) -> Customer:
    """A customer whose row was last written long ago, unless fields say otherwise."""
    written_at = fields.pop("updated_at", LONG_AGO)
    customer = make_customer(**fields)
    Customer.objects.filter(pk=customer.pk).update(updated_at=written_at)
    return customer


def decide(customer: Customer, action: Action, at: datetime = NOW, **fields: Any) -> Contact:
    """A message that was decided for a moment; of a control member, that is all."""
    return make_contact(customer, action, **{"as_of": at.date(), "reserved_at": at} | fields)


def send(customer: Customer, action: Action, at: datetime = NOW, **fields: Any) -> Delivery:
    """A message that left at the moment for which it was decided."""
    return hand_over(decide(customer, action, at), at, **fields)


def hand_over(contact: Contact, at: datetime, **fields: Any) -> Delivery:
    times: dict[str, Any] = {"attempted_at": at, "sent_at": at, "status": "sent"}
    return make_delivery(contact=contact, key=contact.key, **times | fields)

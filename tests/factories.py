"""Rows for tests: sensible defaults, and a name for what a story is about."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from campaigns.models import Action, Arm, Campaign, Goal
from journeys.models import Contact, Delivery
from optiengine.lib.partitions import ensure_partitions
from segments.channels import EMAIL, outbound_channels
from segments.models import Customer

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)

_numbers = count(1)


def make_customer(**fields: Any) -> Customer:
    """A customer with an address and a consent for every channel."""
    number = next(_numbers)
    defaults = {
        "external_id": f"C{number}",
        "email": f"customer{number}@example.com",
        "phone": f"+49170{number:07}",
        "first_name": "Anna",
        "last_name": "Nym",
        "consents": list(outbound_channels()),
    }
    return Customer.objects.create(**defaults | fields)


def make_goal(**fields: Any) -> Goal:
    return Goal.objects.create(**{"name": f"Goal {next(_numbers)}"} | fields)


def make_campaign(**fields: Any) -> Campaign:
    """An active campaign for everyone, every day since a month before DAY; without an action."""
    defaults = {
        "name": f"Campaign {next(_numbers)}",
        "status": Campaign.Status.ACTIVE,
        "starts_on": DAY - timedelta(days=30),
    }
    if "goal" not in fields:
        fields["goal"] = make_goal()
    return Campaign.objects.create(**defaults | fields)


def make_action(campaign: Campaign | None = None, **fields: Any) -> Action:
    defaults = {
        "name": f"Action {next(_numbers)}",
        "channel": EMAIL,
        "offer": "10 % off",
        "subject": "Hello {{ customer.first_name }}",
        "body": "Dear {{ customer.first_name }},\n\n{{ offer }} for you.\n",
    }
    return Action.objects.create(campaign=campaign or make_campaign(), **defaults | fields)


def make_contact(
    customer: Customer | None = None, action: Action | None = None, **fields: Any
) -> Contact:
    """A test member's contact on DAY at nine; `as_of` moves it to another day."""
    customer, action = customer or make_customer(), action or make_action()
    as_of = fields.setdefault("as_of", DAY)
    defaults = {
        "reserved_at": datetime.combine(as_of, time(9), UTC),
        "channel": action.channel,
        "arm": Arm.OPTIMISED,
        "is_control": False,
        "assignment_prob": 0.5,
        "control_share": action.campaign.control_share,
        "key": uuid5(NAMESPACE_OID, f"{as_of} {customer.pk} {action.campaign_id}"),
    }
    ensure_partitions("journeys_contact", as_of, as_of)
    return Contact.objects.create(
        customer=customer, campaign=action.campaign, action=action, **defaults | fields
    )


def make_delivery(
    customer: Customer | None = None, action: Action | None = None, **fields: Any
) -> Delivery:
    """A new delivery on DAY, with the contact it follows from."""
    contact = fields.pop("contact", None) or make_contact(
        customer, action, as_of=fields.get("as_of", DAY)
    )
    defaults = {
        "as_of": contact.as_of,
        "channel": contact.channel,
        "key": uuid5(contact.key, contact.channel),
        "due_at": contact.reserved_at,
    }
    ensure_partitions("journeys_delivery", contact.as_of, contact.as_of)
    return Delivery.objects.create(
        contact=contact,
        customer=contact.customer,
        action=contact.action,
        **defaults | fields,
    )

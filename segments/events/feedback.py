"""What comes back from messages, and what it changes: bounces, complaints, unsubscribes.

    bounce, hard    the address takes no messages: it is suppressed for the channel
    bounce, soft    for now; suppressed when it was the fifth within 30 days
    complaint       suppressed, and the consent for the channel is withdrawn
    unsubscribe     the consent is withdrawn

Each is an event of the customer; its properties say the channel and, of a bounce, whether it is
`hard`. No address is written into it.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from optiengine.lib.partitions import ensure_partitions
from segments.channels import address_field
from segments.customers.lock_persons import lock_person
from segments.customers.record_consents import record_consents
from segments.customers.suppress_addresses import suppress_address
from segments.customers.with_address import is_address
from segments.models import Customer, Event, EventKind, Suppression
from segments.models.consent import ConsentSource

SAYS_NO = (EventKind.COMPLAINT, EventKind.UNSUBSCRIBE)  # that no more is wanted
FEEDBACK = (EventKind.BOUNCE, EventKind.COMPLAINT, EventKind.UNSUBSCRIBE)
MAX_SOFT_BOUNCES = 5
SOFT_BOUNCES_COUNT_FOR = timedelta(days=30)


def record_feedback(
    customer: Customer,
    kind: str,
    *,
    channel: str,
    source: str,
    external_id: str,
    at: datetime,
    address: str = "",
    is_hard: bool = False,
    campaign_id: int | None = None,
    properties: dict[str, Any] | None = None,
) -> bool:
    """Store what came back from a message and act upon it; False where it was known already.

    kind : one of FEEDBACK. source, external_id : by whom and under which id it is reported; the
    same report twice changes nothing. at : the moment that it happened. address : to which the
    message went, if it may be another than the customer's present one.
    """
    known = Event.objects.filter(source=source, external_id=external_id)
    if known.exists():
        return False
    ensure_partitions("segments_event", at.date(), at.date())
    facts = {**(properties or {}), "channel": channel}
    facts |= {"hard": is_hard} if kind == EventKind.BOUNCE else {}
    facts |= {"campaign": campaign_id} if campaign_id else {}
    with transaction.atomic():
        with connection.cursor() as cursor:  # of two who report the same one, one waits
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [source, external_id]
            )
        if known.exists():
            return False
        event = Event.objects.create(
            customer=customer,
            kind=kind,
            occurred_at=at,
            properties=facts,
            source=source,
            external_id=external_id,
            recorded_at=at,
        )
        act_on_feedback(event, at=at, address=address)
    return True


@transaction.atomic
def act_on_feedback(event: Event, *, at: datetime, address: str = "") -> None:
    """What a stored bounce, complaint or unsubscribe changes."""
    customer = lock_person(event.customer_id)
    channel = event.properties["channel"]
    source = f"{event.source}: {event.kind}"[:100]
    if event.kind in SAYS_NO:
        record_consents(
            customer,
            {channel: False},
            kind=ConsentSource.FEEDBACK,
            source=source,
            said_at=min(event.occurred_at, at),
            at=at,
        )
    reason = None
    if event.kind == EventKind.COMPLAINT:
        reason = Suppression.Reason.COMPLAINT
    elif event.kind == EventKind.BOUNCE:
        is_lasting = event.properties.get("hard") or _keeps_bouncing(event)
        reason = Suppression.Reason.BOUNCE if is_lasting else None
    column = address_field(channel)
    address = address or (customer.reached_by(column) if column else "")
    if reason and column and is_address(column, address):  # a provider may report anything
        suppress_address(channel, address, reason=reason, source=source, at=at)


def _keeps_bouncing(event: Event) -> bool:
    bounces = Event.objects.filter(
        customer_id=event.customer_id,
        kind=EventKind.BOUNCE,
        occurred_at__gt=event.occurred_at - SOFT_BOUNCES_COUNT_FOR,
        occurred_at__lte=event.occurred_at,
        properties__channel=event.properties["channel"],
    )
    return bounces.count() >= MAX_SOFT_BOUNCES

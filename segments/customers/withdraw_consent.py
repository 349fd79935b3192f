from datetime import datetime

from django.db import transaction

from optiengine.lib.partitions import ensure_partitions
from segments.customers.lock_persons import lock_person
from segments.customers.record_consents import record_consents
from segments.models import Customer, Event
from segments.models.consent import ConsentSource


@transaction.atomic
def withdraw_consent(
    customer: Customer,
    channel: str,
    *,
    kind: str,
    campaign_id: int | None,
    by: ConsentSource,
    source: str,
    at: datetime,
) -> bool:
    """The customer withdraws the consent to one channel; False where there was none.

    kind : of the event that says so, unsubscribe or complaint; it names the campaign that the
    customer had enough of. What waits in the outbox is checked once more before it leaves.
    """
    locked = lock_person(customer.pk)
    was_allowed = channel in locked.consents
    recorded = record_consents(
        customer, {channel: False}, kind=by, source=source, said_at=at, at=at
    )
    if not was_allowed or not recorded.statements:
        return False
    ensure_partitions("segments_event", at.date(), at.date())
    properties = {"channel": channel}
    Event.objects.create(
        customer=customer,
        kind=kind,
        occurred_at=at,
        properties=properties | ({"campaign": campaign_id} if campaign_id else {}),
        source="consent",
        external_id=f"statement {recorded.statements[0].pk}",  # one event for each
        recorded_at=at,
    )
    return True

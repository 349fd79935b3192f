from datetime import datetime

from django.db import transaction

from optiengine.lib.partitions import ensure_partitions
from segments.customers.change_consent import change_consents
from segments.models import Customer, Event


@transaction.atomic
def withdraw_consent(
    customer: Customer,
    channel: str,
    *,
    kind: str,
    campaign_id: int | None,
    source: str,
    at: datetime,
) -> bool:
    """Take one channel out of what a customer allows; False where it was not in it.

    kind : of the event that says so, unsubscribe or complaint; it names the campaign that the
    customer had enough of. What waits in the outbox is checked once more before it leaves.
    """
    locked = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    change = change_consents(locked, set(locked.consents) - {channel}, source=source, at=at)
    customer.consents = locked.consents
    if change is None:
        return False
    ensure_partitions("segments_event", at.date(), at.date())
    properties = {"channel": channel}
    Event.objects.create(
        customer=customer,
        kind=kind,
        occurred_at=at,
        properties=properties | ({"campaign": campaign_id} if campaign_id else {}),
        source="consent",
        external_id=str(change.pk),  # one event for each change
        recorded_at=at,
    )
    return True

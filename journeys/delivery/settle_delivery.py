"""An unclear delivery that becomes clear: a person, or a report of the provider, settles it."""

from datetime import datetime

from django.db import transaction

from journeys.delivery.release_contacts import release_deliveries
from journeys.errors import DeliveryNotUnclear
from journeys.locks import lock_block
from journeys.models import Delivery, Reason, ReasonCode, make_reason
from segments.models.customer import BLOCK_BITS


def settle(delivery: Delivery, *, sent: bool, by: str, at: datetime) -> Delivery:
    """Say of an unclear delivery that it arrived, or that it did not; it is sent again in no case.

    by : who says so, kept in the reason. at : when it was sent, or when this was said.
    Raises DeliveryNotUnclear unless the delivery is unknown.
    """
    code = ReasonCode.SETTLED_AS_SENT if sent else ReasonCode.SETTLED_AS_NOT_SENT
    status = Delivery.Status.SENT if sent else Delivery.Status.FAILED
    return _settle(delivery, status, make_reason(code, by=by), at)


def settle_by_report(delivery: Delivery, *, provider: str, at: datetime) -> Delivery:
    """A provider that reports on an unclear delivery has sent it. Raises DeliveryNotUnclear."""
    reason = make_reason(ReasonCode.REPORTED_BY_PROVIDER, provider=provider)
    return _settle(delivery, Delivery.Status.SENT, reason, at)


@transaction.atomic
def _settle(delivery: Delivery, status: str, reason: Reason, at: datetime) -> Delivery:
    lock_block(delivery.customer_id >> BLOCK_BITS)
    # as_of leads to the partition; the key is the same wherever the row is read from.
    delivery = Delivery.objects.select_for_update().get(pk=delivery.pk, as_of=delivery.as_of)
    if delivery.status != Delivery.Status.UNKNOWN:
        raise DeliveryNotUnclear(delivery.key, delivery.get_status_display())
    delivery.status, delivery.reason = status, reason
    # Limits count it at the moment at which it left.
    is_sent = status == Delivery.Status.SENT
    delivery.sent_at = (delivery.attempted_at or at) if is_sent else None
    delivery.save(update_fields=["status", "sent_at", "reason_code", "reason_params"])
    release_deliveries([delivery.pk], delivery.as_of, delivery.as_of, at)  # unless it was sent
    return delivery

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from journeys.errors import DeliveryNotUnclear
from journeys.models import Delivery


@transaction.atomic
def settle(delivery: Delivery, *, sent: bool, by: str, at: datetime) -> Delivery:
    """Say of an unclear delivery that it arrived, or that it did not; it is sent again in no case.

    by : who says so, kept in the reason. at : when it was sent, or when this was said.
    Raises DeliveryNotUnclear unless the delivery is unknown.
    """
    # as_of leads to the partition; the key is the same wherever the row is read from.
    delivery = Delivery.objects.select_for_update().get(pk=delivery.pk, as_of=delivery.as_of)
    if delivery.status != Delivery.Status.UNKNOWN:
        raise DeliveryNotUnclear(delivery.key, delivery.get_status_display())
    delivery.status = Delivery.Status.SENT if sent else Delivery.Status.FAILED
    # Limits count it at the moment at which it left.
    delivery.sent_at = (delivery.attempted_at or at) if sent else None
    said = _("Settled as sent by %(by)s.") if sent else _("Settled as not sent by %(by)s.")
    delivery.reason = (said % {"by": by})[:200]
    delivery.save(update_fields=["status", "sent_at", "reason"])
    return delivery

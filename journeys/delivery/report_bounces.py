"""What the other side says of an address while a message is handed over, as events of customers."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from journeys.delivery.channels import Receipt
from journeys.delivery.outbox import Batch, lock_customers, record_receipts
from segments.events.feedback import record_feedback
from segments.models import Customer, EventKind

logger = logging.getLogger(__name__)

SOURCE = "outbox"


def record_bounces(
    batch: Batch, rows: Sequence[Mapping[str, Any]], receipts: Sequence[Receipt], *, now: datetime
) -> Counter[str]:
    """A hard bounce for each address that refused its message: it is written to no more.

    rows : of the deliveries, as begin_attempt returns them. Once per delivery. What the server said
    stays with the delivery: it may name the address, which an event must not.
    Each receipt is written down together with its bounce. Where that fails the delivery stays as if
    nothing had been heard of it, for a person to see. Returns how many have which status.
    """
    refused = {receipt.delivery_id: receipt for receipt in receipts if receipt.is_bounce}
    bounced = [row for row in rows if row["id"] in refused]
    customers = Customer.objects.in_bulk([row["customer_id"] for row in bounced]) if bounced else {}
    statuses: Counter[str] = Counter()
    for row in bounced:
        try:
            # Blocks before customers, customers before deliveries, as in erasing one.
            with transaction.atomic():
                lock_customers(batch, [row["id"]])
                if customer := customers.get(row["customer_id"]):
                    _record_bounce(customer, row, channel=batch.channel, at=now)
                recorded = record_receipts(batch, [refused[row["id"]]], now=now)
        except DatabaseError:  # of one address, which is not to keep others waiting
            logger.exception("The bounce of the delivery %s could not be stored.", row["key"])
        else:
            statuses += recorded
    return statuses


def _record_bounce(
    customer: Customer, row: Mapping[str, Any], *, channel: str, at: datetime
) -> None:
    record_feedback(
        customer,
        EventKind.BOUNCE,
        channel=channel,
        source=SOURCE,
        external_id=str(row["key"]),
        at=at,
        address=row["address"],
        is_hard=True,
        campaign_id=row["campaign_id"],
        properties={"delivery": str(row["key"]), "action": row["action_id"]},
    )

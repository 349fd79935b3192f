"""What the other side says of an address while a message is handed over, as events of customers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from journeys.channels import Receipt
from segments.models import Customer, EventKind
from segments.services.feedback import record_feedback

SOURCE = "outbox"


def report_bounces(
    rows: Sequence[Mapping[str, Any]], receipts: Sequence[Receipt], *, channel: str, at: datetime
) -> None:
    """A hard bounce for each address that refused its message: it is written to no more.

    rows : of the deliveries, as begin_attempt returns them. Once per delivery. What the server said
    stays with the delivery: it may name the address, which an event must not.
    """
    refused = {receipt.delivery_id for receipt in receipts if receipt.is_bounce}
    if not refused:
        return
    bounced = [row for row in rows if row["id"] in refused]
    customers = Customer.objects.in_bulk([row["customer_id"] for row in bounced])
    for row in bounced:
        if customer := customers.get(row["customer_id"]):
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

"""What is known of records that may be one person, side by side, for whoever decides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from campaigns.models import Arm
from campaigns.services.arm_history import arms_of
from campaigns.services.assign_arms import current_plan
from segments.event_money import IS_PURCHASE
from segments.models import Customer

# A look into an index for each record.
FIGURES = f"""
SELECT c.id,
    (SELECT max(e.occurred_at) FROM segments_event e
     WHERE e.customer_id = c.id AND {IS_PURCHASE}),
    (SELECT count(*) FROM journeys_contact k WHERE k.customer_id = c.id)
FROM unnest(%s::bigint[]) AS c (id)
"""


@dataclass(frozen=True)
class ComparedRecord:
    """A record as it is today."""

    customer: Customer
    last_order_at: datetime | None
    n_messages: int  # of control customers, too
    arm: str  # of Arm; empty: none yet

    @property
    def arm_label(self) -> str:
        return str(Arm(self.arm).label) if self.arm else "–"


def compare_records(customers: Sequence[Customer], *, as_of: date) -> list[ComparedRecord]:
    """In order of age: the oldest first."""
    rows = sorted(customers, key=lambda row: (row.created_at, row.pk))
    plan = current_plan(as_of)
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, [[row.pk for row in rows]])
        figures = {pk: (last_order, n) for pk, last_order, n in cursor.fetchall()}
    return [
        ComparedRecord(row, *figures[row.pk], arm=arms_of(row, as_of).get(plan, "")) for row in rows
    ]

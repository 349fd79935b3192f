"""Every message accounted for, in SQL: decided = sent + failed + unknown + waiting + suppressed."""

import logging
from datetime import date
from typing import Any

from django.db import connection

from journeys.models import DecisionRun

logger = logging.getLogger(__name__)
RECENT = 3  # days' runs that are looked at after each delivery: what is older has expired

# From both sides, so that a message too few and one too many cannot cancel each other.
BALANCE = """
SELECT count(k.id) AS decided,
       count(*) FILTER (WHERE k.id IS NOT NULL AND d.status = 'sent') AS sent,
       count(*) FILTER (WHERE k.id IS NOT NULL AND d.status = 'failed') AS failed,
       count(*) FILTER (WHERE k.id IS NOT NULL AND d.status = 'unknown') AS unknown,
       count(*) FILTER (WHERE k.id IS NOT NULL AND d.status IN ('new', 'claimed', 'attempting'))
           AS waiting,
       count(*) FILTER (WHERE k.id IS NOT NULL AND d.status = 'suppressed') AS suppressed,
       count(*) FILTER (WHERE d.id IS NULL) AS missing,
       count(*) FILTER (WHERE k.id IS NULL) AS unasked
FROM (SELECT id FROM journeys_contact
      WHERE as_of = %(as_of)s AND source = 'decision' AND NOT is_control) k
FULL JOIN (SELECT id, contact_id, status FROM journeys_delivery WHERE as_of = %(as_of)s) d
    ON d.contact_id = k.id
"""


def reconcile(as_of: date) -> dict[str, int]:
    """What became of a day's messages, those decided in real time among them.

    missing : decided, and not in the outbox. unasked : in the outbox, and not decided. Both are 0
    exactly when the equation holds.
    """
    with connection.cursor() as cursor:
        cursor.execute(BALANCE, {"as_of": as_of})
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


def reconcile_recent() -> list[date]:
    """Write the balance of the latest days to their runs; returns the days that do not balance."""
    wrong = []
    for run in DecisionRun.objects.daily().order_by("-as_of").only("as_of")[:RECENT]:
        balance = reconcile(run.as_of)
        DecisionRun.objects.filter(pk=run.pk).update(deliveries=balance)
        if not is_balanced(balance):
            wrong.append(run.as_of)
            logger.error("Messages of %s do not add up: %s", run.as_of, balance)
    return wrong


def is_balanced(balance: dict[str, Any]) -> bool:
    return not balance.get("missing") and not balance.get("unasked")

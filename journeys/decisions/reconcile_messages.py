"""Every message accounted for, in SQL: decided = sent + failed + unknown + waiting + suppressed."""

import logging
from datetime import date
from typing import Any

from django.db import connection, transaction

from journeys.models import DecisionRun

logger = logging.getLogger(__name__)
AT_ONCE = 30  # days: more of them, as when runs were made by hand, take several looks
RECENT = 3  # days' runs that are always looked at: real-time decisions are made for the newest

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

# Each part has a partial index on exactly these rows.
OPEN = """
SELECT as_of, count(*) FILTER (WHERE status <> 'unknown'),
       count(*) FILTER (WHERE status = 'unknown')
FROM (SELECT as_of, status FROM journeys_delivery WHERE status IN ('new', 'claimed')
      UNION ALL SELECT as_of, status FROM journeys_delivery WHERE status = 'attempting'
      UNION ALL SELECT as_of, status FROM journeys_delivery WHERE status = 'unknown') d
GROUP BY as_of
"""


def reconcile_messages(as_of: date) -> dict[str, int]:
    """What became of a day's messages, those decided in real time among them.

    missing : decided, and not in the outbox. unasked : in the outbox, and not decided. Both are 0
    exactly when the equation holds.
    """
    with connection.cursor() as cursor:
        cursor.execute(BALANCE, {"as_of": as_of})
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


def reconcile_recent() -> list[date]:
    """Write the balance of days that may have changed; returns those whose counts do not match.

    They are the latest days, and all days whose numbers of waiting or unknown messages differ from
    what was written.
    """
    return [as_of for as_of in _days_to_count() if not is_balanced(_balance(as_of))]


def _days_to_count() -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(OPEN)
        counted = {as_of: (waiting, unknown) for as_of, waiting, unknown in cursor.fetchall()}
    runs = DecisionRun.objects.daily().order_by("-as_of").values_list("as_of", "deliveries")
    days = [
        as_of
        for i, (as_of, counts) in enumerate(runs)
        if i < RECENT
        or (counts.get("waiting"), counts.get("unknown")) != counted.get(as_of, (0, 0))
    ]
    return days[:AT_ONCE]


@transaction.atomic
def _balance(as_of: date) -> dict[str, int]:
    # The row is locked before the messages are counted: of two who do so, the later count stays.
    runs = DecisionRun.objects.daily().filter(as_of=as_of)
    if not runs.only("pk").select_for_update(no_key=True):
        return {}  # taken back meanwhile, to be decided again
    balance = reconcile_messages(as_of)
    if not is_balanced(balance):
        logger.error("Message counts of %s do not match: %s", as_of, balance)
    runs.update(deliveries=balance)
    return balance


def is_balanced(balance: dict[str, Any]) -> bool:
    return not balance.get("missing") and not balance.get("unasked")

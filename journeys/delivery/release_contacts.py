"""Reservations whose messages will not leave are released: from then on they no longer count.

A release is a row of its own (Release). Its id is drawn from the contacts' sequence under the lock
of the customer's block, as those of contacts are: a decision that counts up to its watermark has
seen every release below it, and a replay sees the same ones.

What befalls single messages (a bounce, no consent) frees the slot of that customer. Where none of
an action's messages of a day left, for a reason that concerns them all, its controls are released
as well; the day is noted as stopped and not measured.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from journeys.locks import lock_blocks
from journeys.models import ReasonCode
from segments.models.customer import BLOCK_BITS

# A message that waits for one of these may still leave; where it expires, that is why.
HOLDS = (
    ReasonCode.CAMPAIGN_PAUSED,
    ReasonCode.JOURNEY_PAUSED,
    ReasonCode.ACTION_INACTIVE,
    ReasonCode.ROUTE_CLOSED,
    ReasonCode.SENDING_STOPPED,
)
# What concerns all messages of a day and action alike, for all customers.
COMMON = (
    *HOLDS,
    ReasonCode.CAMPAIGN_INACTIVE,
    ReasonCode.JOURNEY_INACTIVE,
    ReasonCode.EXPIRED,
    ReasonCode.UNREACHABLE,
    ReasonCode.NOT_SET_UP,
    ReasonCode.PROVIDER_NOT_SET,
    ReasonCode.ENDPOINT_INACTIVE,
    ReasonCode.TARGET_INACTIVE,
)
LOOK_BACK = timedelta(days=40)  # messages are valid for thirty days at most
NEXT_ID = "nextval(pg_get_serial_sequence('journeys_contact', 'id'))"

# Of deliveries that have come to their end in the caller's transaction.
RELEASE = f"""
INSERT INTO journeys_release
    (id, contact_id, as_of, customer_id, action_id, released_at, reason_code)
SELECT {NEXT_ID}, d.contact_id, d.as_of, d.customer_id, d.action_id, %(now)s,
       coalesce(d.reason_code, {ReasonCode.AS_WRITTEN:d})
FROM journeys_delivery d
WHERE d.id = ANY(%(ids)s) AND d.as_of BETWEEN %(first)s AND %(last)s
  AND d.status IN ('failed', 'suppressed')
ON CONFLICT (contact_id) DO NOTHING
"""
# What nobody will claim any more: not begun, or claimed by a worker that was lost.
OVERDUE = """
d.expires_at < %(now)s
AND (d.status = 'new' OR d.status = 'claimed' AND d.lease_until < clock_timestamp())
"""
OVERDUE_BLOCKS = f"""
SELECT DISTINCT d.customer_id >> {BLOCK_BITS} FROM journeys_delivery d WHERE {OVERDUE} ORDER BY 1
"""
EXPIRE = f"""
UPDATE journeys_delivery d
SET status = 'suppressed', lease_until = NULL, owner = '', reason_params = '{{}}',
    reason_code = CASE
        WHEN EXISTS (SELECT FROM segments_organisation WHERE sending_stopped)
            THEN {ReasonCode.SENDING_STOPPED:d}
        WHEN d.channel IN (SELECT channel FROM journeys_channelroute WHERE NOT is_open)
            THEN {ReasonCode.ROUTE_CLOSED:d}
        WHEN d.reason_code = ANY(%(holds)s) THEN d.reason_code
        ELSE {ReasonCode.EXPIRED:d} END
WHERE {OVERDUE} AND d.customer_id BETWEEN %(first_customer)s AND %(last_customer)s
RETURNING d.id, d.as_of
"""
# Days of actions of which a message was stopped for a common reason, and none left or still may.
STOPPED = """
WITH stopped AS MATERIALIZED (
    SELECT r.as_of, r.action_id, min(r.reason_code) AS reason_code
    FROM journeys_release r
    WHERE r.as_of >= %(since)s AND r.reason_code = ANY(%(common)s)
    GROUP BY 1, 2
)
SELECT s.as_of, s.action_id, a.campaign_id, s.reason_code
FROM stopped s JOIN campaigns_action a ON a.id = s.action_id
WHERE NOT EXISTS (SELECT FROM journeys_stoppedday t
                  WHERE t.as_of = s.as_of AND t.action_id = s.action_id)
  AND NOT EXISTS (SELECT FROM journeys_delivery d
                  WHERE d.as_of = s.as_of AND d.action_id = s.action_id
                    AND d.status NOT IN ('failed', 'suppressed'))
ORDER BY 1, 2
"""
CONTROLS = """
k.as_of = %(as_of)s AND k.campaign_id = %(campaign)s AND k.action_id = %(action)s
AND k.is_control AND k.source = 'decision'
"""
CONTROL_BLOCKS = f"""
SELECT DISTINCT k.customer_id >> {BLOCK_BITS} FROM journeys_contact k WHERE {CONTROLS} ORDER BY 1
"""
RELEASE_CONTROLS = f"""
INSERT INTO journeys_release
    (id, contact_id, as_of, customer_id, action_id, released_at, reason_code)
SELECT {NEXT_ID}, k.id, k.as_of, k.customer_id, k.action_id, %(now)s, %(reason)s
FROM journeys_contact k
WHERE {CONTROLS} AND k.customer_id BETWEEN %(first_customer)s AND %(last_customer)s
ON CONFLICT (contact_id) DO NOTHING
"""
NOTE_DAY = f"""
INSERT INTO journeys_stoppedday (id, as_of, action_id, reason_code, stopped_at)
VALUES ({NEXT_ID}, %(as_of)s, %(action)s, %(reason)s, %(now)s)
ON CONFLICT (as_of, action_id) DO NOTHING
"""


def release_contacts(now: datetime) -> int:
    """Release what has expired, and the controls of days that were stopped as a whole.

    Called before a run decides and whenever messages were stopped. Returns how many messages
    expired.
    """
    n_expired = expire_messages(now)
    release_controls(now)
    return n_expired


def release_deliveries(delivery_ids: Iterable[int], first: date, last: date, now: datetime) -> None:
    """Of these deliveries, of days first to last, release those that have failed or are suppressed.

    In the transaction that settled them, which holds the locks of their customers' blocks.
    """
    if ids := list(delivery_ids):
        with connection.cursor() as cursor:
            cursor.execute(RELEASE, {"ids": ids, "first": first, "last": last, "now": now})


def expire_messages(now: datetime) -> int:
    """Suppress and release messages whose time is over, a block of customers at a time.

    Those behind a closed route or the stop switch are claimed by nobody, so nobody else would.
    """
    params: dict[str, Any] = {"now": now, "holds": list(HOLDS)}
    n_expired = 0
    for block in _blocks(OVERDUE_BLOCKS, params):
        with transaction.atomic(), connection.cursor() as cursor:
            lock_blocks([block])
            cursor.execute(EXPIRE, params | _customers_of(block))
            if rows := cursor.fetchall():
                ids, days = zip(*rows, strict=True)
                release_deliveries(ids, min(days), max(days), now)
                n_expired += len(rows)
    return n_expired


def release_controls(now: datetime) -> None:
    """Release the controls of days that were stopped as a whole, and note these days."""
    params: dict[str, Any] = {"common": list(COMMON), "since": (now - LOOK_BACK).date()}
    with connection.cursor() as cursor:
        cursor.execute(STOPPED, params)
        stopped = cursor.fetchall()
    for as_of, action, campaign, reason in stopped:
        day = {"as_of": as_of, "action": action, "campaign": campaign, "reason": reason, "now": now}
        for block in _blocks(CONTROL_BLOCKS, day):
            with transaction.atomic(), connection.cursor() as cursor:
                lock_blocks([block])
                cursor.execute(RELEASE_CONTROLS, day | _customers_of(block))
        with connection.cursor() as cursor:
            cursor.execute(NOTE_DAY, day)


def _blocks(query: str, params: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [block for (block,) in cursor.fetchall()]


def _customers_of(block: int) -> dict[str, int]:
    first = block << BLOCK_BITS
    return {"first_customer": first, "last_customer": first + (1 << BLOCK_BITS) - 1}

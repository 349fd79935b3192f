"""The states of the outbox and what moves a delivery from one to the next, a batch at a time.

    new → claimed → attempting → sent | failed | unknown;   claimed → suppressed | new, due later

A batch is what one worker claimed together. Its id is the fence: a worker that takes over what was
claimed gives it a new one, and the first worker's statements then find nothing. Leases are on the
database's clock; what is due, on the caller's. Every statement is a transaction of its own,
committed before a message is handed over. The step to attempting is in begin_attempt.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from journeys.delivery.channels import TRANSPORTS, Receipt, SendResult
from journeys.delivery.release_contacts import release_deliveries
from journeys.locks import lock_blocks
from journeys.models import Reason, ReasonCode
from segments.models.customer import BLOCK_BITS
from segments.same_person import SAME_PERSON

LEASE = "interval '60 seconds'"
MAX_ATTEMPTS = 5
BACK_OFF = "interval '1 minute' * 5 ^ ({attempts} - 1)"  # 1, 5, 25 and 125 minutes
KEY_LIFETIME = "interval '24 hours'"  # since the first attempt under a key: then no repeat

MAY_SEND = """
    NOT EXISTS (SELECT FROM segments_organisation WHERE sending_stopped)
    AND NOT EXISTS (SELECT FROM journeys_channelroute r
                    WHERE r.channel = %(channel)s AND NOT r.is_open)
"""


@dataclass(frozen=True)
class Batch:
    """Deliveries that one worker holds."""

    id: UUID
    channel: str
    transport: str
    peer_id: int | None  # which endpoint or target, where the transport knows several
    owner: str
    delivery_ids: Sequence[int]  # ascending
    first_day: date  # as_of of its deliveries: statements need not look at other partitions
    last_day: date
    is_repeat: bool  # was being handed over when its worker was lost
    claimed_before: Counter[UUID]  # by which batch, how many of them; a new delivery by none

    @property
    def other_side(self) -> str:
        return other_side(self.transport, self.peer_id)

    def parameters(self, ids: Sequence[int]) -> dict[str, Any]:
        return {
            "batch": self.id,
            "channel": self.channel,
            "owner": self.owner,
            "ids": list(ids),
            "first": self.first_day,
            "last": self.last_day,
        }


def other_side(transport: str, peer_id: int | None) -> str:
    """One name for whom messages are handed to; OTHER_SIDE says the same of a row."""
    return f"{transport} {peer_id or ''}"


OTHER_SIDE = "d.transport || ' ' || coalesce(d.peer_id::text, '')"

# Some of a batch's deliveries, as long as it is the worker's.
HELD = "d.batch = %(batch)s AND d.owner = %(owner)s"
MINE = f"d.id = ANY(%(ids)s) AND d.as_of BETWEEN %(first)s AND %(last)s AND {HELD}"


BLOCKS = f"""
SELECT DISTINCT p.record >> {BLOCK_BITS} FROM journeys_delivery d
CROSS JOIN LATERAL unnest({SAME_PERSON.format(customer="d.customer_id")}) AS p (record)
WHERE {MINE}
"""


def lock_customers(batch: Batch, ids: Sequence[int]) -> None:
    """Hold the blocks of these deliveries' customers, under all their numbers, until the
    transaction ends."""
    lock_blocks(block for (block,) in _rows(BLOCKS, batch.parameters(ids)))


def claim_batch(
    channel: str,
    transport: str,
    *,
    owner: str,
    size: int,
    now: datetime,
    peer_id: int | None = None,
) -> Batch | None:
    """Claim up to `size` of a channel's deliveries that are due at `now`, those due first first.

    peer_id : to which of several other sides they go. None if none waits. Those that another worker
    claimed and did not get to before its lease ended count as waiting.
    """
    rows = _rows(
        f"""
        WITH waiting AS MATERIALIZED (
            SELECT d.id, d.as_of, d.batch FROM journeys_delivery d
            WHERE d.channel = %(channel)s AND d.status IN ('new', 'claimed') AND d.due_at <= %(now)s
              AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp()) AND {MAY_SEND}
            ORDER BY d.due_at, d.id LIMIT %(size)s FOR UPDATE SKIP LOCKED
        ), batch AS MATERIALIZED (SELECT gen_random_uuid() AS id)
        UPDATE journeys_delivery d
        SET status = 'claimed', batch = batch.id, transport = %(transport)s, owner = %(owner)s,
            peer_id = %(peer_id)s,
            lease_until = clock_timestamp() + {LEASE}
        FROM waiting, batch WHERE d.id = waiting.id AND d.as_of = waiting.as_of
        RETURNING batch.id, d.id, d.as_of, waiting.batch
        """,
        {
            "channel": channel,
            "transport": transport,
            "peer_id": peer_id,
            "owner": owner,
            "size": size,
            "now": now,
        },
    )
    return _as_batch(rows, channel, transport, peer_id, owner, is_repeat=False)


def take_over_batch(
    channel: str, *, owner: str, now: datetime, shut: Collection[str] = ()
) -> Batch | None:
    """Take over a batch of which it is unclear what was taken, where a repeat is safe.

    Its worker was lost while it handed it over, or the other side did not answer clearly. It goes
    to where it went the first time, whatever the route says now. shut : other systems that are
    skipped.
    """
    lost = """
        d.status = 'attempting' AND d.lease_until < clock_timestamp() AND d.due_at <= %(now)s
    """
    batches = _rows(
        f"""
        SELECT d.batch, d.transport, d.peer_id FROM journeys_delivery d
        WHERE {lost} AND d.channel = %(channel)s AND d.transport = ANY(%(keyed)s)
          AND {OTHER_SIDE} <> ALL(%(shut)s) AND {MAY_SEND}
        LIMIT 1
        """,
        {"channel": channel, "keyed": _keyed(), "now": now, "shut": list(shut)},
    )
    if not batches:
        return None
    [(batch, transport, peer_id)] = batches
    # Locks in the order of ids: a second worker waits here, and then finds that the lease is new.
    rows = _rows(
        f"""
        WITH mine AS MATERIALIZED (
            SELECT d.id, d.as_of FROM journeys_delivery d
            WHERE {lost} AND d.batch = %(batch)s ORDER BY d.id FOR UPDATE
        )
        UPDATE journeys_delivery d
        SET owner = %(owner)s, lease_until = clock_timestamp() + {LEASE}
        FROM mine WHERE d.id = mine.id AND d.as_of = mine.as_of
        RETURNING d.batch, d.id, d.as_of, NULL
        """,
        {"batch": batch, "owner": owner, "now": now},
    )
    return _as_batch(rows, channel, transport, peer_id, owner, is_repeat=True)


# What becomes of a delivery by what is known after an attempt: a first one under its key, or a
# repeat; with another attempt to follow, or the last. STAYS: attempting, to be repeated in the same
# batch, since it may have been taken; a repeat that is put off or refused says nothing of the first
# attempt.
STAYS = ""
BECOMES: Mapping[SendResult, tuple[str, str, str, str]] = {
    #                     first      the last   repeat     the last
    SendResult.SENT:      ("sent",    "sent",    "sent",    "sent"),
    SendResult.FAILED:    ("failed",  "failed",  "unknown", "unknown"),
    SendResult.LATER:     ("new",     "failed",  STAYS,     "unknown"),
    SendResult.AGAIN:     (STAYS,     "unknown", STAYS,     "unknown"),
    SendResult.UNKNOWN:   ("unknown", "unknown", "unknown", "unknown"),
    SendResult.UNTOUCHED: ("new",     "new",     STAYS,     STAYS),
}  # fmt: skip
BACKS_OFF = frozenset({SendResult.LATER, SendResult.AGAIN})  # the next attempt waits for a while
NO_ATTEMPT = frozenset({SendResult.UNTOUCHED})  # what was counted as an attempt was none


def becomes(result: SendResult, *, is_repeat: bool, is_last: bool) -> str:
    """The status of a delivery after an attempt, or STAYS."""
    return BECOMES[result][2 * is_repeat + is_last]


RECORD = f"""
UPDATE journeys_delivery d
SET status = CASE became.status WHEN %(stays)s THEN d.status ELSE became.status END,
    reason_code = receipt.reason_code,
    reason_params = receipt.reason_params,
    attempts = d.attempts - became.is_no_attempt::int,
    sent_at = CASE WHEN became.status = 'sent' THEN %(now)s END,
    lease_until = CASE WHEN became.status = %(stays)s THEN clock_timestamp() END,
    due_at = CASE WHEN became.backs_off THEN %(now)s + {BACK_OFF.format(attempts="d.attempts")}
                  ELSE d.due_at END
FROM unnest(%(ids)s::bigint[], %(results)s::text[], %(codes)s::smallint[], %(params)s::jsonb[])
         AS receipt (id, result, reason_code, reason_params)
JOIN unnest(%(after)s::text[], %(is_last)s::boolean[], %(statuses)s::text[],
            %(back_off)s::boolean[], %(no_attempt)s::boolean[])
         AS became (result, is_last, status, backs_off, is_no_attempt)
     ON became.result = receipt.result
WHERE d.id = receipt.id AND became.is_last = (d.attempts >= {MAX_ATTEMPTS})
  AND {MINE} AND d.status IN ('attempting', 'unknown')
RETURNING d.status, d.id
"""
MAY_FAIL = frozenset(result for result, row in BECOMES.items() if "failed" in row)


def record_receipts(batch: Batch, receipts: Sequence[Receipt], *, now: datetime) -> Counter[str]:
    """Write down what became of attempted deliveries; returns how many have which status.

    A worker that was given up knows better than the lease: its receipt replaces `unknown`.
    """
    rows = [(result, is_last) for result in SendResult for is_last in (False, True)]
    failing = [receipt.delivery_id for receipt in receipts if receipt.result in MAY_FAIL]
    return _settle(
        batch,
        failing,
        now,
        RECORD,
        batch.parameters([receipt.delivery_id for receipt in receipts])
        | reason_columns(receipt.reason for receipt in receipts)
        | {
            "now": now,
            "results": [receipt.result.value for receipt in receipts],
            "stays": STAYS,
            "after": [result.value for result, _is_last in rows],
            "is_last": [is_last for _result, is_last in rows],
            "statuses": [
                becomes(result, is_repeat=batch.is_repeat, is_last=is_last)
                for result, is_last in rows
            ],
            "back_off": [result in BACKS_OFF for result, _is_last in rows],
            "no_attempt": [result in NO_ATTEMPT for result, _is_last in rows],
        },
    )


def release(batch: Batch) -> Counter[str]:
    """Let those wait again that were claimed and not attempted."""
    return _counts(
        f"""
        UPDATE journeys_delivery d SET status = 'new', owner = '', lease_until = NULL
        WHERE {MINE} AND d.status = 'claimed'
        RETURNING d.status
        """,
        batch.parameters(batch.delivery_ids),
    )


def put_off(
    batch: Batch, reason: Reason, *, now: datetime, is_attempt: bool = True
) -> Counter[str]:
    """Let wait what was not handed over, since the other side could not be reached.

    is_attempt : counts as one, and the next follows after the back-off; the last one fails. Where
    it is not, as behind a closed route, those due first stay first. A repeat stays unclear; it
    waits for its back-off, so that it holds up nobody, and until its key may be forgotten.
    """
    return _settle(
        batch,
        batch.delivery_ids if is_attempt else (),
        now,
        f"""
        UPDATE journeys_delivery d
        SET status = CASE WHEN d.status = 'attempting' THEN d.status
                          WHEN %(is_attempt)s AND attempts + 1 >= {MAX_ATTEMPTS} THEN 'failed'
                          ELSE 'new' END,
            attempts = attempts + (%(is_attempt)s AND d.status = 'claimed')::int,
            reason_code = %(code)s, reason_params = %(params)s::jsonb, owner = '',
            lease_until = CASE WHEN d.status = 'attempting' THEN clock_timestamp() END,
            due_at = CASE
                WHEN d.status = 'attempting' THEN %(now)s + {BACK_OFF.format(attempts="attempts")}
                WHEN %(is_attempt)s THEN %(now)s + {BACK_OFF.format(attempts="(attempts + 1)")}
                ELSE due_at END
        WHERE {MINE} AND d.status IN ('claimed', 'attempting')
        RETURNING d.status, d.id
        """,
        batch.parameters(batch.delivery_ids)
        | {
            "code": reason.code,
            "params": json.dumps(dict(reason.params)),
            "now": now,
            "is_attempt": is_attempt,
        },
    )


def declare_unclear(*, now: datetime) -> int:
    """Mark as unknown what a lost worker was handing over, where a repeat could arrive twice.

    The same where a repeat is safe, but was interrupted too often, or would come too late: other
    sides forget keys, most of them after a day.
    """
    return _counts(
        f"""
        UPDATE journeys_delivery d
        SET status = 'unknown', lease_until = NULL,
            reason_code = %(reason)s, reason_params = '{{}}'
        WHERE d.status = 'attempting' AND d.lease_until < clock_timestamp()
          AND (d.transport <> ALL(%(keyed)s) OR d.attempts >= {MAX_ATTEMPTS}
               OR d.unclear_since < %(now)s - {KEY_LIFETIME})
        RETURNING d.status
        """,
        {"reason": ReasonCode.INTERRUPTED, "keyed": _keyed(), "now": now},
    ).total()


def _keyed() -> list[str]:
    return [name for name, transport in TRANSPORTS.items() if transport.takes_key]


def reason_columns(reasons: Iterable[Reason | None]) -> dict[str, list[Any]]:
    """The parameters `codes` and `params` of a statement that writes many reasons."""
    reasons = list(reasons)
    return {
        "codes": [reason and reason.code.value for reason in reasons],
        "params": [json.dumps(dict(reason.params) if reason else {}) for reason in reasons],
    }


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _settle(
    batch: Batch,
    may_fail: Sequence[int],
    now: datetime,
    statement: str,
    parameters: dict[str, Any],
) -> Counter[str]:
    """Run a statement that answers statuses and ids; what fails for good is released with it.

    may_fail : deliveries whose customers are locked beforehand; most of the time there are none.
    """
    with transaction.atomic():
        if may_fail:
            lock_customers(batch, may_fail)
        rows = _rows(statement, parameters)
        failed = [pk for status, pk in rows if status == "failed"]
        release_deliveries(failed, batch.first_day, batch.last_day, now)
    return Counter(status for status, _pk in rows)


def _counts(statement: str, parameters: dict[str, Any]) -> Counter[str]:
    return Counter(status for (status,) in _rows(statement, parameters))


def _as_batch(
    rows: list[tuple[Any, ...]],
    channel: str,
    transport: str,
    peer_id: int | None,
    owner: str,
    *,
    is_repeat: bool,
) -> Batch | None:
    if not rows:
        return None
    batch_ids, delivery_ids, days, before = zip(*rows, strict=True)
    return Batch(
        id=batch_ids[0],
        channel=channel,
        transport=transport,
        peer_id=peer_id,
        owner=owner,
        delivery_ids=sorted(delivery_ids),
        first_day=min(days),
        last_day=max(days),
        is_repeat=is_repeat,
        claimed_before=Counter(batch for batch in before if batch),
    )

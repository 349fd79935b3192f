"""The last look before a message leaves: consent, campaign, limits and throttle, at this moment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import connection, transaction

from journeys.delivery.channel_throttle import next_minute, take
from journeys.delivery.load_limits import load_contacted, reason_of, waiting_of
from journeys.delivery.numerics.last_check import Contacted, Limits, hold
from journeys.delivery.outbox import LEASE, MAY_SEND, MINE, Batch, lock_customers, reason_columns
from journeys.delivery.release_contacts import HOLDS, release_deliveries
from journeys.delivery.render_message import COLUMNS
from journeys.models import Delivery, Reason, ReasonCode
from optiengine.lib.days import day_of
from segments.channels import ADDRESS_FIELDS, address_field
from segments.customers.shared_addresses import SharedBy, lock_shared_addresses
from segments.customers.suppress_addresses import SUPPRESSED_SQL
from segments.models.customer import KEY_COLUMNS
from segments.same_person import IN_FORCE, SAME_PERSON, SUPPRESSED_AS_ANOTHER

Row = dict[str, Any]
HELD_FOR = timedelta(minutes=5)  # then a message is asked again whether what holds it is over

# A step's message belongs to a map by the passage that was settled with its contact. Found by the
# customer, who has few journeys. A traveller on an older version of a map that runs gets theirs.
MAP_IS = """EXISTS (
    SELECT FROM journeys_traveller t
    JOIN journeys_journeymap m ON m.id = t.map_id AND m.status {status}
    JOIN journeys_steppassage p ON p.traveller_id = t.id
    WHERE t.customer_id = d.customer_id AND p.contact_id = d.contact_id)"""
MAP_STOPPED = MAP_IS.format(status="NOT IN ('active', 'paused')")
MAP_PAUSED = MAP_IS.format(status="= 'paused'")

# Of customer c: where the batch's messages go to; NULL for channels without addresses.
COLUMN_OF_ADDRESS = " ".join(f"WHEN '{field}' THEN c.{field}" for field in ADDRESS_FIELDS)
ADDRESS = f"(CASE %(address_field)s::text {COLUMN_OF_ADDRESS} END)"

COLUMN_OF_KEY = " ".join(f"WHEN '{field}' THEN c.{key}" for field, key in KEY_COLUMNS.items())
COMPARED = f"(CASE %(address_field)s::text {COLUMN_OF_KEY} END)"

# A message of a record that was merged since: what holds is what holds for the kept one.
KEPT_REFUSES = f"""EXISTS (
    SELECT FROM segments_customermerge m JOIN segments_customer kept ON kept.id = m.kept_id
    WHERE m.alias_id = c.id AND {IN_FORCE} AND (
        d.channel <> ALL (kept.consents)
        OR kept.topics_declined && ARRAY(
            SELECT t.tag_id FROM campaigns_campaign_tags t WHERE t.campaign_id = k.id)))"""

# Why a message may not leave. The first that holds is the reason. d: delivery, c: customer,
# a: action, k: campaign.
REFUSALS = [
    ("c.id IS NULL", ReasonCode.CUSTOMER_UNKNOWN),
    ("c.erased_at IS NOT NULL", ReasonCode.CUSTOMER_ERASED),
    (f"c.suppressed OR c.id IN ({SUPPRESSED_AS_ANOTHER})", ReasonCode.CUSTOMER_SUPPRESSED),
    (SUPPRESSED_SQL, ReasonCode.ADDRESS_SUPPRESSED),
    ("d.channel = ANY (c.consents_unclear)", ReasonCode.CONSENT_UNCLEAR),
    (f"d.channel <> ALL (c.consents) OR {KEPT_REFUSES}", ReasonCode.NO_CONSENT),
    (f"{ADDRESS} = ''", ReasonCode.NO_ADDRESS),
    (f"{COMPARED} = ''", ReasonCode.ADDRESS_UNSETTLED),
    (
        "k.id IS NULL OR k.status NOT IN ('active', 'paused') OR k.ends_on < %(today)s",
        ReasonCode.CAMPAIGN_INACTIVE,
    ),
    (MAP_STOPPED, ReasonCode.JOURNEY_INACTIVE),
    (
        "c.topics_declined <> '{}' AND c.topics_declined && ARRAY"
        "(SELECT t.tag_id FROM campaigns_campaign_tags t WHERE t.campaign_id = k.id)",
        ReasonCode.TOPIC_DECLINED,
    ),
    ("d.expires_at < %(now)s", ReasonCode.EXPIRED),
    # These hold it, for as long as it is valid.
    ("k.status = 'paused'", ReasonCode.CAMPAIGN_PAUSED),
    (MAP_PAUSED, ReasonCode.JOURNEY_PAUSED),
    ("NOT a.is_active", ReasonCode.ACTION_INACTIVE),
]
CASES = " ".join(f"WHEN {condition} THEN {code:d}" for condition, code in REFUSALS)
CUSTOMERS = f"""
SELECT DISTINCT d.customer_id, {SAME_PERSON.format(customer="d.customer_id")}
FROM journeys_delivery d WHERE {MINE} AND d.status = %(status)s
"""
# By id, so that two who lock some of the same rows never wait in a circle.
MESSAGES = f"""
SELECT d.id, d.key, d.as_of, d.customer_id, d.action_id, d.due_at, d.expires_at, d.reason_code,
    CASE {CASES} END AS refusal,
    coalesce({ADDRESS}, '') AS address,
    {", ".join(f"c.{column}" for column in COLUMNS)}, c.time_zone,
    o.campaign_id, o.channel, o.tags, o.takes_slot, o.counted, o.transactional,
    k.exempt_from_caps, k.ignores_durations,
    ARRAY(SELECT i.to_campaign_id FROM campaigns_campaign_ignores_durations_of i
          WHERE i.from_campaign_id = k.id) AS ignores_durations_of
FROM journeys_delivery d
JOIN journeys_contact o ON o.id = d.contact_id AND o.as_of = d.as_of
LEFT JOIN segments_customer c ON c.id = d.customer_id
LEFT JOIN campaigns_action a ON a.id = d.action_id
LEFT JOIN campaigns_campaign k ON k.id = a.campaign_id
WHERE {MINE} AND d.status = %(status)s AND {MAY_SEND}
ORDER BY d.id FOR UPDATE OF d
"""
WRITE = f"""
UPDATE journeys_delivery d
SET status = became.status,
    reason_code = became.reason_code,
    reason_params = became.reason_params,
    due_at = became.due_at,
    owner = CASE WHEN became.status = 'new' THEN '' ELSE d.owner END,
    attempts = d.attempts + became.leaves::int,
    attempted_at = CASE WHEN became.leaves THEN %(now)s ELSE d.attempted_at END,
    unclear_since = CASE WHEN became.leaves AND d.status = 'claimed' THEN %(now)s
                         ELSE d.unclear_since END,
    lease_until = CASE WHEN became.leaves THEN clock_timestamp() + {LEASE}
                       WHEN became.status = 'attempting' THEN clock_timestamp() END
FROM unnest(%(became)s::bigint[], %(statuses)s::text[], %(codes)s::smallint[], %(params)s::jsonb[],
            %(due)s::timestamptz[], %(leaves)s::boolean[])
    AS became (id, status, reason_code, reason_params, due_at, leaves)
WHERE d.id = became.id AND {MINE}
"""


@dataclass(frozen=True)
class Fate:
    """What becomes of a delivery that is not stopped by a throttle."""

    id: int
    status: str
    reason: Reason | None
    due_at: datetime
    leaves: bool = False


def begin_attempt(
    batch: Batch, ids: Sequence[int], *, now: datetime, limits: Limits
) -> tuple[list[Row], Counter[str]]:
    """Check some of a batch's deliveries once more and commit that those left are attempted.

    Under the locks of the customers' blocks the limits are counted over what really happened by
    `now`; so that of two workers with messages for one customer the second sees the first's. A
    message that a limit holds waits again (new, due later), or is suppressed where it would be too
    late. What is paused waits, too, as long as it is valid. A repeat that is held stays attempting
    and waits: it may not have arrived the first time. All of a repeat leave together, or none does:
    they may be one file, which a part of them would replace; where the minute has no room for all,
    they wait for the next one. What is suppressed is released in the same transaction.

    Returns who to write to, by delivery id, and how many left with which status. The others stay
    claimed: sending is stopped, the route closed, or the minute's messages are used up.
    """
    parameters = batch.parameters(ids) | {
        "status": "attempting" if batch.is_repeat else "claimed",
        "today": day_of(now, limits.time_zone),
        "now": now,
        "address_field": address_field(batch.channel),
    }
    # durable: inside another transaction the attempt would be forgotten by a crash.
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        lock_customers(batch, ids)
        cursor.execute(CUSTOMERS, parameters)
        records = dict(cursor.fetchall())
        groups = lock_shared_addresses("c.id = ANY(%s)", [list({*chain(*records.values())})])
        cursor.execute(MESSAGES, parameters)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        fates = _fates(batch, rows, limits, now, _neighbours(batch, groups, records), records)
        if batch.is_repeat:
            fates = _together(fates)
        may_leave = [fate.id for fate in fates if fate.leaves]
        n_taken = take(batch.channel, len(may_leave), now=now, together=batch.is_repeat)
        leaving = set(may_leave[:n_taken])
        if batch.is_repeat and not leaving:
            fates = [_wait(fate, next_minute(now)) if fate.leaves else fate for fate in fates]
        written = [fate for fate in fates if not fate.leaves or fate.id in leaving]
        cursor.execute(
            WRITE,
            parameters
            | {
                "became": [fate.id for fate in written],
                "statuses": [fate.status for fate in written],
                "due": [fate.due_at for fate in written],
                "leaves": [fate.leaves for fate in written],
                **reason_columns(fate.reason for fate in written),
            },
        )
        suppressed = [fate.id for fate in written if fate.status == Delivery.Status.SUPPRESSED]
        release_deliveries(suppressed, batch.first_day, batch.last_day, now)
    stopped = Counter(fate.status for fate in written if not fate.leaves)
    return [row for row in rows if row["id"] in leaving], stopped


def _neighbours(
    batch: Batch, groups: Sequence[SharedBy], records: Mapping[int, Sequence[int]]
) -> dict[int, list[int]]:
    """By customer, who else is reached by the address that the batch's channel writes to.

    records : by customer, all numbers of the person.
    """
    field = address_field(batch.channel)
    shared = [set(group.customer_ids) for group in groups if group.address_field == field]
    neighbours = {
        pk: set().union(*(ids for ids in shared if not ids.isdisjoint(numbers))) - {*numbers}
        for pk, numbers in records.items()
    }
    return {pk: sorted(others) for pk, others in neighbours.items() if others}


def _fates(
    batch: Batch,
    rows: Sequence[Row],
    limits: Limits,
    now: datetime,
    neighbours: Mapping[int, Sequence[int]],
    records: Mapping[int, Sequence[int]],
) -> list[Fate]:
    """What becomes of each message, those due first first: each counts for the next ones.

    records : by customer, all numbers of the person; two records may have been merged after both
    got a message that has not left yet.
    """
    fates = []
    customers = {row["customer_id"] for row in rows}
    # Messages that are no repeat are not attempted yet.
    attempted = [row["id"] for row in rows] if batch.is_repeat else []
    everybody = customers.union(*(neighbours.get(pk, ()) for pk in customers))
    by_customer = load_contacted(everybody, limits, now=now, apart=attempted)
    contacted = {
        pk: [
            *by_customer.get(pk, ()),
            *_through_the_address(batch, by_customer, neighbours.get(pk, ())),
        ]
        for pk in customers
    }
    for row in sorted(rows, key=lambda row: (row["due_at"], row["id"])):
        if row["refusal"]:
            fates.append(_refused(batch, row, now))
            continue
        waiting, before = waiting_of(row, limits), contacted[row["customer_id"]]
        held = hold(limits, waiting, before, at=now)
        if held is None:
            for record in records[row["customer_id"]]:
                contacted.setdefault(record, []).append(waiting.sent(now))
            for other in neighbours.get(row["customer_id"], ()):
                contacted.setdefault(other, []).append(waiting.sent(now, is_own=False))
            status = Delivery.Status.ATTEMPTING
            fates.append(Fate(row["id"], status, None, row["due_at"], leaves=True))
            continue
        is_over = held.until is None or _is_over(row, held.until)
        fates.append(
            Fate(
                id=row["id"],
                status=_held_status(batch, is_over=is_over),
                reason=reason_of(held, limits, is_over=is_over),
                due_at=row["due_at"] if is_over or held.until is None else held.until,
            )
        )
    return fates


def _refused(batch: Batch, row: Row, now: datetime) -> Fate:
    """A message that may not leave: held while it may yet, else stopped, unless it is a repeat,
    which may have left before. What held it until it expired is the reason that is kept."""
    code = ReasonCode(row["refusal"])
    is_over = code not in HOLDS
    if code == ReasonCode.EXPIRED and row["reason_code"] in HOLDS:
        code = ReasonCode(row["reason_code"])
    due_at = row["due_at"] if is_over else now + HELD_FOR
    return Fate(row["id"], _held_status(batch, is_over=is_over), Reason(code), due_at)


def _through_the_address(
    batch: Batch, by_customer: Mapping[int, Sequence[Contacted]], others: Sequence[int]
) -> list[Contacted]:
    """What others with the same address got by the batch's channel."""
    return [
        replace(contact, is_own=False)
        for other in others
        for contact in by_customer.get(other, ())
        if contact.channel == batch.channel
    ]


def _held_status(batch: Batch, *, is_over: bool) -> str:
    if batch.is_repeat:
        return Delivery.Status.UNKNOWN if is_over else Delivery.Status.ATTEMPTING
    return Delivery.Status.SUPPRESSED if is_over else Delivery.Status.NEW


def _together(fates: Sequence[Fate]) -> list[Fate]:
    """Where one of them has to wait, all wait for the last of those."""
    waiting = [f for f in fates if f.status == Delivery.Status.ATTEMPTING and not f.leaves]
    if not waiting:
        return list(fates)
    last = max(waiting, key=lambda fate: fate.due_at)
    return [
        _wait(fate, last.due_at, last.reason) if fate.status == Delivery.Status.ATTEMPTING else fate
        for fate in fates
    ]


def _wait(fate: Fate, until: datetime, reason: Reason | None = None) -> Fate:
    return replace(fate, leaves=False, reason=reason, due_at=until)


def _is_over(row: Mapping[str, Any], until: datetime) -> bool:
    return row["expires_at"] is not None and until > row["expires_at"]

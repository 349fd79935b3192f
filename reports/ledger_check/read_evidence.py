"""Rows to evidence, by plain SQL: a block of customers at a time, so that memory is bounded."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from reports.ledger_check.evidence import Contact, Evidence, Person, Row, Rules, Span
from segments.channels import address_fields

# The rules, as rows.
RULES = {
    "caps": "campaigns_frequencycap",
    "gaps": "campaigns_minimumgap",
    "quiet_hours": "campaigns_quiethours",
    "exclusions": "campaigns_exclusion",
    "campaigns": "campaigns_campaign",
    "ignores": "campaigns_campaign_ignores_durations_of",
    "tags": "campaigns_campaign_tags",
    "organisation": "segments_organisation",
}
LONGEST_WAIT = 31  # days between a message's day and its arrival that are looked at
JSONB = 3802  # PostgreSQL's number of the type; Django leaves it a text
ALL = (0, 2**63 - 1)  # ids of customers

PIECE_BITS = 8  # ids that share all but these bits are counted together
BLOCK_SIZE = 10_000  # messages and step passages in memory at a time, about
PASSAGES = 5  # of a participant, about
PIECES = f"""
SELECT piece, sum(n)::bigint AS n
FROM (SELECT customer_id >> {PIECE_BITS} AS piece, count(*) AS n FROM journeys_contact
      WHERE as_of >= %(first)s GROUP BY 1
      UNION ALL
      SELECT customer_id >> {PIECE_BITS}, count(*) * {PASSAGES} FROM journeys_traveller
      WHERE done_at IS NULL OR done_at >= %(since)s GROUP BY 1) counted
GROUP BY 1 ORDER BY 1
"""
CONTACTS = """
SELECT id, as_of, reserved_at, customer_id, campaign_id, channel, tags, takes_slot, counted,
       transactional, is_control, source = 'import', key::text
FROM journeys_contact WHERE as_of >= %s AND customer_id BETWEEN %s AND %s ORDER BY id
"""
DELIVERIES = """
SELECT id, contact_id, channel, key::text, status, due_at, expires_at, reason_code,
       coalesce(attempted_at, sent_at) AS left_at
FROM journeys_delivery WHERE as_of >= %s AND customer_id BETWEEN %s AND %s ORDER BY id
"""
RELEASES = """
SELECT id, contact_id, released_at FROM journeys_release
WHERE as_of >= %s AND customer_id BETWEEN %s AND %s
"""
# An import notes one moment for all that it writes, and commits when it is done.
IMPORTS = """
SELECT kind, created_at AS begin,
       CASE WHEN finished_at IS NOT NULL THEN finished_at
            WHEN status IN ('waiting', 'running') THEN greatest(created_at, %s)
            ELSE created_at END AS end
FROM segments_importjob
"""


@dataclass(frozen=True)
class Block:
    """Customers that are checked together, and how many rows there are of them, about."""

    first_id: int
    last_id: int
    weight: int


@contextmanager
def one_snapshot() -> Iterator[None]:
    """All that is read is of one moment, whatever is decided and sent meanwhile."""
    if connection.in_atomic_block:  # of a test, which writes nothing meanwhile
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def rows(statement: str, *parameters: Any, **named: Any) -> Iterator[Row]:
    for row, columns in _fetch(statement, named or parameters):
        pairs = zip(columns, row, strict=True)
        yield {c.name: json.loads(v) if c.type_code == JSONB else v for c, v in pairs}


def _fetch(statement: str, parameters: Any) -> Iterator[tuple[tuple[Any, ...], Sequence[Any]]]:
    """Each row, and the columns. Statements ask for few rows, or for those of a block."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        columns = cursor.description or ()
        for row in cursor:
            yield row, columns


def read_blocks(rules: Rules, since: datetime) -> list[Block]:
    """All customers, in blocks of about as much to read."""
    with connection.cursor() as cursor:
        cursor.execute(PIECES, {"first": first_day(rules, since), "since": begin_of(since)})
        pieces = cursor.fetchall()
    blocks, first_id, weight = [], 0, 0
    for piece, n in pieces:
        weight += n
        if weight >= BLOCK_SIZE:
            last_id = ((piece + 1) << PIECE_BITS) - 1
            blocks.append(Block(first_id, last_id, weight))
            first_id, weight = last_id + 1, 0
    return [*blocks, Block(first_id, ALL[1], weight)]


def read_block(block: Block, rules: Rules, since: datetime, until: datetime) -> Evidence:
    """What every installation has: the rules as they are now, arrivals as the ledger tells them."""
    first, ids = first_day(rules, since), (block.first_id, block.last_id)
    imports = list(rows(IMPORTS, until))
    evidence = Evidence(
        people=read_people(rules.zone, ids=ids),
        contacts=read_contacts(first, ids),
        deliveries=read_deliveries(first, ids),
        rules=[rules],
        since=since,
        until=until,
        first_id=block.first_id,
        last_id=block.last_id,
        customer_imports=spans(row for row in imports if row["kind"] != "contacts"),
        history_imports=spans(row for row in imports if row["kind"] == "contacts"),
    )
    for delivery in evidence.deliveries:
        contact = evidence.contacts.get(delivery["contact_id"])
        if contact and delivery["status"] == "sent" and delivery["left_at"]:
            contact.arrived_at = delivery["left_at"]
            contact.n_arrived += 1
            contact.turn = (delivery["due_at"], delivery["id"])
    evidence.order_histories()
    return evidence


def spans(imports: Iterable[Row]) -> list[Span]:
    return [(row["begin"], row["end"]) for row in imports]


def begin_of(since: datetime) -> datetime:
    """A customer who left a journey before this got no message of it in the checked time."""
    return since - timedelta(days=2)


def rules_now() -> dict[str, list[Row]]:
    tables = {}
    with connection.cursor() as cursor:
        for name, table in RULES.items():
            cursor.execute(f"SELECT coalesce(json_agg(t ORDER BY t.id), '[]')::text FROM {table} t")
            tables[name] = json.loads(cursor.fetchone()[0])
    return tables


def first_day(rules: Rules, since: datetime) -> date:
    """Messages of earlier days are not read."""
    return since.date() - timedelta(days=look_back(rules) + LONGEST_WAIT)


def look_back(rules: Rules) -> int:
    """Days before a message at which the rules look at most."""
    days = [31]  # a calendar month
    days += [cap["length"] or 0 for cap in rules.caps if cap["window"] == "days"]
    days += [(cap["length"] or 0) // 24 for cap in rules.caps if cap["window"] == "hours"]
    days += [gap["hours"] // 24 for gap in rules.gaps]
    days += [rule["days"] for rule in rules.exclusions]
    for campaign in rules.campaigns.values():
        days += [campaign["duration_days"] or 0, campaign["repeat_after_days"] or 0]
    return max(days) + 1


def read_deliveries(first: date = date.min, ids: tuple[int, int] = ALL) -> list[Row]:
    return list(rows(DELIVERIES, first, *ids))


def read_contacts(first: date = date.min, ids: tuple[int, int] = ALL) -> dict[int, Contact]:
    contacts = {}
    for row, _columns in _fetch(CONTACTS, [first, *ids]):
        pk, as_of, at, customer, campaign, channel, tags, *flags = row
        what = (customer, campaign, channel, frozenset(tags))
        contacts[pk] = Contact(pk, as_of, at, *what, *flags)
    for release in rows(RELEASES, first, *ids):
        if contact := contacts.get(release["contact_id"]):
            contact.released_id, contact.released_at = release["id"], release["released_at"]
    return contacts


def read_people(
    organisation_zone: ZoneInfo, erased: Iterable[Row] = (), ids: tuple[int, int] = ALL
) -> dict[int, Person]:
    """erased : people as they were before, with the second (`at`) at which they were erased."""
    of_countries, fields = _zones_of_countries(), address_fields()
    columns = {"id", "external_id", "country", "time_zone", "topics_declined", "updated_at"}
    columns |= {"erased_at", *fields.values(), *(f"{field}_key" for field in fields.values())}
    stored = rows(
        f"SELECT {', '.join(columns)} FROM segments_customer WHERE id BETWEEN %s AND %s",
        *ids,
    )
    people = {}
    for row in (*stored, *erased):
        names = [row["time_zone"]] if row["time_zone"] else of_countries.get(row["country"], [])
        people[row["id"]] = Person(
            id=row["id"],
            external_id=row["external_id"],
            country=row["country"],
            zones=tuple(map(ZoneInfo, names)) or (organisation_zone,),
            addresses={channel: row[field] for channel, field in fields.items()},
            keys={channel: row.get(f"{field}_key", "") for channel, field in fields.items()},
            topics_declined=frozenset(row.get("topics_declined") or ()),
            updated_at=row.get("updated_at") or datetime.fromtimestamp(row["at"], UTC),
            erased_at=row.get("erased_at"),
        )
    return people


@cache
def _zones_of_countries() -> dict[str, list[str]]:
    """zone.tab: country, place, zone, remark."""
    zones: dict[str, list[str]] = defaultdict(list)
    table = files("tzdata") / "zoneinfo" / "zone.tab"
    for line in table.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _place, zone = line.split("\t")[:3]
            zones[country].append(zone)
    return zones

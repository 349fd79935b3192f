"""What the checker uses: rows by plain SQL, and the rules that were in force.

Nothing of the engine is imported but the declaration of channels. Moments are aware datetimes in
UTC.

Held in memory: the customers of the checked messages, the messages since the checked time began
and, before it, as far back as a limit looks, their deliveries, and the passages through maps.
Decisions are only counted, in the database.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from segments.channels import address_fields

Row = dict[str, Any]
Step = Callable[[Iterable[Any]], Iterable[Any]]  # shows how far a loop has come
# The rules, as rows.
RULES = {
    "caps": "campaigns_frequencycap",
    "gaps": "campaigns_minimumgap",
    "quiet_hours": "campaigns_quiethours",
    "exclusions": "campaigns_exclusion",
    "campaigns": "campaigns_campaign",
    "ignores": "campaigns_campaign_ignores_durations_of",
    "organisation": "segments_organisation",
}
LONGEST_WAIT = 31  # days between a message's day and its arrival that are looked at
JSONB = 3802  # PostgreSQL's number of the type; Django leaves it a text
SLACK = timedelta(seconds=5)  # between the last look at a message and its arrival


def rows(statement: str, *parameters: Any) -> Iterator[Row]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        columns: list[Any] = []
        for row in cursor:
            columns = columns or list(cursor.description or ())
            pairs = zip(columns, row, strict=True)
            yield {c.name: json.loads(v) if c.type_code == JSONB else v for c, v in pairs}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True)
class Person:
    id: int
    external_id: str
    country: str
    zones: tuple[ZoneInfo, ...]  # in which the person may be, the main one first
    addresses: Mapping[str, str]  # by channel, of those that have one
    updated_at: datetime  # when the row was last written


@dataclass
class Contact:
    """A slot that was taken: what became of it is its delivery's and the sinks' to say."""

    id: int
    as_of: date
    reserved_at: datetime
    customer: int
    campaign: int
    channel: str
    tags: frozenset[int]
    takes_slot: bool
    counted: bool
    transactional: bool
    is_control: bool
    is_imported: bool  # another system sent it: it counts, but nothing here decided it
    key: str
    arrived_at: datetime | None = None
    n_arrived: int = 0  # times it reached the customer
    released_id: int | None = None  # of its release, in the order of contacts' ids
    released_at: datetime | None = None  # since when it no longer counts: it will not leave

    @property
    def happened_at(self) -> datetime | None:
        """For limits: when it arrived; a control's message, when it would have."""
        is_as_planned = self.is_control or self.is_imported
        return self.reserved_at if is_as_planned else self.arrived_at

    def counted_for(self, later: "Contact") -> bool:
        """Whether it still counted when a later one was decided."""
        return self.released_id is None or self.released_id > later.id

    def counts_at(self, moment: datetime) -> bool:
        return self.released_at is None or self.released_at > moment


@dataclass(frozen=True)
class Rules:
    """The rules in force from a moment on, as the tables' rows."""

    since: datetime
    caps: list[Row]
    gaps: list[Row]
    quiet_hours: list[Row]
    exclusions: list[Row]
    campaigns: dict[int, Row]
    ignores: set[tuple[int, int]]  # (who ignores, whose duration)
    zone: ZoneInfo  # the organisation's
    lock_time: str | None  # without one, messages leave as soon as they are decided

    @classmethod
    def of(cls, since: datetime, tables: Mapping[str, list[Row]]) -> "Rules":
        [organisation] = tables["organisation"]
        active = {name: [row for row in tables[name] if row["is_active"]]
                  for name in ("caps", "gaps", "quiet_hours")}  # fmt: skip
        pairs = {(row["from_campaign_id"], row["to_campaign_id"]) for row in tables["ignores"]}
        return cls(
            since=since,
            exclusions=tables["exclusions"],
            campaigns={row["id"]: row for row in tables["campaigns"]},
            ignores=pairs,
            zone=ZoneInfo(organisation["time_zone"]),
            lock_time=organisation["lock_time"],
            **active,
        )

    def locked(self, as_of: date) -> datetime | None:
        """The moment of a day before which its run's messages do not leave."""
        if self.lock_time is None:
            return None
        return datetime.combine(as_of, time.fromisoformat(self.lock_time), self.zone)


@dataclass
class Evidence:
    people: dict[int, Person]
    contacts: dict[int, Contact]
    deliveries: list[Row]
    rules: list[Rules]  # in order of time
    since: datetime  # what happened before is known, but not judged
    until: datetime
    history: dict[int, list[Contact]] = field(default_factory=dict)  # by customer, as it happened
    planned: dict[int, list[Contact]] = field(default_factory=dict)  # by customer, as decided
    has_sinks: bool = False  # whether arrivals are known from elsewhere than the ledger itself
    step: Step = iter

    def rules_at(self, at: datetime) -> Rules:
        index = bisect_right([rules.since for rules in self.rules], at)
        return self.rules[max(index - 1, 0)]

    def judged_contacts(self) -> Iterator[Contact]:
        for contact in self.contacts.values():
            if contact.reserved_at >= self.since and not contact.is_imported:
                yield contact

    def order_histories(self) -> None:
        """By customer: what happened and what was planned. To be called once arrivals are known."""
        self.history, self.planned = defaultdict(list), defaultdict(list)
        for contact in self.contacts.values():
            self.planned[contact.customer].append(contact)
            if contact.happened_at is not None:
                self.history[contact.customer].append(contact)
        for contacts in self.history.values():
            contacts.sort(key=lambda contact: (contact.happened_at, contact.id))


def load_evidence(since: datetime, until: datetime) -> Evidence:
    """What every installation has: the rules as they are now, arrivals as the ledger tells them."""
    rules = Rules.of(since, rules_now())
    first = since.date() - timedelta(days=look_back(rules) + LONGEST_WAIT)
    evidence = Evidence(
        people=read_people(rules.zone),
        contacts=read_contacts(first),
        deliveries=read_deliveries(first),
        rules=[rules],
        since=since,
        until=until,
    )
    for delivery in evidence.deliveries:
        contact = evidence.contacts.get(delivery["contact_id"])
        if contact and delivery["status"] == "sent" and delivery["sent_at"]:
            contact.arrived_at = delivery["sent_at"].astimezone(UTC)
            contact.n_arrived += 1
    evidence.order_histories()
    return evidence


def rules_now() -> dict[str, list[Row]]:
    tables = {}
    with connection.cursor() as cursor:
        for name, table in RULES.items():
            cursor.execute(f"SELECT coalesce(json_agg(t ORDER BY t.id), '[]')::text FROM {table} t")
            tables[name] = json.loads(cursor.fetchone()[0])
    return tables


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


def read_deliveries(first: date = date.min) -> list[Row]:
    return list(rows("SELECT * FROM journeys_delivery WHERE as_of >= %s ORDER BY id", first))


def read_contacts(first: date = date.min) -> dict[int, Contact]:
    columns = (
        "id, as_of, reserved_at, customer_id, campaign_id, channel, tags, takes_slot, counted,"
        " transactional, is_control, source = 'import', key::text"
    )
    contacts = {}
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM journeys_contact WHERE as_of >= %s ORDER BY id", [first]
        )
        for pk, as_of, at, customer, campaign, channel, tags, *flags in cursor:
            contacts[pk] = Contact(
                *(pk, as_of, at.astimezone(UTC), customer, campaign, channel, frozenset(tags)),
                *flags,
            )
    for row in rows("SELECT * FROM journeys_release WHERE as_of >= %s", first):
        if contact := contacts.get(row["contact_id"]):
            contact.released_id = row["id"]
            contact.released_at = row["released_at"].astimezone(UTC)
    return contacts


def read_people(organisation_zone: ZoneInfo, erased: Iterable[Row] = ()) -> dict[int, Person]:
    """erased : people as they were before, and at which second they were erased."""
    of_countries, fields = _zones_of_countries(), address_fields()
    columns = {"id", "external_id", "country", "time_zone", "updated_at", *fields.values()}
    stored = rows(f"SELECT {', '.join(columns)} FROM segments_customer")
    people = {}
    for row in (*stored, *erased):
        names = [row["time_zone"]] if row["time_zone"] else of_countries.get(row["country"], [])
        zones = tuple(map(ZoneInfo, names)) or (organisation_zone,)
        addresses = {channel: row[field] for channel, field in fields.items()}
        written = row["updated_at"] if "updated_at" in row else moment(row["at"])
        person = Person(row["id"], row["external_id"], row["country"], zones, addresses, written)
        people[person.id] = person
    return people


def _zones_of_countries() -> dict[str, list[str]]:
    """zone.tab: country, place, zone, remark."""
    zones_by_country: dict[str, list[str]] = defaultdict(list)
    table = files("tzdata") / "zoneinfo" / "zone.tab"
    for line in table.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _place, zone = line.split("\t")[:3]
            zones_by_country[country].append(zone)
    return zones_by_country

"""What the checker goes by: rows by plain SQL, the sinks' records, the conductor's journal.

Nothing of the engine is imported. Moments are aware datetimes in UTC, on the simulated clock.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

Row = dict[str, Any]
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
    addresses: Mapping[str, str]  # by channel


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
    key: str
    arrived_at: datetime | None = None
    n_arrived: int = 0  # times it reached the customer

    @property
    def happened_at(self) -> datetime | None:
        """For limits: when it arrived; a control's message, when it would have."""
        return self.reserved_at if self.is_control else self.arrived_at


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
    lock_time: str

    @classmethod
    def of(cls, since: datetime, found: Mapping[str, list[Row]]) -> "Rules":
        [organisation] = found["organisation"]
        active = {name: [row for row in found[name] if row["is_active"]]
                  for name in ("caps", "gaps", "quiet_hours")}  # fmt: skip
        pairs = {(row["from_campaign_id"], row["to_campaign_id"]) for row in found["ignores"]}
        return cls(
            since=since,
            exclusions=found["exclusions"],
            campaigns={row["id"]: row for row in found["campaigns"]},
            ignores=pairs,
            zone=ZoneInfo(organisation["time_zone"]),
            lock_time=organisation["lock_time"],
            **active,
        )


@dataclass
class Evidence:
    people: dict[int, Person]
    contacts: dict[int, Contact]
    deliveries: list[Row]
    arrived: list[Row]  # the sinks' records, in order
    journal: list[Row]
    rules: list[Rules]  # in order of time
    history: dict[int, list[Contact]] = field(default_factory=dict)  # by customer, as it happened
    planned: dict[int, list[Contact]] = field(default_factory=dict)  # by customer, as decided

    def rules_at(self, at: datetime) -> Rules:
        place = bisect_right([one.since for one in self.rules], at)
        return self.rules[max(place - 1, 0)]

    def noted(self, what: str) -> list[Row]:
        return [line for line in self.journal if line["what"] == what]

    def spans(
        self, begin: str, end: str, *, of: str = ""
    ) -> list[tuple[int | None, datetime, datetime]]:
        """From each note of what began to the next one that ended it, for the same row.

        of : the name of the row's id in the notes.
        """
        found = []
        for note in self.noted(begin):
            ends = [n["at"] for n in self.noted(end)
                    if n["at"] > note["at"] and n.get(of) == note.get(of)]  # fmt: skip
            over = moment(min(ends, default=self.journal[-1]["at"]))
            found.append((note.get(of), moment(note["at"]), over))
        return found

    @property
    def tick(self) -> timedelta:
        """The longest time between two ticks while days were lived."""
        at = [line["at"] for line in self.noted("tick")]
        return timedelta(seconds=max((b - a for a, b in pairwise(at)), default=0))


def load_evidence(folder: Path) -> Evidence:
    journal = _lines(folder / "journal")
    rules = [Rules.of(moment(n["at"]), n["rules"]) for n in journal if n["what"] == "rules"]
    found = Evidence(
        people=_people(rules[0].zone, [n for n in journal if n["what"] == "erased"]),
        contacts=_contacts(),
        deliveries=list(rows("SELECT * FROM journeys_delivery ORDER BY id")),
        arrived=_lines(folder / "arrived"),
        journal=journal,
        rules=rules,
    )
    _note_arrivals(found)
    by_customer: dict[int, list[Contact]] = defaultdict(list)
    found.planned = defaultdict(list)
    for contact in found.contacts.values():
        found.planned[contact.customer].append(contact)
        if contact.happened_at is not None:
            by_customer[contact.customer].append(contact)
    for own in by_customer.values():
        own.sort(key=lambda contact: (contact.happened_at, contact.id))
    found.history = by_customer
    return found


def _note_arrivals(found: Evidence) -> None:
    """Each contact learns when it reached the customer, from whoever took it."""
    by_key = {contact.key: contact for contact in found.contacts.values()}

    def arrive(key: str, at: datetime) -> None:
        if contact := by_key.get(key):
            contact.arrived_at = contact.arrived_at or at
            contact.n_arrived += 1

    for record in found.arrived:
        if record["what"] == "taken" or (record["what"], record["by"]) == ("repeated", "smtp"):
            arrive(record["key"], moment(record["at"]))
    for row in rows("SELECT key::text, listed_at FROM journeys_call"):
        arrive(row["key"], row["listed_at"].astimezone(UTC))
    said = {n["answer"]["decision"]: n for n in found.noted("answer")
            if n["status"] == 200 and n["answer"]["message"]}  # fmt: skip
    for row in rows(
        """
        SELECT d.id, k.key::text FROM journeys_decision d JOIN journeys_contact k
            ON k.customer_id = d.customer_id AND k.as_of = d.as_of
            AND k.campaign_id = d.campaign_id AND k.action_id = d.action_id AND k.channel = 'web'
        WHERE d.id = ANY(%s)
        """,
        list(said),
    ):
        arrive(row["key"], moment(said[row["id"]]["at"]))


def _contacts() -> dict[int, Contact]:
    columns = (
        "id, as_of, reserved_at, customer_id, campaign_id, channel, tags, takes_slot, counted,"
        " transactional, is_control, key::text"
    )
    found = {}
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM journeys_contact ORDER BY id")
        for pk, as_of, at, customer, campaign, channel, tags, *flags in cursor:
            found[pk] = Contact(
                *(pk, as_of, at.astimezone(UTC), customer, campaign, channel, frozenset(tags)),
                *flags,
            )
    return found


def _people(organisation_zone: ZoneInfo, erased: list[Row]) -> dict[int, Person]:
    """erased : people as they were before."""
    of_countries = _zones_of_countries()
    stored = rows("SELECT id, external_id, email, phone, country, time_zone FROM segments_customer")
    found = {}
    for row in (*stored, *erased):
        names = [row["time_zone"]] if row["time_zone"] else of_countries.get(row["country"], [])
        zones = tuple(map(ZoneInfo, names)) or (organisation_zone,)
        addresses = {"email": row["email"], "sms": row["phone"], "push": ""}
        person = Person(row["id"], row["external_id"], row["country"], zones, addresses)
        found[person.id] = person
    return found


def _zones_of_countries() -> dict[str, list[str]]:
    """zone.tab: country, place, zone, remark."""
    found: dict[str, list[str]] = defaultdict(list)
    table = files("tzdata") / "zoneinfo" / "zone.tab"
    for line in table.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _place, zone = line.split("\t")[:3]
            found[country].append(zone)
    return found


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]

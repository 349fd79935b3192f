"""What the checker goes by: what happened to some customers, and the rules that were in force.

Nothing of the engine is imported but the declaration of channels. Moments are aware datetimes in
UTC.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Span = tuple[datetime, datetime]
# Between the last look at a message and its arrival, or between the moment that a writer notes and
# its commit.
SLACK = timedelta(seconds=5)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    external_id: str
    country: str
    zones: tuple[ZoneInfo, ...]  # in which the person may be, the main one first
    addresses: Mapping[str, str]  # by channel, of those that have one
    keys: Mapping[str, str]  # the same as they are compared
    topics_declined: frozenset[int]
    updated_at: datetime  # when the row was last written: before, it may have said something else
    erased_at: datetime | None


@dataclass(slots=True)
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
    arrived_at: datetime | None = None  # in the ledger: when it was last looked at, and left
    n_arrived: int = 0  # times it reached the customer
    turn: tuple[datetime, int] | None = None  # order of those that left at the same moment
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
    ignores: set[tuple[int, int]]  # (who ignores, whose cool-down)
    tags: Mapping[int, frozenset[int]]  # by campaign
    zone: ZoneInfo  # the organisation's
    lock_time: str | None  # without one, messages leave as soon as they are decided

    @classmethod
    def of(cls, since: datetime, tables: Mapping[str, list[Row]]) -> "Rules":
        [organisation] = tables["organisation"]
        active = ("caps", "gaps", "quiet_hours")
        tags: dict[int, set[int]] = defaultdict(set)
        for row in tables["tags"]:
            tags[row["campaign_id"]].add(row["tag_id"])
        return cls(
            since=since,
            exclusions=tables["exclusions"],
            campaigns={row["id"]: row for row in tables["campaigns"]},
            ignores={(row["from_campaign_id"], row["to_campaign_id"]) for row in tables["ignores"]},
            tags={campaign: frozenset(ids) for campaign, ids in tags.items()},
            zone=ZoneInfo(organisation["time_zone"]),
            lock_time=organisation["lock_time"],
            **{name: [row for row in tables[name] if row["is_active"]] for name in active},
        )

    def locked(self, as_of: date) -> datetime | None:
        """The moment of a day before which its run's messages do not leave."""
        if self.lock_time is None:
            return None
        return datetime.combine(as_of, time.fromisoformat(self.lock_time), self.zone)


@dataclass
class Evidence:
    """Of the customers from one id to another: all that is known of them."""

    people: dict[int, Person]
    contacts: dict[int, Contact]  # in the order of their ids
    deliveries: list[Row]
    rules: list[Rules]  # in order of time
    since: datetime  # what happened before is known, but not judged
    until: datetime
    first_id: int = 0
    last_id: int = 2**63 - 1
    customer_imports: Sequence[Span] = ()  # while they ran; what they wrote was seen at their end
    history_imports: Sequence[Span] = ()
    has_sinks: bool = False  # whether arrivals are known from elsewhere than the ledger itself
    history: dict[int, list[Contact]] = field(default_factory=dict)  # by customer, as it happened
    planned: dict[int, list[Contact]] = field(default_factory=dict)  # by customer, as decided

    def rules_at(self, at: datetime) -> Rules:
        n_begun = bisect_right([rules.since for rules in self.rules], at)
        return self.rules[max(n_begun - 1, 0)]

    def judged_contacts(self) -> Iterator[Contact]:
        for contact in self.contacts.values():
            if contact.reserved_at >= self.since and not contact.is_imported:
                yield contact

    def messages(self) -> Iterator[Contact]:
        """Those that left since the checked time began, by customer, in order."""
        for _customer, history in sorted(self.history.items()):
            for contact in history:
                at = contact.arrived_at
                if not contact.is_control and at is not None and at >= self.since:
                    yield contact

    def order_histories(self) -> None:
        """By customer: what happened and what was planned. To be called once arrivals are known."""
        self.history, self.planned = defaultdict(list), defaultdict(list)
        for contact in self.contacts.values():
            self.planned[contact.customer].append(contact)
            if contact.happened_at is not None:
                self.history[contact.customer].append(contact)
        for history in self.history.values():
            history.sort(key=lambda c: (c.happened_at, c.turn or (c.reserved_at, c.id)))

    def seen_by(self, written_at: datetime) -> datetime:
        """When everybody saw what was noted for a moment: an import commits at its end."""
        ends = [end for begin, end in self.customer_imports if begin <= written_at <= end]
        return max(ends, default=written_at) + SLACK

    def is_unchanged(self, person: Person, at: datetime) -> bool:
        """Whether the row says what it said at a moment."""
        return self.seen_by(person.updated_at) <= at

    def knows_place(self, person: Person, at: datetime) -> bool:
        """Whether it is known where the person was at a moment. Witnesses keep it."""
        return self.has_sinks or self.is_unchanged(person, at)

    def was_known(self, earlier: Contact, contact: Contact) -> bool:
        """Whether limits could count one contact of a customer when another left.

        Of one customer's, decided under a lock, an earlier one has the smaller id. A control's
        withheld message may be planned for a moment that had passed when it was decided: that of
        its run. An imported one came with its import.
        """
        if earlier.is_imported:
            at = contact.reserved_at
            is_busy = any(begin <= at <= end for begin, end in self.history_imports)
            return earlier.id < contact.id and not is_busy
        if not earlier.is_control or earlier.id < contact.id:
            return True
        zone, left_at = self.rules[0].zone, contact.arrived_at or contact.reserved_at
        day_before = earlier.reserved_at.astimezone(zone).date()
        return day_before < left_at.astimezone(zone).date()

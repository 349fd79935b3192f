"""Travellers on their way: loaded under their locks, moved in memory, written back together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from psycopg import sql

from campaigns.numerics.time_zones import zones_of
from journeys.locks import lock_blocks
from journeys.maps.numerics.journey_graph import Graph, parse_graph
from journeys.models import MapVersion, StepTally, Traveller
from segments.models import Organisation
from segments.models.customer import BLOCK_BITS
from segments.same_person import ALIASES

DONE, TRAVELLING = Traveller.Status.DONE.value, Traveller.Status.TRAVELLING.value
LONGEST_FAULT = 300

LOAD = """
    SELECT t.id, t.map_id, t.version_id, t.customer_id, t.entered_at, t.counts_from, t.step,
           t.step_since, t.due_at, t.campaign_id, t.give_up_at, t.at_once,
           c.time_zone, c.country, c.erased_at IS NOT NULL OR c.id IN ({aliases})
    FROM journeys_traveller t JOIN segments_customer c ON c.id = t.customer_id
    WHERE t.status = 'travelling' AND {condition} ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED
"""
SAVED = {  # what a move may change, with its type in PostgreSQL
    "step": "text",
    "step_since": "timestamptz",
    "due_at": "timestamptz",
    "campaign_id": "bigint",
    "give_up_at": "timestamptz",
    "at_once": "boolean",
    "status": "text",
    "outcome": "text",
    "done_at": "timestamptz",
    "fault": "text",
}


@dataclass(slots=True)
class TravellerRow:
    """A traveller who may move. The fields are those of the row, then the customer's."""

    id: int
    map_id: int
    version_id: int
    customer_id: int
    entered_at: datetime
    counts_from: datetime
    step: str
    step_since: datetime
    due_at: datetime | None
    campaign_id: int | None
    give_up_at: datetime | None
    at_once: bool
    time_zone: str  # of the customer, else the main one of the country, else the organisation's
    has_left: bool  # erased, or merged into another record
    status: str = TRAVELLING
    outcome: str = ""
    done_at: datetime | None = None
    fault: str = ""

    @property
    def events_from(self) -> datetime:
        """Events after this moment happened at the step. Between the event that began the journey
        and its first step lies a minute in which the next event may happen: it counts. The event
        that began it does not, even where a clock ahead of ours stamped it later than the step."""
        if self.step_since == self.entered_at:
            return self.counts_from
        return max(self.counts_from, self.step_since)


@dataclass
class PassageLog:
    """What travellers went through since they were loaded."""

    passages: list[tuple[Any, ...]] = field(default_factory=list)
    tallies: Counter[tuple[int, str, str]] = field(default_factory=Counter)

    def move(
        self,
        traveller: TravellerRow,
        port: str,
        graph: Graph,
        *,
        at: datetime,
        result: str = "",
        contact_id: int | None = None,
        probability: float | None = None,
    ) -> None:
        """Through a port to the next step, due there at `at`; an open port is the end.

        at : the present, or later, where a message leaves later: what follows begins then.

        result : what the passage says instead of the port.
        """
        self._leave(traveller, result or port, at, contact_id, probability)
        target = graph.target(traveller.step, port)
        if target is None:
            self._close(traveller, Traveller.ExitReason.END, at)
            return
        traveller.step, traveller.step_since, traveller.due_at = target, at, at
        clear_request(traveller)
        self.tallies[traveller.version_id, target, StepTally.ARRIVED] += 1

    def finish(self, traveller: TravellerRow, outcome: str, *, at: datetime) -> None:
        """The journey is over at the present step, even if it only begins later there."""
        self._leave(traveller, outcome, max(at, traveller.step_since))
        self._close(traveller, outcome, at)

    def save(self, travellers: Iterable[TravellerRow]) -> None:
        """Write travellers, passages and tallies inside the caller's transaction."""
        _update(list(travellers))
        _copy_passages(self.passages)
        _add_tallies(self.tallies)

    def _leave(
        self,
        traveller: TravellerRow,
        result: str,
        at: datetime,
        contact_id: int | None = None,
        probability: float | None = None,
    ) -> None:
        here = (traveller.id, traveller.version_id, traveller.step)
        self.passages.append((*here, traveller.step_since, at, result, contact_id, probability))
        self.tallies[traveller.version_id, traveller.step, result] += 1

    def _close(self, traveller: TravellerRow, outcome: str, at: datetime) -> None:
        traveller.status, traveller.outcome, traveller.done_at = DONE, str(outcome), at
        traveller.due_at = None
        clear_request(traveller)


def park(traveller: TravellerRow, reason: str) -> None:
    """Parked until a person resumes it; nothing is sent meanwhile."""
    traveller.fault = reason[:LONGEST_FAULT]
    traveller.due_at = None
    clear_request(traveller)


def clear_request(traveller: TravellerRow) -> None:
    """No message is requested any more."""
    traveller.campaign_id, traveller.give_up_at, traveller.at_once = None, None, False


def lock_customers(customer_ids: Iterable[int]) -> None:
    """Hold the locks of all blocks of the customers: to be taken before any traveller's row."""
    lock_blocks(customer_id >> BLOCK_BITS for customer_id in customer_ids)


def load_travellers(condition: str, params: Sequence[Any]) -> list[TravellerRow]:
    """Travellers under way that fit, t being the traveller; their rows stay locked.

    The caller holds the locks of their blocks. Rows that another transaction holds are left out.
    """
    organisation_zone = Organisation.current().time_zone
    with connection.cursor() as cursor:
        cursor.execute(LOAD.format(condition=condition, aliases=ALIASES), list(params))
        rows = cursor.fetchall()
    return [
        TravellerRow(*(*row, zones_of(zone, country, organisation_zone)[0], has_left))
        for *row, zone, country, has_left in rows
    ]


@lru_cache(maxsize=256)
def graph_of(version_id: int) -> Graph:
    """The drawing that a launched version holds: it never changes, so a worker reads it once."""
    return parse_graph(MapVersion.objects.values_list("graph", flat=True).get(pk=version_id))


def _update(travellers: list[TravellerRow]) -> None:
    if not travellers:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, SAVED))
    statement = sql.SQL(
        "UPDATE journeys_traveller t SET ({columns}) = ROW({values}) "
        "FROM unnest(%s::bigint[], {arrays}) AS u(id, {columns}) WHERE t.id = u.id"
    ).format(
        columns=columns,
        values=sql.SQL(", ").join(sql.Identifier("u", name) for name in SAVED),
        arrays=sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(t)) for t in SAVED.values()),
    )
    values = [[getattr(traveller, name) for traveller in travellers] for name in SAVED]
    with connection.cursor() as cursor:
        cursor.execute(statement, [[traveller.id for traveller in travellers], *values])


def _copy_passages(passages: list[tuple[Any, ...]]) -> None:
    if not passages:
        return
    statement = (
        "COPY journeys_steppassage (traveller_id, version_id, step, arrived_at, left_at, result,"
        " contact_id, probability) FROM STDIN"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for passage in passages:
            copy.write_row(passage)


def _add_tallies(tallies: Counter[tuple[int, str, str]]) -> None:
    StepTally.objects.bulk_create(
        StepTally(version_id=version_id, step=step, result=result, n=n)
        for (version_id, step, result), n in tallies.items()
    )

"""Customers enter the maps that run: by what they did, by their target group, by a date.

An entry key (the event, the day, the year) begins one journey and no second one. The global holdout
enters too, as everyone does: what withholds its messages is the decision about each of them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from journeys.maps.entry_dates import coming_round
from journeys.maps.numerics.journey_graph import Step
from journeys.maps.steps import draw_control, for_whom, state_on
from journeys.maps.travellers import graph_of, lock_customers
from journeys.maps.wake_travellers import wake_for_exit, wake_travellers
from journeys.models import JourneyMap, MapCursor, StepTally
from segments.events.new_events import events_after
from segments.models import Event, Organisation, TargetGroup
from segments.models.event import MAX_AHEAD
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError, parse_rule
from segments.rules.rule_sql import rule_sql
from segments.same_person import ALIASES

READER = "journey maps"  # our place among the new events
BATCH = 5_000  # events or customers of one transaction
OLDEST = timedelta(days=2)  # what happened longer ago begins nothing, however late it is heard of
LOOK_EVERY = timedelta(minutes=10)  # dates and exit rules, which read all customers of a map
LONGEST_FAULT = 300
ENTERING = 0x0E  # advisory lock: one process lets customers in, others skip it

Reentry = JourneyMap.Reentry

# Not twice at once, and not before the map lets a customer come again, unless a journey may begin
# in parallel with another one.
INSERT = """
    INSERT INTO journeys_traveller (map_id, version_id, customer_id, entry_key, entered_at,
        counts_from, step, step_since, due_at, status, outcome, is_control, fault)
    SELECT %(map)s, %(version)s, n.customer_id, n.entry_key, %(now)s, n.counts_from, %(step)s,
        %(now)s, %(now)s, 'travelling', '', n.is_control, ''
    FROM unnest(%(customers)s::bigint[], %(keys)s::text[], %(counts_from)s::timestamptz[],
        %(controls)s::boolean[]) AS n(customer_id, entry_key, counts_from, is_control)
    JOIN segments_customer c ON c.id = n.customer_id AND c.erased_at IS NULL
        AND c.id NOT IN ({aliases})
    WHERE %(parallel)s OR NOT EXISTS (
        SELECT FROM journeys_traveller t
        WHERE t.map_id = %(map)s AND t.customer_id = n.customer_id AND {shut})
    ON CONFLICT (map_id, customer_id, entry_key) DO NOTHING
"""
GROUP = """
    SELECT c.id FROM segments_customerstate s JOIN segments_customer c ON c.id = s.customer_id
    WHERE s.as_of = %s AND s.customer_id > %s AND c.erased_at IS NULL AND {condition}
      AND c.id NOT IN ({aliases})
      AND NOT EXISTS (SELECT FROM journeys_traveller t WHERE t.map_id = %s
          AND t.customer_id = c.id AND {shut})
    ORDER BY c.id LIMIT %s
"""


class EntryFault(Exception):
    """Why nobody can enter a map, in a sentence."""


@dataclass(frozen=True)
class Entry:
    """Someone who may enter, by something that begins at most one journey."""

    customer_id: int
    key: str
    counts_from: datetime


def enter_maps(now: datetime) -> Counter[str]:
    """Let in whom the maps wait for, and wake who waits for what has happened.

    New events are dealt with once; target groups once for each new state of customers; dates and
    exit rules every ten minutes. Returns counts: `entered` and `woken`. While another worker does
    this, it returns at once.
    """
    counts: Counter[str] = Counter()
    with _entering_lock() as is_ours:
        if not is_ours:
            return counts
        maps = JourneyMap.objects.filter(status=JourneyMap.Status.ACTIVE)
        running = list(maps.select_related("goal", "active_version").order_by("pk"))
        if not running:
            return counts
        counts += _by_events(running, now)
        for journey in running:
            counts += _look_at(journey, now)
    return counts


def _look_at(journey: JourneyMap, now: datetime) -> Counter[str]:
    """One map's group, dates and exit rule; its page shows what prevents an entry."""
    counts: Counter[str] = Counter()
    cursor, _made = MapCursor.objects.get_or_create(map=journey)  # of an older launch: none yet
    fault = ""
    try:
        match entry_of(journey).fork:
            case "target_group":
                counts["entered"] += _by_group(journey, cursor, now)
            case "date":
                counts["entered"] += _by_date(journey, cursor, now)
        if journey.exit_rule:
            counts["woken"] += _by_exit_rule(journey, cursor, now)
    except EntryFault as error:
        fault = str(error)
    except RuleError as error:
        fault = problem_in_words(error)
    if fault or entry_of(journey).fork != "event":  # what hinders events is known from events
        _tell(journey, fault)
    return counts


def entry_of(journey: JourneyMap) -> Step:
    """The entry of the version that customers enter."""
    assert journey.active_version_id is not None
    entry = graph_of(journey.active_version_id).entry
    assert entry is not None  # a launched map has one
    return entry


@contextmanager
def _entering_lock() -> Iterator[bool]:
    """Whether nobody else is letting in just now. Held by the session, over many transactions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [ENTERING])
        is_ours = cursor.fetchone()[0]
        try:
            yield is_ours
        finally:
            if is_ours:
                cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [ENTERING])


def _by_events(running: list[JourneyMap], now: datetime) -> Counter[str]:
    by_event = [journey for journey in running if entry_of(journey).fork == "event"]
    kinds = {entry_of(journey)["event_kind"] for journey in by_event} | awaited_kinds(running)
    counts: Counter[str] = Counter()
    while True:
        with transaction.atomic():
            events = events_after(READER, sorted(kinds), BATCH, since=now - OLDEST)
            customers = [event.customer_id for event in events]
            lock_customers(customers)
            counts["woken"] += wake_travellers(customers, now)
            for journey in by_event:
                try:
                    counts["entered"] += _enter_by_event(journey, events, now)
                except RuleError as error:  # raised before the database is queried
                    _tell(journey, problem_in_words(error))
        if len(events) < BATCH:
            return counts


def awaited_kinds(running: Sequence[JourneyMap]) -> set[str]:
    """Kinds of events that end journeys or waits, in every version that somebody may be in."""
    kinds = {journey.goal.event_kind for journey in running if journey.goal}
    for journey in running:
        for pk in journey.versions.exclude(launched_at=None).values_list("pk", flat=True):
            kinds |= graph_of(pk).event_kinds()
    return kinds


def _enter_by_event(journey: JourneyMap, events: Sequence[Event], now: datetime) -> int:
    """Each event is read once: one that a clock ahead of ours stamped begins its journey now."""
    entry = entry_of(journey)
    assert journey.running_since is not None
    since, until = journey.running_since, now + MAX_AHEAD
    begins = [
        Entry(event.customer_id, f"event:{event.pk}", event.occurred_at)
        for event in events
        if event.kind == entry["event_kind"] and since < event.occurred_at <= until
    ]
    if journey.reentry != Reentry.ALWAYS:  # the first of several
        first = {newcomer.customer_id: newcomer for newcomer in reversed(begins)}
        begins = list(first.values())
    if not begins:
        return 0
    fits = for_whom(
        entry.get("rule") or {}, {newcomer.customer_id for newcomer in begins}, on=_today(now)
    )
    _tell(journey, "")
    begins = [newcomer for newcomer in begins if newcomer.customer_id in fits]
    return insert(journey, begins, now, parallel=journey.reentry == Reentry.ALWAYS)


def _tell(journey: JourneyMap, fault: str) -> None:
    """Why nobody can enter, for people; empty where everything is in order."""
    MapCursor.objects.filter(map=journey).exclude(fault=fault).update(fault=fault[:LONGEST_FAULT])


def _by_group(journey: JourneyMap, cursor: MapCursor, now: datetime) -> int:
    """Everyone in the group who may come, once for each new state of the customers."""
    state = state_on(_today(now))
    if state.pk is None or (cursor.state_day and state.as_of <= cursor.state_day):
        return 0
    group = TargetGroup.objects.filter(pk=entry_of(journey)["target_group"]).first()
    if group is None:
        raise EntryFault(_("The target group no longer exists."))
    condition, params = rule_sql(parse_rule(group.rule), state)
    query = GROUP.format(condition=condition, aliases=ALIASES, shut=_shut(journey, now))
    n_entered, last = 0, 0
    while True:
        with transaction.atomic():
            with connection.cursor() as sql:
                sql.execute(query, [state.as_of, last, *params, journey.pk, BATCH])
                ids = [pk for (pk,) in sql.fetchall()]
            lock_customers(ids)
            entries = [Entry(pk, f"group:{state.as_of}", now) for pk in ids]
            n_entered += insert(journey, entries, now)
        if len(ids) < BATCH:
            break
        last = ids[-1]
    cursor.state_day = state.as_of
    cursor.save(update_fields=["state_day"])
    return n_entered


def _by_date(journey: JourneyMap, cursor: MapCursor, now: datetime) -> int:
    """Whose date came round since the last look, or since the map was launched."""
    assert journey.running_since is not None
    after = max(journey.running_since, cursor.dates_until or journey.running_since, now - OLDEST)
    if cursor.dates_until and now - cursor.dates_until < LOOK_EVERY:
        return 0
    due = [
        Entry(customer_id, key, now)
        for customer_id, key in coming_round(entry_of(journey), after=after, until=now)
    ]
    n_entered = 0
    for start in range(0, len(due), BATCH):
        with transaction.atomic():
            entries = due[start : start + BATCH]
            lock_customers(entry.customer_id for entry in entries)
            n_entered += insert(journey, entries, now)
    cursor.dates_until = now
    cursor.save(update_fields=["dates_until"])
    return n_entered


def _by_exit_rule(journey: JourneyMap, cursor: MapCursor, now: datetime) -> int:
    """Wake those who wait although the exit rule holds for them: the move sends them home."""
    if cursor.exits_at and now - cursor.exits_at < LOOK_EVERY:
        return 0
    n_woken = wake_for_exit(journey, _today(now), now)
    cursor.exits_at = now
    cursor.save(update_fields=["exits_at"])
    return n_woken


def insert(
    journey: JourneyMap, entries: Sequence[Entry], now: datetime, *, parallel: bool = False
) -> int:
    """Let in who may come; returns how many did. The caller holds the locks of their blocks.

    At most one per customer unless `parallel`: a journey may then begin while another runs.
    """
    if not entries:
        return 0
    step = entry_of(journey).id
    customers = [entry.customer_id for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(aliases=ALIASES, shut=_shut(journey, now)),
            {
                "map": journey.pk,
                "version": journey.active_version_id,
                "step": step,
                "now": now,
                "parallel": parallel,
                "customers": customers,
                "keys": [entry.key for entry in entries],
                "counts_from": [entry.counts_from for entry in entries],
                "controls": draw_control(journey, customers),
            },
        )
        n_entered = cursor.rowcount
    if n_entered and journey.active_version:
        StepTally.objects.create(
            version=journey.active_version, step=step, result=StepTally.ARRIVED, n=n_entered
        )
    return n_entered


def _shut(journey: JourneyMap, now: datetime) -> str:
    """Which earlier journey `t` of the customer in the map keeps another from beginning."""
    match journey.reentry:
        case Reentry.NEVER:
            return "TRUE"
        case Reentry.AFTER:
            since = now - timedelta(days=journey.reentry_days or 0)
            return f"(t.status = 'travelling' OR t.done_at > '{since.isoformat()}'::timestamptz)"
    return "t.status = 'travelling'"


def _today(now: datetime) -> date:
    return Organisation.current().today(now)

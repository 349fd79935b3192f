"""What waits for an event is moved by it, in time, and nobody is left outside."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from optiengine.lab.bench.month.witnesses import MonthEvidence
from reports.ledger_check.check_journeys import (
    Drawing,
    read_drawings,
    read_passages,
    read_travellers,
)
from reports.ledger_check.evidence import SLACK, Row, moment
from reports.ledger_check.findings import Findings
from reports.ledger_check.read_evidence import rows

MINUTE = timedelta(minutes=1)
OVER = {"goal", "rule", "blocked", "left", "end"}  # results that end a journey where it stands

Events = dict[tuple[int, str], list[datetime]]


def check_times(evidence: MonthEvidence, findings: Findings) -> None:
    drawings, passages = read_drawings(), read_passages()
    events, decisions, travellers = _events(), _decisions("step"), read_travellers()
    for traveller in travellers:
        drawing = drawings[traveller["version_id"]]
        for passage in passages[traveller["id"]]:
            _check_times(evidence, findings, traveller, passage, drawing, events, decisions)
    _check_entries(evidence, findings, travellers)
    _check_triggers(evidence, findings)


def _check_times(
    evidence: MonthEvidence,
    findings: Findings,
    traveller: Row,
    passage: Row,
    drawing: Drawing,
    events: Events,
    decisions: dict[tuple[int, str], list[datetime]],
) -> None:
    step, result = drawing.steps[passage["step"]], passage["result"]
    arrived, left = passage["arrived_at"], passage["left_at"]
    text = f"traveller {traveller['id']} at {passage['step']}: {result}, {arrived} to {left}"
    late = evidence.tick + MINUTE
    if step["kind"] == "send" and step["when"] == "at_once" and _is_live(evidence, arrived):
        moments = decisions.get((traveller["customer_id"], ""), [])
        is_kept = left - arrived <= MINUTE or any(arrived <= m <= arrived + MINUTE for m in moments)
        findings.check("at once means within a minute", is_kept, arrived, text, tested=True)
    if step["kind"] == "wait" and step["for"] == "duration":
        is_kept = timedelta(0) <= left - arrived - step["minutes"] * MINUTE <= late
        findings.check(
            "waits last as long as drawn", is_kept or result in OVER, left, text, tested=True
        )
    if step["kind"] == "wait" and step["for"] == "event" and result not in OVER:
        _check_wait(evidence, findings, traveller, passage, step, events, text)


def _events() -> Events:
    events: Events = defaultdict(list)
    for row in rows(
        "SELECT customer_id, kind, occurred_at FROM segments_event"
        " WHERE kind IN ('order', 'cart', 'wishlist') ORDER BY occurred_at"
    ):
        events[row["customer_id"], row["kind"]].append(row["occurred_at"].astimezone(UTC))
    return events


def _decisions(reason: str) -> dict[tuple[int, str], list[datetime]]:
    """When it was decided for a customer in real time, by customer and kind of event."""
    decisions: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for row in rows(
        "SELECT customer_id, trigger_kind, decided_at FROM journeys_livedecision WHERE reason = %s",
        reason,
    ):
        decisions[row["customer_id"], row["trigger_kind"]].append(row["decided_at"].astimezone(UTC))
    return decisions


def _is_live(evidence: MonthEvidence, at: datetime) -> bool:
    """Whether decisions in real time are possible: there is a state, and sending is on."""
    begin, end = _lived(evidence)
    pairs = zip(evidence.noted("stopped"), evidence.noted("started"), strict=False)
    stops = [(moment(stop["at"]), moment(start["at"])) for stop, start in pairs]
    return begin <= at <= end and not any(a <= at <= b for a, b in stops)


def _lived(evidence: MonthEvidence) -> tuple[datetime, datetime]:
    """From the first run until the day after the last one ends."""
    [row] = rows(
        "SELECT min(decided_at) AS first, max(as_of) AS last FROM journeys_decisionrun"
        " WHERE kind = 'daily'"
    )
    zone = evidence.rules[0].zone
    end = datetime(row["last"].year, row["last"].month, row["last"].day, tzinfo=zone)
    return row["first"] + 5 * MINUTE, (end + timedelta(days=2)).astimezone(UTC)


def _check_wait(
    evidence: MonthEvidence,
    findings: Findings,
    traveller: Row,
    passage: Row,
    step: Row,
    events: Events,
    text: str,
) -> None:
    """Happened: in time. Timed out: not before the time, and nothing had happened until then."""
    arrived, left = passage["arrived_at"], passage["left_at"]
    since = traveller["counts_from"] if arrived == traveller["entered_at"] else arrived
    until = arrived + step["minutes"] * MINUTE
    moments = events.get((traveller["customer_id"], step["event_kind"]), [])
    in_time = [at for at in moments if since < at <= until]
    if passage["result"] == "happened":
        is_kept = bool(in_time) and left >= min(in_time)
    else:
        is_kept = not in_time and until <= left <= until + evidence.tick + MINUTE
    findings.check(f"waits for an event: {passage['result']}", is_kept, left, text, tested=True)


def _check_entries(evidence: MonthEvidence, findings: Findings, travellers: list[Row]) -> None:
    """Nobody is left outside: who left a cart, who has a birthday soon."""
    by_map: dict[int, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for traveller in travellers:
        by_map[traveller["map_id"]][traveller["customer_id"]].append(traveller)
    end = moment(evidence.journal[-1]["at"])
    first = evidence.rules[0].since
    pauses = evidence.spans("map paused", "map launched", of="map")
    for journey in rows(
        "SELECT m.id, m.name, m.reentry, m.reentry_days, v.graph FROM journeys_journeymap m"
        " JOIN journeys_mapversion v ON v.id = m.active_version_id ORDER BY m.id"
    ):
        entry = next(s for s in journey["graph"]["steps"] if s["kind"] == "entry")
        inside, rule = by_map[journey["id"]], f"everyone enters “{journey['name']}”"
        closed = [(a, b) for pk, a, b in pauses if pk == journey["id"]]
        if entry["by"] == "event":
            for event in rows(
                "SELECT id, customer_id, occurred_at, recorded_at FROM segments_event"
                " WHERE kind = %s AND recorded_at > %s",
                entry["event_kind"],
                first,
            ):
                heard = event["recorded_at"]
                if any(a <= heard and event["occurred_at"] <= b for a, b in closed):
                    continue  # what happens in a pause begins no journey
                known = inside[event["customer_id"]]
                is_kept = any(_stood_in(journey, t, heard, evidence.tick + MINUTE) for t in known)
                text = f"event {event['id']} of customer {event['customer_id']}"
                findings.check(rule, is_kept, heard, text, tested=True)
        elif entry["by"] == "date" and entry["field"] == "birth_date":
            for person, at in _birthdays(
                evidence, entry, first + evidence.tick, end - evidence.tick
            ):
                text = f"customer {person}, {at}"
                entered = [t["entered_at"] for t in inside[person]]
                is_kept = any(at <= e <= at + evidence.tick + MINUTE for e in entered)
                findings.check(rule, is_kept, at, text, tested=True)


def _stood_in(journey: Row, traveller: Row, heard: datetime, late: timedelta) -> bool:
    """Whether a journey began with an event, or kept another one from beginning."""
    back = timedelta(days=journey["reentry_days"] or 0)
    over = (traveller["done_at"] or datetime.max.replace(tzinfo=UTC) - back) + back
    return traveller["entered_at"] <= heard + late and heard <= over


def _birthdays(
    evidence: MonthEvidence, entry: Row, first: datetime, end: datetime
) -> list[tuple[int, datetime]]:
    """Customers known in time and the moments, so many days before or after their birthdays."""
    moments = []
    hour, minute = map(int, entry["time"].split(":"))
    for row in rows(
        "SELECT id, birth_date, created_at FROM segments_customer WHERE birth_date IS NOT NULL"
    ):
        for year in range(first.year, end.year + 1):
            born = row["birth_date"]
            if (born.month, born.day) == (2, 29):
                continue
            day = born.replace(year=year) + timedelta(days=entry["days"])
            zone = evidence.people[row["id"]].zones[0]
            at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
            if max(first, row["created_at"]) < at < end:
                moments.append((row["id"], at))
    return moments


def _check_triggers(evidence: MonthEvidence, findings: Findings) -> None:
    """Events that start a campaign are decided within a tick of being heard of."""
    decisions = _decisions("event")
    begin, end = _lived(evidence)
    campaigns = evidence.rules[0].campaigns.values()
    kinds = {c["trigger_kind"] for c in campaigns if c["recurrence"] == "event"}
    for row in rows(
        "SELECT id, customer_id, kind, recorded_at FROM segments_event WHERE kind = ANY(%s)"
        " AND recorded_at BETWEEN %s AND %s",
        sorted(kinds),
        begin,
        end,
    ):
        heard = row["recorded_at"]
        if not _is_live(evidence, heard):
            continue
        moments = decisions.get((row["customer_id"], row["kind"]), [])
        is_kept = any(heard - SLACK <= m <= heard + evidence.tick + MINUTE for m in moments)
        text = f"event {row['id']} of customer {row['customer_id']}"
        findings.check(f"an event is answered: {row['kind']}", is_kept, heard, text, tested=True)

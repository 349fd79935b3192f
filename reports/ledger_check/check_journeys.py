"""Travellers follow the links of their own version; what waits for an event is moved by it."""

from collections import defaultdict
from typing import Any

from reports.ledger_check.evidence import Evidence, Row, rows
from reports.ledger_check.findings import Findings

OF_SEND = {"sent", "withheld", "skipped"}


class Drawing:
    """One version's steps and links."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.steps = {step["id"]: step for step in graph["steps"]}
        self.links = {(link["from"], link["port"]): link["to"] for link in graph["links"]}
        [self.entry] = [step["id"] for step in graph["steps"] if step["kind"] == "entry"]

    def after(self, step: str, result: str) -> str | None:
        return self.links.get((step, "next" if result in OF_SEND else result))


def check_journeys(evidence: Evidence, findings: Findings) -> None:
    drawings, passages = read_drawings(), read_passages()
    used: set[int] = set()
    for traveller in read_travellers():
        way, drawing = passages[traveller["id"]], drawings[traveller["version_id"]]
        used |= {passage["contact_id"] for passage in way if passage["contact_id"]}
        if traveller["entered_at"] < evidence.since:
            continue
        _check_way(findings, traveller, way, drawing)
        for passage in way:
            _check_send(evidence, findings, traveller, passage, drawing)
    _check_contacts(evidence, findings, used)


def read_drawings() -> dict[int, Drawing]:
    versions = rows("SELECT id, graph FROM journeys_mapversion")
    return {row["id"]: Drawing(row["graph"]) for row in versions}


def read_travellers() -> list[Row]:
    return list(rows("SELECT * FROM journeys_traveller ORDER BY id"))


def read_passages() -> dict[int, list[Row]]:
    """By traveller, in order."""
    passages: dict[int, list[Row]] = defaultdict(list)
    for row in rows("SELECT * FROM journeys_steppassage ORDER BY id"):
        passages[row["traveller_id"]].append(row)
    return passages


def _check_way(findings: Findings, traveller: Row, way: list[Row], drawing: Drawing) -> None:
    """From the entry, by links, without a gap, to where the traveller is or left."""
    at, name = traveller["entered_at"], f"traveller {traveller['id']}"
    step: str | None = drawing.entry
    since = at
    for passage in way:
        text = f"{name} at {passage['step']} of version {passage['version_id']}, not at {step}"
        is_kept = (passage["step"], passage["arrived_at"]) == (step, since)
        is_kept &= passage["version_id"] == traveller["version_id"]
        findings.check(
            "travellers follow the links", is_kept, passage["left_at"], text, tested=True
        )
        step, since = drawing.after(passage["step"], passage["result"]), passage["left_at"]
    if traveller["status"] == "done":
        last = way[-1]["result"] if way else ""
        outcome = traveller["outcome"]
        is_kept = last == outcome or (outcome == "end" and step is None)
        text = f"{name} ended by {outcome} after {last}"
        findings.check(f"journeys end by: {outcome}", is_kept, since, text, tested=True)
    else:
        text = f"{name} stands at {traveller['step']}, not at {step}"
        findings.check("travellers stand where they are", traveller["step"] == step, at, text)
    findings.check("nobody is parked", not traveller["fault"], at, f"{name}: {traveller['fault']}")


def _check_send(
    evidence: Evidence,
    findings: Findings,
    traveller: Row,
    passage: Row,
    drawing: Drawing,
) -> None:
    step, result = drawing.steps[passage["step"]], passage["result"]
    arrived, left = passage["arrived_at"], passage["left_at"]
    text = f"traveller {traveller['id']} at {passage['step']}: {result}, {arrived} to {left}"
    if step["kind"] == "send" and result in OF_SEND:
        contact = evidence.contacts.get(passage["contact_id"] or 0)
        is_kept = (contact is None) == (result == "skipped")
        if contact is not None:
            is_kept &= contact.customer == traveller["customer_id"]
            is_kept &= contact.campaign == step["campaign"]
            is_kept &= contact.is_control == (result == "withheld")
            is_kept &= contact.is_control or not traveller["is_control"]
        findings.check(f"send steps: {result}", is_kept, left, text, tested=True)


def _check_contacts(evidence: Evidence, findings: Findings, used: set[int]) -> None:
    """What only a map may send follows from a passage."""
    for contact in evidence.judged_contacts():
        if evidence.rules[0].campaigns[contact.campaign]["recurrence"] == "step":
            text = f"contact {contact.id} of no passage"
            is_kept = contact.id in used
            findings.check(
                "a map's message is a step's", is_kept, contact.reserved_at, text, tested=True
            )

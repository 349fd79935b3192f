"""Participants follow the links of their own version, and its steps' messages are theirs."""

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext, gettext_noop

from reports.ledger_check.check_limits import describe
from reports.ledger_check.evidence import Evidence, Row
from reports.ledger_check.findings import Findings
from reports.ledger_check.read_evidence import ALL, begin_of, rows
from reports.ledger_check.rule_names import ENDS, LINKS, SEND_STEP, STANDS, STEP_MESSAGE

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
OF_SEND = {"sent", "withheld", "skipped"}
# Participants who may have got a message of a journey since the checked time began.
TRAVELLERS = """
SELECT * FROM journeys_traveller t
WHERE t.customer_id BETWEEN %(first)s AND %(last)s
  AND (t.done_at IS NULL OR t.done_at >= %(since)s::timestamptz)
"""
PASSAGES = f"""
SELECT p.* FROM journeys_steppassage p JOIN ({TRAVELLERS}) t ON t.id = p.traveller_id ORDER BY p.id
"""
WAY = gettext_noop("participant %(id)d is at “%(found)s”, expected “%(expected)s”")
END = gettext_noop("participant %(id)d ended by “%(outcome)s” after “%(last)s”")
STEP = gettext_noop("participant %(id)d, step “%(step)s”: %(result)s, message %(message)s")


class Drawing:
    """One version's steps and links."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.steps = {step["id"]: step for step in graph["steps"]}
        self.links = {(link["from"], link["port"]): link["to"] for link in graph["links"]}
        [self.entry] = [step["id"] for step in graph["steps"] if step["kind"] == "entry"]

    def after(self, step: str, result: str) -> str | None:
        return self.links.get((step, "next" if result in OF_SEND else result))


def check_journeys(
    evidence: Evidence, findings: Findings, drawings: dict[int, Drawing] | None = None
) -> None:
    """drawings : by version, where they have been read before."""
    drawings = read_drawings() if drawings is None else drawings
    since = LONG_AGO if evidence.has_sinks else begin_of(evidence.since)
    ids = (evidence.first_id, evidence.last_id)
    passages, used = read_passages(since, ids), set()
    for traveller in read_travellers(since, ids):
        way, drawing = passages[traveller["id"]], drawings[traveller["version_id"]]
        used |= {passage["contact_id"] for passage in way if passage["contact_id"]}
        if traveller["entered_at"] < evidence.since:
            continue
        _check_way(evidence, findings, traveller, way, drawing)
        for passage in way:
            _check_send(evidence, findings, traveller, passage, drawing)
    _check_contacts(evidence, findings, used)


def read_drawings() -> dict[int, Drawing]:
    """Of versions that participants are on."""
    versions = rows(
        "SELECT id, graph FROM journeys_mapversion v"
        " WHERE EXISTS (SELECT FROM journeys_traveller t WHERE t.version_id = v.id)"
    )
    return {row["id"]: Drawing(row["graph"]) for row in versions}


def read_travellers(since: datetime = LONG_AGO, ids: tuple[int, int] = ALL) -> list[Row]:
    return list(rows(f"{TRAVELLERS} ORDER BY t.id", first=ids[0], last=ids[1], since=since))


def read_passages(since: datetime = LONG_AGO, ids: tuple[int, int] = ALL) -> dict[int, list[Row]]:
    """By traveller, in order."""
    passages: dict[int, list[Row]] = defaultdict(list)
    for row in rows(PASSAGES, first=ids[0], last=ids[1], since=since):
        passages[row["traveller_id"]].append(row)
    return passages


def _say(text: str, **facts: Any) -> str:
    return gettext(text) % facts


def _check_way(
    evidence: Evidence, findings: Findings, traveller: Row, way: list[Row], drawing: Drawing
) -> None:
    """From the entry, by links, without a gap, to where the traveller stands or left."""
    at, pk = traveller["entered_at"], traveller["id"]
    step: str | None = drawing.entry
    since = at
    for passage in way:
        is_kept = (passage["step"], passage["arrived_at"]) == (step, since)
        is_kept &= passage["version_id"] == traveller["version_id"]
        text = partial(_say, WAY, id=pk, found=passage["step"], expected=step)
        findings.check(LINKS, is_kept, passage["left_at"], text, tested=True)
        step, since = drawing.after(passage["step"], passage["result"]), passage["left_at"]
    if traveller["status"] == "done":
        last, outcome = way[-1]["result"] if way else "", traveller["outcome"]
        is_kept = last == outcome or (outcome == "end" and step is None)
        text = partial(_say, END, id=pk, outcome=outcome, last=last)
        findings.check(ENDS, is_kept, since, text, tested=True)
    else:
        text = partial(_say, WAY, id=pk, found=traveller["step"], expected=step)
        findings.check(STANDS, traveller["step"] == step, at, text)
    if evidence.has_sinks:  # an installation shows parked participants: a person resumes them
        findings.check("nobody is parked", not traveller["fault"], at, partial(str, traveller))


def _check_send(
    evidence: Evidence,
    findings: Findings,
    traveller: Row,
    passage: Row,
    drawing: Drawing,
) -> None:
    step, result = drawing.steps[passage["step"]], passage["result"]
    if step["kind"] != "send" or result not in OF_SEND:
        return
    contact = evidence.contacts.get(passage["contact_id"] or 0)
    is_kept = (contact is None) == (result == "skipped")
    if contact is not None:
        is_kept &= contact.customer == traveller["customer_id"]
        is_kept &= contact.campaign == step["campaign"]
        is_kept &= contact.is_control == (result == "withheld")
        is_kept &= contact.is_control or not traveller["is_control"]
    facts = {"id": traveller["id"], "step": passage["step"], "result": result}
    text = partial(_say, STEP, **facts, message=passage["contact_id"])
    findings.check(SEND_STEP, is_kept, passage["left_at"], text, tested=True)


def _check_contacts(evidence: Evidence, findings: Findings, used: set[int]) -> None:
    """What only a journey may send follows from a passage."""
    for contact in evidence.judged_contacts():
        rules = evidence.rules[0]
        if rules.campaigns[contact.campaign]["recurrence"] == "step":
            is_kept, at = contact.id in used, contact.reserved_at
            text = partial(describe, rules, contact)
            findings.check(STEP_MESSAGE, is_kept, at, text, tested=True)

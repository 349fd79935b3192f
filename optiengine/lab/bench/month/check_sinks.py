"""What only the sinks and the journal know: arrivals, pauses, stops, erasures, answers."""

from bisect import bisect_right
from collections import Counter
from datetime import datetime, timedelta

from optiengine.lab.bench.month.witnesses import MonthEvidence
from reports.ledger_check.check_delivery import NAMES
from reports.ledger_check.evidence import SLACK, Row, moment
from reports.ledger_check.findings import Findings
from reports.ledger_check.read_evidence import rows
from reports.ledger_check.rule_names import NOT_LATE
from segments.channels import inbound_channels

# What the check before the hand-over stopped, and the rule behind it.
STOPPED = {
    "address_suppressed": "suppressed addresses",
    "campaign_inactive": "a paused campaign sends nothing",
    "journey_inactive": "a paused map sends nothing",
    "expired": NOT_LATE,
}


BALANCE = """
SELECT as_of, count(*) FILTER (WHERE status = 'sent') AS sent,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'unknown') AS unknown,
       count(*) FILTER (WHERE status IN ('new', 'claimed', 'attempting')) AS waiting,
       count(*) FILTER (WHERE status = 'suppressed') AS suppressed
FROM journeys_delivery GROUP BY 1
"""
SHOWN = """
SELECT as_of, decided_at, deliveries FROM journeys_decisionrun
WHERE kind = 'daily' AND status IN ('done', 'failed')
"""


def check_sinks(evidence: MonthEvidence, findings: Findings) -> None:
    _check_records(evidence, findings)
    _check_kills(evidence, findings)
    _check_who(evidence, findings)
    _check_throttle(evidence, findings)
    _check_answers(evidence, findings)
    _check_balances(findings)


def _check_balances(findings: Findings) -> None:
    """What runs show of their messages: nothing is under way any more, so it is up to date."""
    balance = {row.pop("as_of"): row for row in rows(BALANCE)}
    for run in rows(SHOWN):
        shown, counted = run["deliveries"], balance.get(run["as_of"], {})
        is_kept = shown.get("decided") == sum(counted.values())
        is_kept &= all(shown.get(name) == n for name, n in counted.items())
        text = f"{run['as_of']}: {shown}, but {counted}"
        findings.check("decided = sent + failed + …", is_kept, run["decided_at"], text, tested=True)


def _check_kills(evidence: MonthEvidence, findings: Findings) -> None:
    for kill in evidence.noted("kill"):
        findings.check(
            f"killed at work: {kill['at_work']}", True, moment(kill["at"]), "", tested=True
        )


def _check_records(evidence: MonthEvidence, findings: Findings) -> None:
    """What the sinks took: once each, and to whom the contact says."""
    by_key = {contact.key: contact for contact in evidence.contacts.values()}
    seen: Counter[str] = Counter()
    for record in evidence.arrived:
        at, key, by = moment(record["at"]), record["key"], record["by"]
        if record["what"] == "refused":
            findings.check(f"refused by {by} with {record['answer']}", True, at, "", tested=True)
            continue
        if by == "http" and record["what"] == "repeated":  # one effect: the sink knew the key
            is_known = seen[key] > 0
            findings.check("a repeat by HTTP carries its key", is_known, at, key, tested=True)
            continue
        seen[key] += 1
        findings.check(
            f"once by {by}", seen[key] == 1, at, f"{key} came {seen[key]} times", tested=True
        )
        contact = by_key.get(key)
        findings.check(
            "what arrived was decided", contact is not None, at, f"unknown key {key}", tested=True
        )
        if contact is None:
            continue
        person = evidence.people[contact.customer]
        is_right = record["to"] == person.addresses.get(contact.channel, "")
        is_right &= record.get("customer", person.external_id) == person.external_id
        is_right &= record.get("channel", "email") == contact.channel
        findings.check(
            "to the right customer", is_right, at, f"{key} to {record['to']}", tested=True
        )


def _check_who(evidence: MonthEvidence, findings: Findings) -> None:
    """Suppression, erasure, pauses and the stop switch, at the moment of arrival."""
    barred: dict[tuple[str, str], datetime] = {}
    for note in evidence.noted("suppressed"):
        barred.setdefault((note["customer"], note["channel"]), moment(note["at"]))
    erased = {note["id"]: moment(note["at"]) for note in evidence.noted("erased")}
    findings.find("the erased get nothing").n_tested = len(erased)
    paused = evidence.spans("paused", "launched", of="campaign")
    stopped = evidence.spans("stopped", "started")
    paused_maps, map_of = evidence.spans("map paused", "map launched", of="map"), _maps()
    for delivery in evidence.deliveries:
        if rule := STOPPED.get(NAMES.get(delivery["reason_code"], "")):
            findings.find(rule).n_tested += 1
    findings.find("stopped is stopped").n_tested = sum(
        start < contact.reserved_at < end and not contact.is_control
        for contact in evidence.contacts.values()
        for _campaign, start, end in stopped
    )
    findings.find("a paused campaign sends nothing").n_tested += sum(
        contact.campaign == campaign and start < contact.reserved_at < end
        for contact in evidence.contacts.values()
        for campaign, start, end in paused
        if not contact.is_control
    )
    for customer, history in sorted(evidence.history.items()):
        person = evidence.people[customer]
        for contact in history:
            if contact.is_control or contact.arrived_at is None:
                continue
            at, channel = contact.arrived_at, contact.channel
            text = f"customer {customer}, contact {contact.id} by {channel}"
            if channel in inbound_channels():
                continue
            is_kept = customer not in erased or at < erased[customer] + SLACK
            findings.check("the erased get nothing", is_kept, at, text)
            bar = barred.get((person.external_id, channel))
            is_kept = bar is None or at < bar + SLACK
            findings.check("suppressed addresses", is_kept, at, text)
            for campaign, start, end in paused:
                if campaign == contact.campaign:
                    is_kept = not start + SLACK < at < end
                    findings.check("a paused campaign sends nothing", is_kept, at, text)
            for journey, start, end in paused_maps:
                if journey == map_of.get(contact.id):
                    is_kept = not start + SLACK < at < end
                    findings.check("a paused map sends nothing", is_kept, at, text)
            for _campaign, start, end in stopped:
                is_kept = not start + SLACK < at < end
                findings.check("stopped is stopped", is_kept, at, text)


def _maps() -> dict[int, int]:
    """By contact, the map that it was a step of."""
    contacts = rows(
        "SELECT p.contact_id, t.map_id FROM journeys_steppassage p"
        " JOIN journeys_traveller t ON t.id = p.traveller_id WHERE p.contact_id IS NOT NULL"
    )
    return {row["contact_id"]: row["map_id"] for row in contacts}


def _check_throttle(evidence: MonthEvidence, findings: Findings) -> None:
    """Of a route with a limit, in any so many minutes at most as many as in one minute more."""
    limits = rows("SELECT channel, max_per_minute AS n FROM journeys_channelroute")
    for channel, limit in [(row["channel"], row["n"]) for row in limits if row["n"]]:
        at = sorted(
            contact.arrived_at
            for contact in evidence.contacts.values()
            if contact.channel == channel and contact.arrived_at
        )
        for first, start in enumerate(at):
            for minutes in (1, 3):
                n = bisect_right(at, start + timedelta(minutes=minutes)) - first
                text, is_kept = f"{n} in {minutes} minutes", n <= limit * (minutes + 1)
                findings.check(f"throttle of {channel}", is_kept, start, text, tested=n >= limit)


def _check_answers(evidence: MonthEvidence, findings: Findings) -> None:
    """The same question gets the same answer; withdrawals and refusals were told to us."""
    said: dict[str, Row] = {}
    erased = {note["external_id"]: moment(note["at"]) for note in evidence.noted("erased")}
    for note in evidence.noted("answer"):
        at, answer = moment(note["at"]), note["answer"]
        if at > erased.get(note["customer"], at):
            is_kept = note["status"] == 404
            findings.check("the erased are unknown", is_kept, at, str(note), tested=True)
            continue
        if note["status"] != 200:
            findings.check(
                "no answer without data", note["status"] == 503, at, str(note), tested=True
            )
            continue
        earlier = said.setdefault(note["request"], answer)
        is_kept, was_asked = answer == earlier, earlier is not answer
        rule = "the same question, the same answer"
        findings.check(rule, is_kept, at, str(note), tested=was_asked)
    for note in evidence.noted("one click"):
        is_kept = note["status"] == 200
        findings.check("one click is enough", is_kept, moment(note["at"]), str(note), tested=True)

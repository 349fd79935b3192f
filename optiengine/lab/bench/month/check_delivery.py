"""Every message accounted for: none twice, none missing, none to whom it must not go."""

from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import datetime, time, timedelta

from optiengine.lab.bench.month.evidence import SLACK, Contact, Evidence, Row, moment, rows
from optiengine.lab.bench.month.findings import Findings

FINAL = ("sent", "failed", "unknown", "suppressed")
# The codes of the ledger's reasons, as documented (journeys_delivery.reason_code).
REASONS = {
    "customer_unknown": 1,
    "customer_erased": 2,
    "customer_suppressed": 3,
    "address_suppressed": 4,
    "no_consent": 5,
    "no_address": 6,
    "campaign_inactive": 7,
    "journey_inactive": 8,
    "topic_declined": 9,
    "action_inactive": 10,
    "expired": 11,
    "quiet_hours": 20,
    "frequency_cap": 21,
    "minimum_gap": 22,
    "exclusion": 23,
    "cool_down": 24,
    "address_invalid": 30,
    "text_fault": 31,
    "message_invalid": 32,
    "address_refused": 40,
    "message_refused": 41,
    "not_taken": 42,
    "unclear_answer": 43,
    "not_confirmed": 44,
    "connection_lost": 45,
    "file_unclear": 46,
    "session_over": 47,
    "unreachable": 50,
    "not_set_up": 51,
    "provider_not_set": 52,
    "endpoint_inactive": 53,
    "target_inactive": 54,
    "interrupted": 60,
    "settled_as_sent": 61,
    "settled_as_not_sent": 62,
    "reported_by_provider": 63,
    "as_written": 99,
}
NAMES = {code: name for name, code in REASONS.items()}
# What the check before the hand-over stopped, and the rule behind it.
STOPPED = {
    "no_consent": "consent",
    "address_suppressed": "suppressed addresses",
    "campaign_inactive": "a paused campaign sends nothing",
    "journey_inactive": "a paused map sends nothing",
    "expired": "not when it is too late",
}
ARRIVED_IN = ("sent", "unknown")  # what the ledger may say of a message that arrived
BALANCE = """
SELECT as_of, count(*) FILTER (WHERE status = 'sent') AS sent,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'unknown') AS unknown,
       count(*) FILTER (WHERE status IN ('new', 'claimed', 'attempting')) AS waiting,
       count(*) FILTER (WHERE status = 'suppressed') AS suppressed
FROM journeys_delivery GROUP BY 1
"""
RUNS = """
SELECT r.id, r.as_of, r.decided_at, r.status, r.counts, r.deliveries,
       (SELECT count(*) FROM segments_customerstate s WHERE s.as_of = b.as_of) AS n_eligible,
       count(d.id) AS n_decisions, count(DISTINCT d.customer_id) AS n_customers
FROM journeys_decisionrun r JOIN segments_statebuild b ON b.id = r.state_id
LEFT JOIN journeys_decision d ON d.run_id = r.id AND d.as_of = r.as_of
WHERE r.kind = 'daily' GROUP BY r.id, b.as_of ORDER BY r.as_of
"""


def check_delivery(evidence: Evidence, findings: Findings) -> None:
    end = moment(evidence.journal[-1]["at"])
    _check_records(evidence, findings)
    _check_ledger(evidence, findings, end)
    _check_runs(evidence, findings)
    _check_who(evidence, findings)
    _check_when(evidence, findings)
    _check_throttle(evidence, findings)
    _check_answers(evidence, findings)
    _check_repeats(evidence, findings)


def _check_records(evidence: Evidence, findings: Findings) -> None:
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
        is_right = record["to"] == person.addresses[contact.channel]
        is_right &= record.get("customer", person.external_id) == person.external_id
        is_right &= record.get("channel", "email") == contact.channel
        findings.check(
            "to the right customer", is_right, at, f"{key} to {record['to']}", tested=True
        )


def _check_ledger(evidence: Evidence, findings: Findings, end: datetime) -> None:
    """One delivery for each contact that is no control's, in a state that fits what arrived."""
    of_contact: dict[int, list[Row]] = defaultdict(list)
    for delivery in evidence.deliveries:
        of_contact[delivery["contact_id"]].append(delivery)
    for pk, contact in evidence.contacts.items():
        found, at = of_contact.pop(pk, []), contact.reserved_at
        text = f"contact {pk}, key {contact.key}"
        if contact.is_control:
            is_kept = not found and not contact.n_arrived
            findings.check("a control gets no message", is_kept, at, text, tested=True)
            continue
        findings.check("one delivery for each message", len(found) == 1, at, text, tested=True)
        for delivery in found:
            _check_state(findings, contact, delivery, end)
    for leftover in of_contact.values():
        findings.check("a delivery was decided", False, end, f"delivery {leftover[0]['id']}")


def _check_state(findings: Findings, contact: Contact, delivery: Row, end: datetime) -> None:
    status, at = delivery["status"], contact.arrived_at or contact.reserved_at
    reason = NAMES.get(delivery["reason_code"])
    text = f"delivery {delivery['id']} ({delivery['channel']}): {status}, {reason}"
    findings.check(
        "delivery under its contact's key", str(delivery["key"]) == contact.key, at, text
    )
    if status == "sent":
        findings.check(
            f"sent has arrived, by {contact.channel}", contact.n_arrived == 1, at, text, tested=True
        )
    if contact.n_arrived:
        findings.check("arrived is sent or unknown", status in ARRIVED_IN, at, text, tested=True)
    if status not in FINAL:
        is_kept = delivery["due_at"] > end or reason is not None
        findings.check("what waits is due later or says why", is_kept, at, text)
    if status in ("failed", "unknown", "suppressed"):
        has_arrived = "arrived" if contact.n_arrived else "not arrived"
        name = f"{status} says why" + (f" ({has_arrived})" if status == "unknown" else "")
        findings.check(name, reason is not None, at, text, tested=True)


def _check_runs(evidence: Evidence, findings: Findings) -> None:
    balance = {row.pop("as_of"): row for row in rows(BALANCE)}
    for run in rows(RUNS):
        at, counts = run["decided_at"], run["counts"]
        text = f"{run['as_of']}: {run['status']}, {counts}"
        findings.check("a run is done", run["status"] == "done", at, text, tested=True)
        is_kept = run["n_eligible"] == run["n_decisions"] == run["n_customers"]
        text = f"{run['as_of']}: {run['n_eligible']} {run['n_decisions']} {run['n_customers']}"
        findings.check("one decision for each customer and run", is_kept, at, text, tested=True)
        is_kept = counts.get("eligible") == counts.get("decided", -1) + counts.get("quarantined", 0)
        findings.check("eligible = decided + excluded", is_kept, at, text, tested=True)
        told = run["deliveries"]
        found = balance.get(run["as_of"], {})
        is_kept = told.get("decided") == sum(found.values())
        is_kept &= all(told.get(name) == n for name, n in found.items())
        text = f"{run['as_of']}: {told}, but {found}"
        findings.check("decided = sent + failed + …", is_kept, at, text, tested=True)
    for kill in evidence.noted("kill"):
        findings.check(
            f"killed at work: {kill['at_work']}", True, moment(kill["at"]), "", tested=True
        )


def _check_who(evidence: Evidence, findings: Findings) -> None:
    """Consent, suppression, holdout, pauses and the stop switch, at the moment of arrival."""
    consents = _consents()
    members = rows("SELECT customer_id FROM campaigns_armmembership WHERE arm = 'holdout'")
    held_out = {row["customer_id"] for row in members}
    findings.of("the holdout gets only what is owed").n_tested = len(held_out)
    barred: dict[tuple[str, str], datetime] = {}
    for note in evidence.noted("suppressed"):
        barred.setdefault((note["customer"], note["channel"]), moment(note["at"]))
    erased = {note["id"]: moment(note["at"]) for note in evidence.noted("erased")}
    findings.of("the erased get nothing").n_tested = len(erased)
    paused = evidence.spans("paused", "launched", of="campaign")
    stopped = evidence.spans("stopped", "started")
    paused_maps, map_of = evidence.spans("map paused", "map launched", of="map"), _maps()
    for delivery in evidence.deliveries:
        if rule := STOPPED.get(NAMES.get(delivery["reason_code"], "")):
            findings.of(rule).n_tested += 1
    findings.of("stopped is stopped").n_tested = sum(
        start < contact.reserved_at < end and not contact.is_control
        for contact in evidence.contacts.values()
        for _campaign, start, end in stopped
    )
    for customer, history in sorted(evidence.history.items()):
        person = evidence.people[customer]
        for contact in history:
            if contact.is_control or contact.arrived_at is None:
                continue
            at, channel = contact.arrived_at, contact.channel
            text = f"customer {customer}, contact {contact.id} by {channel}"
            sent = evidence.rules_at(contact.reserved_at).campaigns[contact.campaign]
            is_kept = customer not in held_out or sent["transactional"]
            findings.check("the holdout gets only what is owed", is_kept, at, text)
            if customer in held_out and sent["transactional"]:
                findings.check("the holdout gets what is owed", True, at, text, tested=True)
            if channel == "web":
                continue
            was, since = _allowed(consents.get(customer, []), at)
            is_kept = channel in was or (since is not None and since > at - SLACK)
            findings.check("consent", is_kept, at, text)
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
    found = rows(
        "SELECT p.contact_id, t.map_id FROM journeys_steppassage p"
        " JOIN journeys_traveller t ON t.id = p.traveller_id WHERE p.contact_id IS NOT NULL"
    )
    return {row["contact_id"]: row["map_id"] for row in found}


def _consents() -> dict[int, list[tuple[datetime, list[str]]]]:
    """By customer: from when on which channels were allowed."""
    found: dict[int, list[tuple[datetime, list[str]]]] = defaultdict(list)
    for row in rows(
        'SELECT customer_id, changed_at, "after" FROM segments_consentchange'
        " ORDER BY changed_at, id"
    ):
        found[row["customer_id"]].append((row["changed_at"], row["after"]))
    return found


def _allowed(
    changes: list[tuple[datetime, list[str]]], at: datetime
) -> tuple[list[str], datetime | None]:
    """What was allowed at a moment, and since when."""
    place = bisect_right([since for since, _after in changes], at)
    return (changes[place - 1][1], changes[place - 1][0]) if place else ([], None)


def _check_when(evidence: Evidence, findings: Findings) -> None:
    """Not before its planned moment or the lock time, and not when it is too late."""
    expires = {row["contact_id"]: row["expires_at"] for row in evidence.deliveries}
    for contact in evidence.contacts.values():
        at, rules = contact.arrived_at, evidence.rules_at(contact.reserved_at)
        campaign = rules.campaigns[contact.campaign]
        if campaign["send_time_per_person"]:
            locked = datetime.combine(
                contact.as_of, time.fromisoformat(rules.lock_time), rules.zone
            )
            hours = (contact.reserved_at - locked) / timedelta(hours=1)
            findings.check(
                "send time per person: within a day", 0 <= hours <= 24, contact.reserved_at,
                f"contact {contact.id}, {hours:.1f} hours after the lock time", tested=hours > 0,
            )  # fmt: skip
        if at is None or contact.channel == "web":
            continue
        text = f"contact {contact.id} planned for {contact.reserved_at:%d %H:%M}"
        findings.check("not before it is planned", at >= contact.reserved_at, at, text, tested=True)
        limit = expires.get(contact.id)
        findings.check("not when it is too late", limit is None or at <= limit + SLACK, at, text)
        if campaign["recurrence"] not in ("event", "step"):
            local = at.astimezone(rules.zone)
            is_kept = (local.date(), f"{local:%H:%M:%S}") >= (contact.as_of, rules.lock_time)
            findings.check("not before the lock time", is_kept, at, text, tested=True)


def _check_throttle(evidence: Evidence, findings: Findings) -> None:
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
                findings.check(
                    f"throttle of {channel}", n <= limit * (minutes + 1), start,
                    f"{n} in {minutes} minutes", tested=n >= limit,
                )  # fmt: skip


def _check_answers(evidence: Evidence, findings: Findings) -> None:
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
        findings.check(
            "the same question, the same answer", answer == earlier, at, str(note),
            tested=earlier is not answer,
        )  # fmt: skip
    for note in evidence.noted("one click"):
        is_kept = note["status"] == 200
        findings.check("one click is enough", is_kept, moment(note["at"]), str(note), tested=True)


def _check_repeats(evidence: Evidence, findings: Findings) -> None:
    """A campaign does not come again before its days are over."""
    latest: dict[tuple[int, int], Contact] = {}
    for contact in evidence.contacts.values():
        campaign = evidence.rules[0].campaigns[contact.campaign]
        days, pair = campaign["repeat_after_days"], (contact.customer, contact.campaign)
        earlier, latest[pair] = latest.get(pair), contact
        if earlier is None:
            continue
        n_days = (contact.as_of - earlier.as_of).days
        findings.check(
            "a campaign comes again after its days", days is not None and n_days >= days,
            contact.reserved_at, f"contact {contact.id}, {n_days} days after {earlier.id}",
            tested=True,
        )  # fmt: skip

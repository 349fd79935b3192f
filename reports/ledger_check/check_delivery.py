"""Every message accounted for: none twice, none missing, none to whom it must not go."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta

from reports.ledger_check.evidence import SLACK, Contact, Evidence, Row, rows
from reports.ledger_check.findings import Findings
from segments.channels import inbound_channels

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
    "consent_unclear": 12,
    "campaign_paused": 13,
    "journey_paused": 14,
    "route_closed": 15,
    "sending_stopped": 16,
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
ARRIVED_IN = ("sent", "unknown")  # what the ledger may say of a message that arrived
BALANCE = """
SELECT as_of, count(*) FILTER (WHERE status = 'sent') AS sent,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'unknown') AS unknown,
       count(*) FILTER (WHERE status IN ('new', 'claimed', 'attempting')) AS waiting,
       count(*) FILTER (WHERE status = 'suppressed') AS suppressed
FROM journeys_delivery WHERE as_of >= %s GROUP BY 1
"""
RUNS = """
SELECT r.id, r.as_of, r.decided_at, r.status, r.counts, r.deliveries,
       (SELECT count(*) FROM segments_customerstate s WHERE s.as_of = b.as_of) AS n_eligible,
       count(d.id) AS n_decisions, count(DISTINCT d.customer_id) AS n_customers
FROM journeys_decisionrun r JOIN segments_statebuild b ON b.id = r.state_id
LEFT JOIN journeys_decision d ON d.run_id = r.id AND d.as_of = r.as_of
WHERE r.kind = 'daily' AND r.as_of >= %s AND r.status IN ('done', 'failed')
GROUP BY r.id, b.as_of ORDER BY r.as_of
"""


def check_delivery(evidence: Evidence, findings: Findings) -> None:
    _check_ledger(evidence, findings)
    _check_runs(evidence, findings)
    _check_who(evidence, findings)
    _check_when(evidence, findings)
    _check_repeats(evidence, findings)


def _check_ledger(evidence: Evidence, findings: Findings) -> None:
    """One delivery for each contact that is no control's, in a state that fits what arrived."""
    of_contact: dict[int, list[Row]] = defaultdict(list)
    for delivery in evidence.deliveries:
        of_contact[delivery["contact_id"]].append(delivery)
    for contact in evidence.judged_contacts():
        deliveries, at = of_contact[contact.id], contact.reserved_at
        text = f"contact {contact.id}, key {contact.key}"
        if contact.is_control:
            is_kept = not deliveries and not contact.n_arrived
            findings.check("a control gets no message", is_kept, at, text, tested=True)
            continue
        findings.check("one delivery for each message", len(deliveries) == 1, at, text, tested=True)
        _check_release(findings, contact, deliveries)
        for delivery in deliveries:
            _check_state(evidence, findings, contact, delivery)
    for delivery in evidence.deliveries:
        if delivery["due_at"] >= evidence.since:
            is_kept = delivery["contact_id"] in evidence.contacts
            text = f"delivery {delivery['id']}"
            findings.check("a delivery was decided", is_kept, delivery["due_at"], text)


def _check_release(findings: Findings, contact: Contact, deliveries: list[Row]) -> None:
    """Released is what will not leave, and all of that is."""
    at, text = contact.reserved_at, f"contact {contact.id}"
    stopped = any(delivery["status"] in ("failed", "suppressed") for delivery in deliveries)
    is_kept = stopped == (contact.released_id is not None)
    findings.check("what will not leave is released", is_kept, at, text, tested=stopped)


def _check_state(evidence: Evidence, findings: Findings, contact: Contact, delivery: Row) -> None:
    status, at = delivery["status"], contact.arrived_at or contact.reserved_at
    reason = NAMES.get(delivery["reason_code"])
    text = f"delivery {delivery['id']} ({delivery['channel']}): {status}, {reason}"
    findings.check(
        "delivery under its contact's key", str(delivery["key"]) == contact.key, at, text
    )
    if evidence.has_sinks and status == "sent":
        findings.check(
            f"sent has arrived, by {contact.channel}", contact.n_arrived == 1, at, text, tested=True
        )
    if evidence.has_sinks and contact.n_arrived:
        findings.check("arrived is sent or unknown", status in ARRIVED_IN, at, text, tested=True)
    if evidence.has_sinks and status not in FINAL:
        is_kept = delivery["due_at"] > evidence.until or reason is not None
        findings.check("what waits is due later or says why", is_kept, at, text)
    if status in ("failed", "unknown", "suppressed"):
        has_arrived = "arrived" if contact.n_arrived else "not arrived"
        name = f"{status} says why" + (
            f" ({has_arrived})" if evidence.has_sinks and status == "unknown" else ""
        )
        findings.check(name, reason is not None, at, text, tested=True)


def first_whole_day(evidence: Evidence) -> date:
    """The first day of which all was decided since the checked time began."""
    local = evidence.since.astimezone(evidence.rules[0].zone)
    return local.date() + timedelta(days=local.time() > time())


def _check_runs(evidence: Evidence, findings: Findings) -> None:
    first = first_whole_day(evidence)
    balance = {row.pop("as_of"): row for row in rows(BALANCE, first)}
    for run in rows(RUNS, first):
        at, counts = run["decided_at"], run["counts"]
        text = f"{run['as_of']}: {run['status']}, {counts}"
        findings.check("a run is done", run["status"] == "done", at, text, tested=True)
        n_excluded = counts.get("quarantined", 0)
        n_due = run["n_eligible"] - n_excluded
        is_kept = n_due == run["n_decisions"] == run["n_customers"]
        text = f"{run['as_of']}: {run['n_eligible']} {run['n_decisions']} {run['n_customers']}"
        if run["n_eligible"]:  # else its state is no longer kept
            rule = "one decision for each customer and run"
            findings.check(rule, is_kept, at, text, tested=True)
        is_kept = counts.get("eligible") == counts.get("decided", -1) + counts.get("quarantined", 0)
        findings.check("eligible = decided + excluded", is_kept, at, text, tested=True)
        stored = run["deliveries"]
        counted = balance.get(run["as_of"], {})
        is_kept = stored.get("decided") == sum(counted.values())
        is_kept &= all(stored.get(name) == n for name, n in counted.items())
        text = f"{run['as_of']}: {stored}, but {counted}"
        findings.check("decided = sent + failed + …", is_kept, at, text, tested=True)


def _check_who(evidence: Evidence, findings: Findings) -> None:
    """Consent and holdout, at the moment of arrival."""
    statements, now = _statements(sorted(evidence.history)), _consents_now()
    members = rows("SELECT customer_id FROM campaigns_armmembership WHERE arm = 'holdout'")
    held_out = {row["customer_id"] for row in members}
    findings.of("the holdout gets only what is owed").n_tested = len(held_out)
    findings.of("consent").n_tested = sum(
        NAMES.get(delivery["reason_code"]) == "no_consent" for delivery in evidence.deliveries
    )
    for customer, history in sorted(evidence.history.items()):
        for contact in history:
            if contact.is_control or contact.arrived_at is None:
                continue
            at, channel = contact.arrived_at, contact.channel
            if at < evidence.since:
                continue
            text = f"customer {customer}, contact {contact.id} by {channel}"
            sent = evidence.rules_at(contact.reserved_at).campaigns[contact.campaign]
            is_kept = customer not in held_out or sent["transactional"]
            findings.check("the holdout gets only what is owed", is_kept, at, text)
            if customer in held_out and sent["transactional"]:
                findings.check("the holdout gets what is owed", True, at, text, tested=True)
            if channel in inbound_channels():
                continue
            said = statements.get((customer, channel))
            is_kept = (
                _was_allowed(said, at) or _was_allowed(said, at - SLACK)
                if said
                else channel in now.get(customer, [])
            )
            findings.check("consent", is_kept, at, text)


BLOCK = 4096  # customers to a row of what a file said
STATEMENTS = """
SELECT customer_id, channel, says_yes, by_customer, brings_back, said_at, recorded_at
FROM segments_consentstatement WHERE topic IS NULL AND customer_id = ANY (%s)
"""
FILES = """
SELECT block, channel, says_yes, said_at, recorded_at, customers::text AS bits
FROM segments_fileconsents WHERE block = ANY (%s)
"""


def _statements(customers: list[int]) -> dict[tuple[int, str], list[Row]]:
    """By customer and channel: what was said about consent, in no order."""
    statements: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in rows(STATEMENTS, customers):
        statements[row["customer_id"], row["channel"]].append(row)
    in_block: dict[int, list[int]] = defaultdict(list)
    for customer in customers:
        in_block[customer // BLOCK].append(customer)
    for row in rows(FILES, sorted(in_block)):
        bits = row.pop("bits")
        row |= {"by_customer": False, "brings_back": False}
        for customer in in_block[row["block"]]:
            if bits[customer % BLOCK] == "1":
                statements[customer, row["channel"]].append(row)
    return statements


def _consents_now() -> dict[int, list[str]]:
    customers = rows("SELECT id, consents FROM segments_customer WHERE erased_at IS NULL")
    return {row["id"]: row["consents"] for row in customers}


def _was_allowed(said: list[Row], at: datetime) -> bool:
    """By what was known at a moment: the newest counts, of several at one time a yes last of all.

    After a withdrawal in person only a later statement that brings the consent back.
    """
    known = [row for row in said if row["recorded_at"] <= at]
    if not known:
        return False
    withdrawn = [r["said_at"] for r in known if r["says_yes"] is False and r["by_customer"]]
    brought_back = [r["said_at"] for r in known if r["brings_back"]]
    if withdrawn and not (brought_back and max(brought_back) > max(withdrawn)):
        return False
    newest = max(row["said_at"] for row in known)
    return all(row["says_yes"] is True for row in known if row["said_at"] == newest)


def _check_when(evidence: Evidence, findings: Findings) -> None:
    """Not before its planned moment or the lock time, and not when it is too late."""
    expires = {row["contact_id"]: row["expires_at"] for row in evidence.deliveries}
    for contact in evidence.judged_contacts():
        at, rules = contact.arrived_at, evidence.rules_at(contact.reserved_at)
        campaign = rules.campaigns[contact.campaign]
        locked = rules.locked(contact.as_of)
        if campaign["send_time_per_person"] and locked:
            hours = (contact.reserved_at - locked) / timedelta(hours=1)
            findings.check(
                "send time per person: within a day", 0 <= hours <= 24, contact.reserved_at,
                f"contact {contact.id}, {hours:.1f} hours after the lock time", tested=hours > 0,
            )  # fmt: skip
        if at is None or contact.channel in inbound_channels():
            continue
        text = f"contact {contact.id} planned for {contact.reserved_at:%d %H:%M}"
        findings.check("not before it is planned", at >= contact.reserved_at, at, text, tested=True)
        limit = expires.get(contact.id)
        findings.check("not when it is too late", limit is None or at <= limit + SLACK, at, text)
        if campaign["recurrence"] not in ("event", "step") and locked:
            is_kept = at >= locked
            findings.check("not before the lock time", is_kept, at, text, tested=True)


def _check_repeats(evidence: Evidence, findings: Findings) -> None:
    """A campaign does not come again before its days are over."""
    latest: dict[tuple[int, int], list[Contact]] = defaultdict(list)
    for contact in evidence.contacts.values():
        campaign = evidence.rules[0].campaigns[contact.campaign]
        days, pair = campaign["repeat_after_days"], (contact.customer, contact.campaign)
        counted = [other for other in latest[pair] if other.counted_for(contact)]
        latest[pair] = [*counted, contact]
        if not counted or contact.is_imported or contact.reserved_at < evidence.since:
            continue
        earlier = counted[-1]
        n_days = (contact.as_of - earlier.as_of).days
        findings.check(
            "a campaign comes again after its days", days is not None and n_days >= days,
            contact.reserved_at, f"contact {contact.id}, {n_days} days after {earlier.id}",
            tested=True,
        )  # fmt: skip

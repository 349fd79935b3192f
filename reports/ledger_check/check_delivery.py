"""Every message accounted for: none twice, none missing, none too early or too late."""

from collections import defaultdict
from datetime import date, time, timedelta
from functools import partial

from django.utils.translation import gettext, gettext_noop

from reports.ledger_check.check_limits import describe, is_quiet_for
from reports.ledger_check.evidence import SLACK, Contact, Evidence, Row
from reports.ledger_check.findings import Findings
from reports.ledger_check.read_evidence import rows
from reports.ledger_check.rule_names import (
    CONTROL,
    DECIDED,
    LOCK_TIME,
    NOT_EARLY,
    NOT_LATE,
    ONE_DELIVERY,
    RELEASED,
    REPETITION,
    SAME_KEY,
    SAYS_WHY,
    SEND_TIME,
)
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
    "address_unsettled": 17,
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
WILL_NOT_LEAVE = ("failed", "suppressed")
ARRIVED_IN = ("sent", "unknown")  # what the ledger may say of a message that arrived
OF_THE_MOMENT = ("event", "step")  # recurrences that do not wait for the day's run
RUNS = "SELECT as_of, decided_at FROM journeys_decisionrun WHERE kind = 'daily'"
QUARTER = timedelta(hours=6)
N_DELIVERIES = gettext_noop("%(n)d deliveries")
DELIVERY = gettext_noop("delivery %(id)d by %(channel)s: %(status)s, %(reason)s")
PLANNED = gettext_noop("planned for %(at)s")
HOURS_AFTER = gettext_noop("%(hours).1f hours after the run's messages could leave")
DAYS_AFTER = gettext_noop("%(days)d days after that of %(day)s")


def check_delivery(evidence: Evidence, findings: Findings) -> None:
    of_contact: dict[int, list[Row]] = defaultdict(list)
    for delivery in evidence.deliveries:
        of_contact[delivery["contact_id"]].append(delivery)
    _check_one_each(evidence, findings, of_contact)
    _check_times(evidence, findings, of_contact)
    _check_send_times(evidence, findings)
    _check_repetition(evidence, findings)


def _check_one_each(
    evidence: Evidence, findings: Findings, of_contact: dict[int, list[Row]]
) -> None:
    """One delivery for each contact that is no control's, in a state that fits what arrived."""
    for contact in evidence.judged_contacts():
        deliveries, at = of_contact[contact.id], contact.reserved_at
        text = partial(describe, evidence.rules[0], contact, N_DELIVERIES, n=len(deliveries))
        if contact.is_control:
            is_kept = not deliveries and not contact.n_arrived
            findings.check(CONTROL, is_kept, at, text, tested=True)
            continue
        findings.check(ONE_DELIVERY, len(deliveries) == 1, at, text, tested=True)
        will_not_leave = any(delivery["status"] in WILL_NOT_LEAVE for delivery in deliveries)
        is_kept = will_not_leave == (contact.released_id is not None)
        findings.check(RELEASED, is_kept, at, text, tested=will_not_leave)
        for delivery in deliveries:
            _check_state(evidence, findings, contact, delivery)
    for delivery in evidence.deliveries:
        if delivery["due_at"] >= evidence.since:
            is_kept = delivery["contact_id"] in evidence.contacts
            findings.check(DECIDED, is_kept, delivery["due_at"], partial(_state, delivery))


def _state(delivery: Row) -> str:
    return gettext(DELIVERY) % {
        "id": delivery["id"],
        "channel": delivery["channel"],
        "status": delivery["status"],
        "reason": NAMES.get(delivery["reason_code"], "–"),
    }


def _check_state(evidence: Evidence, findings: Findings, contact: Contact, delivery: Row) -> None:
    status, at = delivery["status"], contact.arrived_at or contact.reserved_at
    says_why = NAMES.get(delivery["reason_code"]) is not None
    text = partial(_state, delivery)
    findings.check(SAME_KEY, delivery["key"] == contact.key, at, text)
    if evidence.has_sinks:
        if status == "sent":
            rule = f"sent has arrived, by {contact.channel}"
            findings.check(rule, contact.n_arrived == 1, at, text, tested=True)
        if contact.n_arrived:
            is_kept = status in ARRIVED_IN
            findings.check("arrived is sent or unknown", is_kept, at, text, tested=True)
        if status not in FINAL:
            is_kept = delivery["due_at"] > evidence.until or says_why
            findings.check("what waits is due later or says why", is_kept, at, text)
        if status == "unknown":
            has_arrived = "arrived" if contact.n_arrived else "not arrived"
            findings.check(f"unknown says why ({has_arrived})", says_why, at, text, tested=True)
    if status in SAYS_WHY:
        findings.check(SAYS_WHY[status], says_why, at, text, tested=True)


def first_whole_day(evidence: Evidence) -> date:
    """The first day of which all was decided since the checked time began."""
    local = evidence.since.astimezone(evidence.rules[0].zone)
    return local.date() + timedelta(days=local.time() > time())


def _check_times(evidence: Evidence, findings: Findings, of_contact: dict[int, list[Row]]) -> None:
    """Not before its planned moment or the lock time, and not when it is too late."""
    for contact in evidence.judged_contacts():
        at, rules = contact.arrived_at, evidence.rules_at(contact.reserved_at)
        if at is None or contact.channel in inbound_channels():
            continue
        planned = f"{contact.reserved_at:%Y-%m-%d %H:%M}"
        text = partial(describe, rules, contact, PLANNED, at=planned)
        findings.check(NOT_EARLY, at >= contact.reserved_at, at, text, tested=True)
        limits = [delivery["expires_at"] for delivery in of_contact[contact.id]]
        is_kept = all(limit is None or at <= limit + SLACK for limit in limits)
        findings.check(NOT_LATE, is_kept, at, text)
        locked = rules.locked(contact.as_of)
        if rules.campaigns[contact.campaign]["recurrence"] not in OF_THE_MOMENT and locked:
            findings.check(LOCK_TIME, at >= locked, at, text, tested=True)


def _check_send_times(evidence: Evidence, findings: Findings) -> None:
    """Within a day of the moment from which the run's messages may leave. Only where it is quiet
    all that day, at the end of the quiet hours."""
    decided_at = {row["as_of"]: row["decided_at"] for row in rows(RUNS)}
    for contact in evidence.judged_contacts():
        rules = evidence.rules_at(contact.reserved_at)
        campaign = rules.campaigns[contact.campaign]
        is_planned = campaign["send_time_per_person"] and not contact.transactional
        if not is_planned or campaign["recurrence"] in OF_THE_MOMENT:
            continue
        if contact.channel in inbound_channels() or contact.as_of not in decided_at:
            continue
        start = decided_at[contact.as_of]
        if locked := rules.locked(contact.as_of):
            start = max(start, locked)
        hours = (contact.reserved_at - start) / timedelta(hours=1)
        is_kept = 0 <= hours <= 24
        if hours > 24:
            person, channel = evidence.people[contact.customer], contact.channel
            if not evidence.knows_place(person, contact.reserved_at):
                findings.cannot_tell(SEND_TIME)
                continue
            is_kept = all(
                is_quiet_for(rules, person, channel, start + n * QUARTER) for n in range(5)
            )
        text = partial(describe, rules, contact, HOURS_AFTER, hours=hours)
        findings.check(SEND_TIME, is_kept, contact.reserved_at, text, tested=hours > 0)


def _check_repetition(evidence: Evidence, findings: Findings) -> None:
    """A campaign does not come again before its days are over. Steps of journeys come as often as
    their journey lets the customer in."""
    for planned in evidence.planned.values():
        earlier: dict[int, list[Contact]] = defaultdict(list)  # by campaign
        for contact in planned:
            counted = (other for other in earlier[contact.campaign] if other.counted_for(contact))
            before = [other for other in counted if evidence.was_known(other, contact)]
            earlier[contact.campaign].append(contact)
            if not before or contact.is_imported or contact.reserved_at < evidence.since:
                continue
            rules = evidence.rules_at(contact.reserved_at)
            campaign = rules.campaigns[contact.campaign]
            if campaign["recurrence"] == "step":
                continue
            latest = max(before, key=lambda message: message.as_of)
            # A run for an earlier day than the latest message's counts that message as today's.
            n_days = max((contact.as_of - latest.as_of).days, 0)
            days = campaign["repeat_after_days"]
            text = partial(describe, rules, contact, DAYS_AFTER, days=n_days, day=latest.as_of)
            is_kept = days is not None and n_days >= days
            findings.check(REPETITION, is_kept, contact.reserved_at, text, tested=True)

"""To whom nothing must go, at the moment at which it went: consent, groups, erasure, suppression.

The list of suppressed addresses holds hashes, so addresses are hashed once more here. A customer's
row does not say which addresses it held before: a message says something only where the row was
not written since, for then it went to the address that is there now. That is looked for by its
normal form, and as the row says that it is compared.
"""

import hmac
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import Any

from django.conf import settings

from reports.ledger_check.check_delivery import NAMES
from reports.ledger_check.check_limits import describe
from reports.ledger_check.evidence import SLACK, Contact, Evidence, Row
from reports.ledger_check.findings import Findings
from reports.ledger_check.read_evidence import rows
from reports.ledger_check.rule_names import (
    CONSENT,
    ERASED,
    GLOBAL_CONTROL,
    SUPPRESSED,
    TOPICS,
)
from segments.channels import address_fields, inbound_channels

# What the check before the hand-over stopped, by the rule behind it.
STOPPED = {
    "no_consent": CONSENT,
    "customer_erased": ERASED,
    "address_suppressed": SUPPRESSED,
    "topic_declined": TOPICS,
}
# Who is held out by the plan, and whose group became another one when records were merged.
GROUPS = """
SELECT customer_id, plan_id, arm = 'holdout' AS is_held_out, NULL::date AS since
FROM campaigns_armmembership WHERE arm = 'holdout' AND customer_id BETWEEN %(first)s AND %(last)s
UNION ALL
SELECT customer_id, plan_id, arm = 'holdout', since
FROM campaigns_armchange WHERE customer_id BETWEEN %(first)s AND %(last)s
ORDER BY since NULLS FIRST
"""
PLANS = "SELECT id, starts_on FROM campaigns_armplan ORDER BY starts_on"
PLANS_OF_RUNS = """
SELECT DISTINCT as_of, plan_id FROM journeys_decisionrun WHERE plan_id IS NOT NULL
"""
LISTED = """
SELECT channel, address_hash, since FROM segments_suppression WHERE address_hash = ANY(%s)
"""
IN_FORCE_THEN = "{m}.merged_at <= c.at AND ({m}.undone_at IS NULL OR {m}.undone_at > c.at)"
# Statements about channels, and what files said: a bit for each customer of a block. Of a message's
# customer, and of all other records of the person at the moment at which it left: one that was
# merged since may have a message that waited.
SAID = f"""
SELECT said.* FROM (
    SELECT c.id AS record
    UNION ALL
    SELECT m.alias_id FROM segments_customermerge m
    WHERE m.kept_id = c.id AND {IN_FORCE_THEN.format(m="m")}
    UNION ALL
    SELECT m.kept_id FROM segments_customermerge m
    WHERE m.alias_id = c.id AND {IN_FORCE_THEN.format(m="m")}
    UNION ALL
    SELECT o.alias_id FROM segments_customermerge m
    JOIN segments_customermerge o ON o.kept_id = m.kept_id AND o.alias_id <> m.alias_id
    WHERE m.alias_id = c.id AND {IN_FORCE_THEN.format(m="m")} AND {IN_FORCE_THEN.format(m="o")}
) person
CROSS JOIN LATERAL (
    SELECT s.channel, s.says_yes, s.by_customer, s.brings_back, s.said_at, s.recorded_at
    FROM segments_consentstatement s WHERE s.customer_id = person.record AND s.topic IS NULL
    UNION ALL
    SELECT f.channel, f.says_yes, false, false, f.said_at, f.recorded_at
    FROM segments_fileconsents f
    WHERE f.block = person.record >> 12
      AND get_bit(f.customers, (person.record & 4095)::int) = 1
) said
"""
STATEMENTS = f"""
SELECT c.message, said.*
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])
    AS c (message, id, channel, at)
CROSS JOIN LATERAL ({SAID}) said WHERE said.channel = c.channel ORDER BY said.recorded_at
"""
# Messages for which consent plainly held, by _is_allowed.
ALLOWED = f"""
SELECT c.message
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])
    AS c (message, id, channel, at)
CROSS JOIN LATERAL (
    SELECT bool_and(coalesce(says_yes, false)) FILTER (WHERE said_at = newest) AS is_given,
           max(said_at) FILTER (WHERE NOT says_yes AND by_customer) AS withdrawn_at,
           max(said_at) FILTER (WHERE brings_back) AS brought_back_at
    FROM (SELECT *, max(said_at) OVER () AS newest FROM ({SAID}) said
          WHERE said.channel = c.channel AND said.recorded_at <= c.at) known) holds
WHERE is_given AND (withdrawn_at IS NULL OR brought_back_at > withdrawn_at)
"""
CONSENTS = "SELECT id, consents FROM segments_customer WHERE id BETWEEN %s AND %s"


def check_people(evidence: Evidence, findings: Findings) -> None:
    for delivery in evidence.deliveries:
        if rule := STOPPED.get(NAMES.get(delivery["reason_code"], "")):
            findings.find(rule).n_tested += 1
    _check_groups(evidence, findings)
    _check_consents(evidence, findings)
    _check_erased(evidence, findings)
    _check_topics(evidence, findings)
    _check_suppressed(evidence, findings)


def _check_groups(evidence: Evidence, findings: Findings) -> None:
    """By the plan that the runs of the day used: a customer's group under another is another."""
    groups: dict[tuple[int, int], list[Row]] = defaultdict(list)  # in order of time
    for row in rows(GROUPS, first=evidence.first_id, last=evidence.last_id):
        groups[row["customer_id"], row["plan_id"]].append(row)
    held_out = {pair[0] for pair, of in groups.items() if any(row["is_held_out"] for row in of)}
    findings.find(GLOBAL_CONTROL).n_tested += len(held_out)
    plans, of_runs = list(rows(PLANS)), defaultdict(set)
    for row in rows(PLANS_OF_RUNS):
        of_runs[row["as_of"]].add(row["plan_id"])

    def plans_of(day: date) -> set[int]:
        begun = [plan["id"] for plan in plans if plan["starts_on"] <= day]
        return of_runs[day] or set(begun[-1:])

    def is_held_out(customer: int, plan: int, day: date) -> bool:
        known = [
            row["is_held_out"]
            for row in groups.get((customer, plan), ())
            if row["since"] is None or row["since"] <= day
        ]
        return bool(known) and known[-1]

    for contact in evidence.messages():
        plan_ids, day = plans_of(contact.as_of), contact.as_of
        is_barred = bool(plan_ids) and all(
            is_held_out(contact.customer, plan, day) for plan in plan_ids
        )
        is_kept = not is_barred or contact.transactional
        findings.check(GLOBAL_CONTROL, is_kept, _at(contact), _text(evidence, contact))


def _at(contact: Contact) -> datetime:
    return contact.arrived_at or contact.reserved_at


def _text(evidence: Evidence, contact: Contact) -> Callable[[], str]:
    return partial(describe, evidence.rules[0], contact)


def _outbound(evidence: Evidence) -> Iterable[Contact]:
    inbound = inbound_channels()
    return (contact for contact in evidence.messages() if contact.channel not in inbound)


def _check_consents(evidence: Evidence, findings: Findings) -> None:
    """Most were plainly given: the database says so. Of the others all that was said is read."""
    contacts = list(_outbound(evidence))
    allowed = {row["message"] for row in rows(ALLOWED, *_columns(contacts))}
    statements = _statements([contact for contact in contacts if contact.id not in allowed])
    now = _consents_now(evidence)
    for contact in contacts:
        at, text = _at(contact), _text(evidence, contact)
        if contact.id in allowed:
            findings.check(CONSENT, True, at, text)
            continue
        said = statements.get(contact.id, [])
        if not said:  # nobody ever spoke of the channel: what was there holds
            findings.check(CONSENT, contact.channel in now.get(contact.customer, []), at, text)
        elif said[0]["recorded_at"] > at and said[0]["says_yes"] is False:
            findings.cannot_tell(CONSENT)  # withdrawn since, and given before anything was kept
        else:
            findings.check(CONSENT, _may_be_allowed(evidence, said, at), at, text)


def _columns(contacts: Sequence[Contact]) -> list[list[Any]]:
    return [
        [contact.id for contact in contacts],
        [contact.customer for contact in contacts],
        [contact.channel for contact in contacts],
        [_at(contact) for contact in contacts],
    ]


def _statements(contacts: Sequence[Contact]) -> dict[int, list[Row]]:
    """By message: what was said about its channel, in the order in which we learned it."""
    statements: dict[int, list[Row]] = defaultdict(list)
    for row in rows(STATEMENTS, *_columns(contacts)):
        statements[row["message"]].append(row)
    return statements


def _consents_now(evidence: Evidence) -> dict[int, list[str]]:
    customers = rows(CONSENTS, evidence.first_id, evidence.last_id)
    return {row["id"]: row["consents"] for row in customers}


def _may_be_allowed(evidence: Evidence, said: list[Row], at: datetime) -> bool:
    """By all that was known at a moment, or without what was only being written then."""
    known = [row for row in said if row["recorded_at"] <= at]
    seen = [row for row in said if evidence.seen_by(row["recorded_at"]) <= at]
    return _is_allowed(known) or _is_allowed(seen)


def _is_allowed(said: list[Row]) -> bool:
    """The newest counts, of several at one time a yes last of all.

    After a withdrawal in person only a later statement that brings the consent back.
    """
    withdrawn = [row["said_at"] for row in said if row["says_yes"] is False and row["by_customer"]]
    brought_back = [row["said_at"] for row in said if row["brings_back"]]
    if withdrawn and not (brought_back and max(brought_back) > max(withdrawn)):
        return False
    newest = max((row["said_at"] for row in said), default=None)
    return bool(said) and all(row["says_yes"] for row in said if row["said_at"] == newest)


def _check_erased(evidence: Evidence, findings: Findings) -> None:
    for contact in evidence.messages():
        erased_at = evidence.people[contact.customer].erased_at
        is_kept = erased_at is None or _at(contact) < erased_at + SLACK
        findings.check(ERASED, is_kept, _at(contact), _text(evidence, contact))


def _check_topics(evidence: Evidence, findings: Findings) -> None:
    """Of the tags that the campaign had then and has now."""
    for contact in _outbound(evidence):
        person, at = evidence.people[contact.customer], _at(contact)
        if not person.topics_declined:
            continue
        if not evidence.is_unchanged(person, at):
            findings.cannot_tell(TOPICS)
            continue
        tags = evidence.rules_at(at).tags.get(contact.campaign, frozenset())
        is_kept = not (contact.tags & tags & person.topics_declined)
        findings.check(TOPICS, is_kept, at, _text(evidence, contact))


def _check_suppressed(evidence: Evidence, findings: Findings) -> None:
    fields = address_fields()
    hashes: dict[int, list[bytes]] = {}  # by message, of the address that it went to
    for contact in _outbound(evidence):
        person = evidence.people[contact.customer]
        if contact.channel not in fields or not person.addresses[contact.channel]:
            continue
        if not evidence.is_unchanged(person, _at(contact)):
            findings.cannot_tell(SUPPRESSED)
            continue
        normal = NORMAL[fields[contact.channel]](person.addresses[contact.channel])
        forms = {normal, person.keys[contact.channel]} - {""}
        hashes[contact.id] = [hash_of(form) for form in forms]
    since = {
        (row["channel"], bytes(row["address_hash"])): evidence.seen_by(row["since"])
        for row in rows(LISTED, [hashed for forms in hashes.values() for hashed in forms])
    }
    for pk, forms_of_address in hashes.items():
        contact = evidence.contacts[pk]
        listed = [since.get((contact.channel, hashed)) for hashed in forms_of_address]
        is_kept = all(barred is None or _at(contact) < barred for barred in listed)
        findings.check(SUPPRESSED, is_kept, _at(contact), _text(evidence, contact))


def normal_email(address: str) -> str:
    local, at, domain = address.strip().lower().rpartition("@")
    with suppress(UnicodeError):  # it is compared as it stands: no message could reach it
        domain = domain if address.isascii() else domain.encode("idna").decode()
    return f"{local}{at}{domain}"


def normal_phone(number: str) -> str:
    digits = "".join(re.findall(r"\d", number))
    if number.strip().startswith("+"):
        return "+" + digits
    return "+" + digits[2:] if digits.startswith("00") else digits


NORMAL = {"email": normal_email, "phone": normal_phone}


def hash_of(form: str) -> bytes:
    """HMAC-SHA-256, as documented."""
    key = settings.SUPPRESSION_KEY.encode()
    return hmac.new(key, form.encode(errors="replace"), "sha256").digest()

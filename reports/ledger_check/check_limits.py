"""Caps, gaps, exclusions, cool-downs, quiet hours: asked of each message at the moment it left.

The slow reading of docs/reference/limits.md: one message at a time, against what had happened
before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop

from reports.ledger_check.evidence import SLACK, Contact, Evidence, Person, Row, Rules
from reports.ledger_check.findings import Findings
from reports.ledger_check.rule_names import (
    ALONGSIDE,
    CAP,
    COOL_DOWN,
    EXCLUSION,
    EXEMPT,
    GAP,
    IGNORES_COOL_DOWN,
    NOT_COUNTED,
    QUIET_HOURS,
    TRANSACTIONAL,
)
from segments.channels import inbound_channels

MIDNIGHT = time()
ROLLING = ("hours", "days")
MESSAGE = gettext_noop(
    "customer %(customer)d, message %(message)d of “%(campaign)s” by %(channel)s"
)
NUMBER = gettext_noop("number %(n)d of at most %(limit)d")
AFTER = gettext_noop("%(time)s after another message")
DAYS_AFTER = gettext_noop("%(days)s days after the message that blocks it")
LOCAL_TIME = gettext_noop("at %(time)s")


def check_limits(evidence: Evidence, findings: Findings) -> None:
    for history in evidence.history.values():
        for n_before, contact in enumerate(history):
            at = contact.arrived_at
            if contact.is_control or at is None or at < evidence.since:
                continue
            is_inbound = contact.channel in inbound_channels()
            if is_inbound:
                at, before = contact.reserved_at, _as_decided(evidence, contact)
            else:
                earlier = (other for other in history[:n_before] if other.counts_at(at))
                before = [other for other in earlier if evidence.was_known(other, contact)]
            rules = evidence.rules_at(at)
            if not contact.transactional:
                _check_caps(evidence, findings, rules, contact, at, before)
                _check_gaps(findings, rules, contact, at, before)
                _check_exclusions(findings, rules, contact, at, before)
                _check_cool_downs(findings, rules, contact, at, before)
                if not is_inbound:
                    _check_quiet_hours(evidence, findings, rules, contact, at)
            _check_flags(findings, rules, contact, before)
    _count_quiet_ends(evidence, findings)


def _as_decided(evidence: Evidence, contact: Contact) -> list[Contact]:
    """What an answer counts, for nothing can hold it back later: what was decided before, at the
    moments for which it was planned, or, where it left later than planned, from when it left."""
    before = []
    for earlier in evidence.planned[contact.customer]:
        is_counted = earlier.id < contact.id and earlier.counted_for(contact)
        if is_counted and evidence.was_known(earlier, contact):
            at = earlier.reserved_at
            if earlier.arrived_at and earlier.arrived_at < contact.reserved_at:
                at = max(at, earlier.arrived_at)
            before.append(replace(earlier, arrived_at=at))
    return before


def describe(rules: Rules, contact: Contact, more: str = "", **facts: Any) -> str:
    """Which message it is, and more of it: a text for the catalogue, with its facts."""
    text = gettext(MESSAGE) % {
        "customer": contact.customer,
        "message": contact.id,
        "campaign": rules.campaigns[contact.campaign]["name"],
        "channel": contact.channel,
    }
    return f"{text}: {gettext(more) % facts}" if more else text


def _check_caps(
    evidence: Evidence,
    findings: Findings,
    rules: Rules,
    contact: Contact,
    at: datetime,
    before: Sequence[Contact],
) -> None:
    person = evidence.people[contact.customer]
    campaign = rules.campaigns[contact.campaign]
    if campaign["exempt_from_caps"] or not contact.takes_slot:
        return
    for cap in rules.caps:
        if cap["limit"] is None or not _in_scope(cap, contact):
            continue
        is_rolling = cap["window"] in ROLLING
        if not is_rolling and not evidence.knows_place(person, at):
            findings.cannot_tell(CAP, cap["name"])
            continue
        start = window_start(cap, at, person.zones[0])
        n_inside = sum(
            _counts(cap, earlier) and _is_after(_when(earlier), start, strictly=is_rolling)
            for earlier in before
        )
        findings.check(
            CAP,
            n_inside < cap["limit"],
            at,
            partial(describe, rules, contact, NUMBER, n=n_inside + 1, limit=cap["limit"]),
            of=cap["name"],
        )


def _when(contact: Contact) -> datetime:
    """What was only planned, or imported, happened as planned; see _as_decided."""
    return contact.arrived_at or contact.reserved_at


def _is_after(moment: datetime, start: datetime, *, strictly: bool) -> bool:
    return moment > start if strictly else moment >= start


def _in_scope(cap: Row, contact: Contact) -> bool:
    if cap["scope"] == "channel":
        return contact.channel == cap["channel"]
    return cap["scope"] == "all" or cap["tag_id"] in contact.tags


def _counts(cap: Row, contact: Contact) -> bool:
    """Sent and withheld messages alike, but for what its campaign kept out of all caps."""
    kind = cap["counts_transactional"] if contact.transactional else contact.takes_slot
    return contact.counted and kind and _in_scope(cap, contact)


def window_start(cap: Row, at: datetime, zone: ZoneInfo) -> datetime:
    """Rolling: so many hours or days of 24 hours ago. Calendar: local midnight of the first day."""
    match cap["window"]:
        case "hours":
            return at - timedelta(hours=cap["length"])
        case "days":
            return at - timedelta(hours=24 * cap["length"])
    first = at.astimezone(zone).date()
    if cap["window"] == "week":
        while first.isoweekday() != cap["week_starts_on"]:
            first -= timedelta(days=1)
    elif cap["window"] == "month":
        first = first.replace(day=1)
    return datetime.combine(first, MIDNIGHT, zone).astimezone(UTC)


def _check_gaps(
    findings: Findings, rules: Rules, contact: Contact, at: datetime, before: Sequence[Contact]
) -> None:
    if not contact.takes_slot:
        return
    for gap in rules.gaps:
        if gap["channel"] not in ("", contact.channel):
            continue
        ago = [
            at - _when(earlier)
            for earlier in before
            if earlier.takes_slot
            and not earlier.transactional
            and gap["channel"] in ("", earlier.channel)
        ]
        nearest = min(ago, default=timedelta.max)
        findings.check(
            GAP,
            nearest >= timedelta(hours=gap["hours"]),
            at,
            partial(describe, rules, contact, AFTER, time=nearest),
            of=gap["name"],
        )


def _check_exclusions(
    findings: Findings, rules: Rules, contact: Contact, at: datetime, before: Sequence[Contact]
) -> None:
    for rule in rules.exclusions:
        by = (rule["campaign_id"], rule["tag_id"])
        blocked = (rule["excluded_campaign_id"], rule["excluded_tag_id"])
        ways = [(by, blocked), (blocked, by)] if rule["both_ways"] else [(by, blocked)]
        for source, target in ways:
            if not _is_of(contact, target):
                continue
            sources = [b for b in before if not b.transactional and _is_of(b, source)]
            n_days = _days_since(sources, at, rules.zone)
            findings.check(
                EXCLUSION,
                n_days is None or n_days >= rule["days"],
                at,
                partial(describe, rules, contact, DAYS_AFTER, days=n_days),
                of=rule["name"],
            )


def _is_of(contact: Contact, end: tuple[int | None, int | None]) -> bool:
    campaign, tag = end
    return contact.campaign == campaign or tag in contact.tags


def _days_since(contacts: Iterable[Contact], at: datetime, zone: ZoneInfo) -> int | None:
    """Calendar days of the organisation since the latest of them; None without any."""
    days: list[date] = [_when(contact).astimezone(zone).date() for contact in contacts]
    return (at.astimezone(zone).date() - max(days)).days if days else None


def _check_cool_downs(
    findings: Findings, rules: Rules, contact: Contact, at: datetime, before: Sequence[Contact]
) -> None:
    if not contact.takes_slot or rules.campaigns[contact.campaign]["ignores_durations"]:
        return
    for campaign in rules.campaigns.values():
        pk, days = campaign["id"], campaign["duration_days"]
        if not days or pk == contact.campaign or (contact.campaign, pk) in rules.ignores:
            continue
        sources = [o for o in before if o.campaign == pk and o.takes_slot and not o.transactional]
        n_days = _days_since(sources, at, rules.zone)
        findings.check(
            COOL_DOWN,
            n_days is None or n_days >= days,
            at,
            partial(describe, rules, contact, DAYS_AFTER, days=n_days),
            of=campaign["name"],
        )


def _check_quiet_hours(
    evidence: Evidence, findings: Findings, rules: Rules, contact: Contact, at: datetime
) -> None:
    """In none of the zones in which the customer may be."""
    if not rules.quiet_hours:
        return
    person = evidence.people[contact.customer]
    if not evidence.knows_place(person, at):
        for name in {rule["name"] for rule in rules.quiet_hours}:
            findings.cannot_tell(QUIET_HOURS, name)
        return
    for rule in quiet_hours_for(rules, contact.channel, person.country):
        for zone in person.zones:
            local = at.astimezone(zone)
            # What left in the last seconds before they began may be on its way.
            is_kept = not is_quiet(rule, local) or not is_quiet(rule, (at - SLACK).astimezone(zone))
            findings.check(
                QUIET_HOURS,
                is_kept,
                at,
                partial(describe, rules, contact, LOCAL_TIME, time=f"{local:%a %H:%M %Z}"),
                of=rule["name"],
            )


def quiet_hours_for(rules: Rules, channel: str, country: str) -> list[Row]:
    """The most specific only: of channel and country, the country, the channel, of neither."""
    for wanted in ((channel, country), ("", country), (channel, ""), ("", "")):
        specific = [r for r in rules.quiet_hours if (r["channel"], r["country"]) == wanted]
        if specific:
            return specific
    return []


def is_quiet(rule: Row, local: datetime) -> bool:
    """By the clock on the wall; hours past midnight belong to the day on which they began."""
    start, end = (time.fromisoformat(rule[name]) for name in ("starts_at", "ends_at"))
    now, today = local.time(), local.isoweekday()
    yesterday = today - 1 or 7
    days = rule["weekdays"] or range(1, 8)
    if start < end:
        return today in days and start <= now < end
    return (today in days and now >= start) or (yesterday in days and now < end)


def is_quiet_for(rules: Rules, person: Person, channel: str, at: datetime) -> bool:
    """In one of the zones in which the customer may be."""
    return any(
        is_quiet(rule, at.astimezone(zone))
        for rule in quiet_hours_for(rules, channel, person.country)
        for zone in person.zones
    )


def _count_quiet_ends(evidence: Evidence, findings: Findings) -> None:
    """Quiet hours were put to the test where they held when a message was decided, as far as that
    is known: at the lock time of a day's run; else where it was planned for their very end."""
    for contact in evidence.judged_contacts():
        if contact.channel in inbound_channels() or contact.transactional:
            continue
        person, rules = evidence.people[contact.customer], evidence.rules_at(contact.reserved_at)
        locked = rules.locked(contact.as_of)
        of_run = rules.campaigns[contact.campaign]["recurrence"] not in ("event", "step")
        for rule in quiet_hours_for(rules, contact.channel, person.country):
            end = time.fromisoformat(rule["ends_at"])
            at_end = any(contact.reserved_at.astimezone(z).time() == end for z in person.zones)
            held = (
                of_run
                and locked is not None
                and any(is_quiet(rule, locked.astimezone(z)) for z in person.zones)
            )
            findings.find(QUIET_HOURS, rule["name"]).n_tested += at_end or held


def _check_flags(
    findings: Findings, rules: Rules, contact: Contact, before: Sequence[Contact]
) -> None:
    """What bypasses limits was used as such: else a checker that lets it pass proves nothing."""
    at, campaign = _when(contact), rules.campaigns[contact.campaign]
    ignores = any(contact.campaign == who for who, _whose in rules.ignores)
    marks = {
        TRANSACTIONAL: contact.transactional,
        EXEMPT: campaign["exempt_from_caps"],
        NOT_COUNTED: not contact.counted,
        ALONGSIDE: not contact.takes_slot and not contact.transactional,
        IGNORES_COOL_DOWN: campaign["ignores_durations"] or ignores,
    }
    for mark, holds in marks.items():
        if holds:
            findings.check(mark, True, at, str, tested=bool(before))

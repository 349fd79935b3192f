"""Caps, gaps, exclusions, durations, quiet hours: checked for each message when it arrived.

The slow reading of the help texts: one message at a time, against what had happened before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reports.ledger_check.evidence import SLACK, Contact, Evidence, Person, Row, Rules, rows
from reports.ledger_check.findings import Findings
from segments.channels import inbound_channels

MIDNIGHT = time()
# How often a decision found a rule in the way; the last three digits of a code name the rule.
HELD_BACK = """
SELECT code / 1000 AS kind, r.rulebook -> %s -> (code %% 1000) ->> 'name' AS name, sum(n)::int AS n
FROM (SELECT run_id, code, count(*) AS n FROM journeys_decision, unnest(verdicts) AS code
      WHERE as_of >= %s AND code BETWEEN %s AND %s GROUP BY 1, 2) held
JOIN journeys_decisionrun r ON r.id = held.run_id GROUP BY 1, 2
"""
KINDS = {
    "cap": ("caps", 1000),
    "exclusion": ("exclusions", 2000),
    "duration": ("campaigns", 3000),
    "gap": ("gaps", 5000),
}


def check_limits(evidence: Evidence, findings: Findings) -> None:
    for customer, history in evidence.step(sorted(evidence.history.items())):
        person = evidence.people[customer]
        for index, contact in enumerate(history):
            if contact.is_control or contact.arrived_at is None:
                continue
            at = contact.arrived_at
            before = [other for other in history[:index] if other.counts_at(at)]
            if at < evidence.since:
                continue
            if contact.channel in inbound_channels():
                at, before = contact.reserved_at, _as_planned(evidence, contact)
            rules = evidence.rules_at(at)
            if not contact.transactional:
                _check_caps(findings, rules, person, contact, at, before)
                _check_gaps(findings, rules, contact, at, before)
                _check_exclusions(findings, rules, contact, at, before)
                _check_durations(findings, rules, contact, at, before)
                if contact.channel not in inbound_channels():
                    _check_quiet_hours(findings, rules, person, contact, at)
            _check_flags(findings, rules, contact, before)
    since = evidence.since.date()
    for kind, (part, first) in KINDS.items():
        for row in rows(HELD_BACK, part, since, first, first + 999):
            findings.of(f"{kind} “{row['name']}”").n_tested += row["n"]
    _count_quiet_ends(evidence, findings)


def _as_planned(evidence: Evidence, contact: Contact) -> list[Contact]:
    """What an answer counts: nothing can hold it back later, so as the manual says of decisions,
    what was decided before, at the moments for which it was planned, left or not."""
    earlier = [
        other
        for other in evidence.planned[contact.customer]
        if other.id < contact.id and other.counted_for(contact)
    ]
    return [replace(other, arrived_at=other.reserved_at) for other in earlier]


def _text(contact: Contact, more: str = "") -> str:
    return (
        f"customer {contact.customer}, campaign {contact.campaign} by {contact.channel}"
        f" (contact {contact.id}) {more}"
    )


def _check_caps(
    findings: Findings,
    rules: Rules,
    person: Person,
    contact: Contact,
    at: datetime,
    before: Sequence[Contact],
) -> None:
    campaign = rules.campaigns[contact.campaign]
    if campaign["exempt_from_caps"] or not contact.takes_slot:
        return
    for cap in rules.caps:
        if cap["limit"] is None or not _in_scope(cap, contact):
            continue
        start = window_start(cap, at, person.zones[0])
        is_rolling = cap["window"] in ("hours", "days")
        inside = [
            other
            for other in before
            if _counts(cap, other) and _is_after(_when(other), start, strictly=is_rolling)
        ]
        findings.check(
            f"cap “{cap['name']}”",
            len(inside) < cap["limit"],
            at,
            _text(contact, f"is number {len(inside) + 1} of {cap['limit']}"),
        )


def _when(contact: Contact) -> datetime:
    assert contact.happened_at is not None
    return contact.happened_at


def _is_after(moment: datetime, start: datetime, *, strictly: bool) -> bool:
    return moment > start if strictly else moment >= start


def _in_scope(cap: Row, contact: Contact) -> bool:
    if cap["scope"] == "channel":
        return contact.channel == cap["channel"]
    return cap["scope"] == "all" or cap["tag_id"] in contact.tags


def _counts(cap: Row, contact: Contact) -> bool:
    """Sends and withheld messages alike, but for what its campaign kept out of all caps."""
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
            at - _when(other)
            for other in before
            if other.takes_slot
            and not other.transactional
            and gap["channel"] in ("", other.channel)
        ]
        nearest = min(ago, default=timedelta.max)
        is_kept = nearest >= timedelta(hours=gap["hours"])
        findings.check(
            f"gap “{gap['name']}”", is_kept, at, _text(contact, f"{nearest} after another")
        )


def _check_exclusions(
    findings: Findings, rules: Rules, contact: Contact, at: datetime, before: Sequence[Contact]
) -> None:
    for rule in rules.exclusions:
        by = (rule["campaign_id"], rule["tag_id"])
        shut = (rule["excluded_campaign_id"], rule["excluded_tag_id"])
        ways = [(by, shut), (shut, by)] if rule["both_ways"] else [(by, shut)]
        for source, target in ways:
            if not _is_of(contact, target):
                continue
            sources = [
                other for other in before if not other.transactional and _is_of(other, source)
            ]
            n_days = _days_since(sources, at, rules.zone)
            findings.check(
                f"exclusion “{rule['name']}”",
                n_days is None or n_days >= rule["days"],
                at,
                _text(contact, f"{n_days} days after what shuts it out"),
            )


def _is_of(contact: Contact, end: tuple[int | None, int | None]) -> bool:
    campaign, tag = end
    return contact.campaign == campaign or tag in contact.tags


def _days_since(contacts: Iterable[Contact], at: datetime, zone: ZoneInfo) -> int | None:
    """Calendar days of the organisation since the latest of them; None without any."""
    days: list[date] = [_when(contact).astimezone(zone).date() for contact in contacts]
    return (at.astimezone(zone).date() - max(days)).days if days else None


def _check_durations(
    findings: Findings, rules: Rules, contact: Contact, at: datetime, before: Sequence[Contact]
) -> None:
    sent = rules.campaigns[contact.campaign]
    if not contact.takes_slot or sent["ignores_durations"]:
        return
    for campaign in rules.campaigns.values():
        pk, days = campaign["id"], campaign["duration_days"]
        if not days or pk == contact.campaign or (contact.campaign, pk) in rules.ignores:
            continue
        sources = [o for o in before if o.campaign == pk and o.takes_slot and not o.transactional]
        n_days = _days_since(sources, at, rules.zone)
        findings.check(
            f"duration “{campaign['name']}”",
            n_days is None or n_days >= days,
            at,
            _text(contact, f"{n_days} days after it"),
        )


def _check_quiet_hours(
    findings: Findings, rules: Rules, person: Person, contact: Contact, at: datetime
) -> None:
    """In none of the zones in which the customer may be."""
    for rule in quiet_hours_for(rules, contact.channel, person.country):
        for zone in person.zones:
            local = at.astimezone(zone)
            # What left in the last seconds before they began may be on its way.
            is_kept = not is_quiet(rule, local) or not is_quiet(rule, (at - SLACK).astimezone(zone))
            findings.check(
                f"quiet hours “{rule['name']}”",
                is_kept,
                at,
                _text(contact, f"at {local:%a %H:%M %Z}"),
            )


def quiet_hours_for(rules: Rules, channel: str, country: str) -> list[Row]:
    """Only the most specific: of channel and country, the country, the channel, of neither."""
    for wanted in ((channel, country), ("", country), (channel, ""), ("", "")):
        matching = [r for r in rules.quiet_hours if (r["channel"], r["country"]) == wanted]
        if matching:
            return matching
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
            findings.of(f"quiet hours “{rule['name']}”").n_tested += at_end or held


def _check_flags(
    findings: Findings, rules: Rules, contact: Contact, before: Sequence[Contact]
) -> None:
    """Messages outside of the limits really are: else passing them would prove nothing."""
    at, campaign = _when(contact), rules.campaigns[contact.campaign]
    marks = {
        "transactional": contact.transactional,
        "exempt from caps": campaign["exempt_from_caps"],
        "not counted by caps": not contact.counted,
        "in addition": not contact.takes_slot and not contact.transactional,
        "ignores durations": campaign["ignores_durations"]
        or any(contact.campaign == who for who, _whose in rules.ignores),
    }
    for mark, holds in marks.items():
        if holds:
            findings.check(f"outside of limits: {mark}", True, at, "", tested=bool(before))

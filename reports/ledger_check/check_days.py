"""Each day as a whole, counted in the database: its run, its balance, and what waits now."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.utils.translation import gettext, gettext_noop

from reports.ledger_check.evidence import Row
from reports.ledger_check.findings import Findings
from reports.ledger_check.read_evidence import rows
from reports.ledger_check.rule_names import (
    BALANCE,
    CAP,
    COOL_DOWN,
    ELIGIBLE,
    EXCLUSION,
    FAILED_RUN,
    GAP,
    ONE_DECISION,
    WAITING,
)

PATIENCE = timedelta(hours=1)  # for which what is due may wait for its turn
DAYS = """
SELECT as_of AS day, sum(n)::bigint AS n_customers
FROM (SELECT as_of, n_customers AS n FROM journeys_decisionrun
      UNION ALL SELECT DISTINCT as_of, 0 FROM journeys_contact WHERE as_of >= %(first)s
      UNION ALL SELECT DISTINCT as_of, 0 FROM journeys_delivery WHERE as_of >= %(first)s) days
WHERE as_of BETWEEN %(first)s AND %(last)s GROUP BY 1 ORDER BY 1
"""
# Of a run that is done or has failed.
RUNS = """
SELECT r.id, r.as_of, r.decided_at, r.status, r.counts, r.n_customers, r.error,
       (SELECT count(*) FROM segments_customerstate s WHERE s.as_of = b.as_of) AS n_states,
       decided.n AS n_decisions, decided.n_customers AS n_decided
FROM journeys_decisionrun r JOIN segments_statebuild b ON b.id = r.state_id
CROSS JOIN LATERAL (
    SELECT count(*) AS n, count(DISTINCT d.customer_id) AS n_customers
    FROM journeys_decision d WHERE d.run_id = r.id AND d.as_of = r.as_of) decided
WHERE r.kind = 'daily' AND r.as_of = %s AND r.status IN ('done', 'failed')
"""
# From both sides, so that one too few and one too many cannot cancel each other. The figures that
# a run shows are counted every minute and lag behind, so they prove nothing.
BALANCES = """
SELECT count(k.id) AS decided,
       count(*) FILTER (WHERE d.status = 'sent') AS sent,
       count(*) FILTER (WHERE d.status = 'failed') AS failed,
       count(*) FILTER (WHERE d.status = 'unknown') AS unknown,
       count(*) FILTER (WHERE d.status IN ('new', 'claimed', 'attempting')) AS waiting,
       count(*) FILTER (WHERE d.status = 'suppressed') AS stopped,
       count(*) FILTER (WHERE d.id IS NULL) AS missing,
       count(*) FILTER (WHERE k.id IS NULL) AS unknown_to_us
FROM (SELECT id FROM journeys_contact
      WHERE as_of = %(day)s AND source <> 'import' AND NOT is_control) k
FULL JOIN (SELECT id, contact_id, status FROM journeys_delivery WHERE as_of = %(day)s) d
    ON d.contact_id = k.id
"""
# How often a decision found a rule in the way; the last three digits of a code name the rule.
HELD_BACK = """
SELECT held.kind, r.rulebook -> parts.part -> (code %% 1000) ->> 'name' AS name, sum(n)::int AS n
FROM (SELECT run_id, code / 1000 AS kind, code, count(*) AS n
      FROM journeys_decision, unnest(verdicts) AS code
      WHERE as_of = %s AND code / 1000 = ANY(%s) GROUP BY 1, 2, 3) held
JOIN journeys_decisionrun r ON r.id = held.run_id
JOIN unnest(%s::int[], %s::text[]) AS parts (kind, part) ON parts.kind = held.kind
GROUP BY 1, 2
"""
KINDS = {
    1: (CAP, "caps"),
    2: (EXCLUSION, "exclusions"),
    3: (COOL_DOWN, "campaigns"),
    5: (GAP, "gaps"),
}
# By channel: what is due for longer, says no reason, and is in nobody's hands.
OVERDUE = """
SELECT d.channel, count(*) AS n, min(d.due_at) AS since,
       EXISTS (SELECT FROM segments_organisation WHERE sending_stopped)
       OR EXISTS (SELECT FROM journeys_channelroute r
                  WHERE r.channel = d.channel AND NOT r.is_open) AS is_stopped
FROM journeys_delivery d
WHERE d.status IN ('new', 'claimed', 'attempting') AND d.due_at < %(limit)s
  AND d.reason_code IS NULL AND (d.lease_until IS NULL OR d.lease_until < %(limit)s)
GROUP BY d.channel ORDER BY d.channel
"""
WAITS = """
SELECT count(*) AS n FROM journeys_delivery WHERE status IN ('new', 'claimed', 'attempting')
"""
LAST_LEFT = """
SELECT max(attempted_at) AS at FROM journeys_delivery WHERE channel = %s AND as_of >= %s
"""
RUN = gettext_noop("run of %(day)s: %(n)d customers, %(decisions)d decisions, %(counts)s")
DAY = gettext_noop("messages of %(day)s: %(counts)s")
QUEUE = gettext_noop("%(n)d messages by %(channel)s are due since %(since)s")


@dataclass(frozen=True)
class Day:
    day: date
    n_customers: int  # that were decided for


def days_between(first: date, last: date) -> list[Day]:
    return [Day(**row) for row in rows(DAYS, first=first, last=last)]


def check_day(day: date, findings: Findings) -> None:
    for run in rows(RUNS, day):
        _check_run(run, findings)
    [balance] = rows(BALANCES.replace("%(day)s", "%s"), day, day)
    is_kept = not balance["missing"] and not balance["unknown_to_us"]
    at = datetime.combine(day, datetime.min.time()).astimezone()
    text = partial(_say, DAY, day=day, counts=balance)
    if balance["decided"] or not is_kept:
        findings.check(BALANCE, is_kept, at, text, tested=True)
    for row in rows(HELD_BACK, day, *_parts()):
        findings.find(KINDS[row["kind"]][0], row["name"]).n_tested += row["n"]


def _parts() -> tuple[list[int], list[int], list[str]]:
    return list(KINDS), list(KINDS), [part for _rule, part in KINDS.values()]


def _say(text: str, **facts: Any) -> str:
    return gettext(text) % facts


def _check_run(run: Row, findings: Findings) -> None:
    """A run that failed says so itself; what it decided is checked, and what it left is not due."""
    at, counts, n_decisions = run["decided_at"], run["counts"], run["n_decisions"]
    text = partial(
        _say, RUN, day=run["as_of"], n=run["n_customers"], decisions=n_decisions, counts=counts
    )
    is_single = n_decisions == run["n_decided"]
    if run["status"] == "failed":
        findings.check(FAILED_RUN, bool(run["error"]), at, text, tested=True)
        is_kept = is_single and n_decisions <= run["n_customers"]
        findings.check(ONE_DECISION, is_kept, at, text, tested=True)
        return
    n_due = run["n_customers"] - counts.get("quarantined", 0)
    # Without rows the day's state is no longer kept.
    is_whole = run["n_states"] in (0, run["n_customers"])
    is_kept = is_single and is_whole and n_decisions == n_due
    findings.check(ONE_DECISION, is_kept, at, text, tested=True)
    is_kept = counts.get("eligible") == counts.get("decided", -1) + counts.get("quarantined", 0)
    findings.check(ELIGIBLE, is_kept, at, text, tested=True)


def check_waiting(now: datetime, findings: Findings) -> None:
    """Channel by channel: what waits is due later, says why, or waits for its turn while others
    leave; or sending, or the channel's route, is stopped."""
    limit = now - PATIENCE
    [waits] = rows(WAITS)
    findings.find(WAITING).n_tested += waits["n"]
    for row in rows(OVERDUE.replace("%(limit)s", "%s"), limit, limit):
        [last] = rows(LAST_LEFT, row["channel"], (now - timedelta(days=62)).date())
        is_kept = row["is_stopped"] or (last["at"] is not None and last["at"] >= limit)
        text = partial(
            _say, QUEUE, n=row["n"], channel=row["channel"], since=f"{row['since']:%Y-%m-%d %H:%M}"
        )
        findings.check(WAITING, is_kept, row["since"], text)

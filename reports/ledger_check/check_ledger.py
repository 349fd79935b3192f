"""Was every promise kept, as far as the ledger itself can tell?"""

from datetime import datetime, timedelta

from reports.ledger_check.check_delivery import check_delivery
from reports.ledger_check.check_journeys import check_journeys
from reports.ledger_check.check_limits import check_limits
from reports.ledger_check.check_suppressed import check_suppressed
from reports.ledger_check.evidence import RULES, Evidence, Step, load_evidence, rows
from reports.ledger_check.findings import Finding, Findings

N_EXAMPLES = 3
DAYS = 30
NOT_CHECKED = (
    "whether a message that counts as sent arrived, and arrived once",
    "pauses of campaigns and maps, and the stop switch",
    "suppressed addresses of customers whose row was written after the message",
    "erased customers at the moment of sending",
    "messages per minute of a channel",
    "when waits of maps end, and whether everybody entered",
    "the same answer to the same question",
)
NEWEST_CHANGE = """
SELECT max(l.action_time) AS at FROM django_admin_log l
JOIN django_content_type t ON t.id = l.content_type_id
WHERE t.app_label || '_' || t.model = ANY(%s)
"""


def check_evidence(evidence: Evidence, findings: Findings) -> None:
    for check in (check_limits, check_delivery, check_suppressed, check_journeys):
        check(evidence, findings)


def check_ledger(since: datetime, now: datetime, *, step: Step = iter) -> list[Finding]:
    evidence, findings = load_evidence(since, now), Findings()
    evidence.step = step
    check_evidence(evidence, findings)
    return findings.in_order()


def default_since(now: datetime) -> datetime:
    """Thirty days ago, or the newest change of a rule in the admin if that is later."""
    [row] = rows(NEWEST_CHANGE, list(RULES.values()))
    return max(now - timedelta(days=DAYS), row["at"] or datetime.min.replace(tzinfo=now.tzinfo))


def table(findings: list[Finding]) -> list[str]:
    width = max((len(finding.rule) for finding in findings), default=4)
    lines = [f"{'rule':<{width}}  {'checked':>9}  {'put to test':>11}  {'violated':>8}"]
    for finding in findings:
        n = len(finding.violations)
        lines.append(
            f"{finding.rule:<{width}}  {finding.n_checked:>9,}  {finding.n_tested:>11,}  {n:>8,}"
        )
        lines += [
            f"    {at:%Y-%m-%d %H:%M:%S} {text}" for at, text in finding.violations[:N_EXAMPLES]
        ]
    return lines

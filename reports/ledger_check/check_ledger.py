"""Was every promise kept, as far as the ledger itself can tell?"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from reports.ledger_check.check_days import check_day, check_waiting, days_between
from reports.ledger_check.check_delivery import check_delivery, first_whole_day
from reports.ledger_check.check_journeys import Drawing, check_journeys, read_drawings
from reports.ledger_check.check_limits import check_limits
from reports.ledger_check.check_people import check_people
from reports.ledger_check.evidence import Evidence, Rules
from reports.ledger_check.findings import Finding, Findings
from reports.ledger_check.read_evidence import (
    RULES,
    one_snapshot,
    read_block,
    read_blocks,
    rows,
    rules_now,
)

Progress = Callable[[float], object]  # how much of the work is done, from 0 to 1
N_EXAMPLES = 3
DAYS = 30
# The database counts so many decisions in the time in which one message is checked, about.
DECISIONS_PER_MESSAGE = 20
# What people save on a page is a list of the fields that differ; a launch or a pause is a sentence.
# A new campaign changes nothing for messages that are there. Approved changes of rules are those
# of the approval. What a script changed is seen by what the runs before and after it have pinned.
NEWEST_CHANGE = """
SELECT max(at) AS at FROM (
    SELECT l.action_time AS at FROM django_admin_log l
    JOIN django_content_type t ON t.id = l.content_type_id
    WHERE t.app_label || '_' || t.model = ANY(%s)
      AND (l.action_flag = 3 OR l.change_message LIKE '[%%')
      AND NOT (l.action_flag = 1 AND t.model = 'campaign')
    UNION ALL
    SELECT decided_at FROM campaigns_approval WHERE kind = 'rules' AND status = 'approved'
    UNION ALL
    SELECT decided_at FROM (
        SELECT decided_at, limits, lag(limits) OVER (ORDER BY decided_at, id) AS limits_before
        FROM (SELECT id, decided_at, concat(rulebook -> 'caps', rulebook -> 'gaps',
                                            rulebook -> 'quiet_hours') AS limits
              FROM journeys_decisionrun WHERE rulebook <> '{}') pinned) runs
    WHERE limits <> limits_before
) changes
"""


def check_evidence(
    evidence: Evidence, findings: Findings, drawings: dict[int, Drawing] | None = None
) -> None:
    """What is checked message by message."""
    check_limits(evidence, findings)
    check_delivery(evidence, findings)
    check_people(evidence, findings)
    check_journeys(evidence, findings, drawings)


def check_days(evidence: Evidence, findings: Findings) -> None:
    """What is checked day by day."""
    for day in days_between(first_whole_day(evidence), evidence.until.date()):
        check_day(day.day, findings)


def check_ledger(
    since: datetime, now: datetime, *, progress: Progress = lambda _done: None
) -> list[Finding]:
    """In memory at a time are the messages of one block of customers, and N_EXAMPLES a rule."""
    findings = Findings(N_EXAMPLES)
    with one_snapshot():
        rules, drawings = Rules.of(since, rules_now()), read_drawings()
        blocks = read_blocks(rules, since)
        evidence = Evidence({}, {}, [], [rules], since, now)
        days = days_between(first_whole_day(evidence), now.date())
        work = [(block.weight, block) for block in blocks]
        total = sum(block.weight for block in blocks) + sum(
            day.n_customers / DECISIONS_PER_MESSAGE for day in days
        )
        done = 0.0
        for weight, block in work:
            check_evidence(read_block(block, rules, since, now), findings, drawings)
            done += weight
            progress(done / total if total else 1)
        for day in days:
            check_day(day.day, findings)
            done += day.n_customers / DECISIONS_PER_MESSAGE
            progress(done / total if total else 1)
        check_waiting(now, findings)
    return findings.in_order()


def default_since(now: datetime) -> datetime:
    """Thirty days ago, or the newest change of a rule if that is later."""
    [row] = rows(NEWEST_CHANGE, list(RULES.values()))
    return max(now - timedelta(days=DAYS), row["at"] or datetime.min.replace(tzinfo=now.tzinfo))


def table(findings: list[Finding]) -> list[str]:
    """For people, in their language."""
    heads = [_("rule"), _("checked"), _("put to test"), _("unclear"), _("violated")]
    width = max(len(finding.label) for finding in findings) if findings else len(heads[0])
    widths = [max(len(head), 9) for head in heads[1:]]
    lines = [_line(heads[0], heads[1:], width, widths)]
    for row in findings:
        counts = (row.n_checked, row.n_tested, row.n_unclear, row.n_violated)
        lines.append(_line(row.label, [f"{n:,}" for n in counts], width, widths))
        lines += [f"    {at:%Y-%m-%d %H:%M:%S} {text}" for at, text in row.violations[:N_EXAMPLES]]
    return lines


def _line(name: str, cells: list[str], width: int, widths: list[int]) -> str:
    numbers = (f"{cell:>{n}}" for cell, n in zip(cells, widths, strict=True))
    return f"{name:<{width}}  {'  '.join(numbers)}"

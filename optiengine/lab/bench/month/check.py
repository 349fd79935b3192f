"""Was every promise kept? The checker of the ledger, and what the month's own witnesses add.

Arrivals are the sinks' own records. A rule that was never put to the test is told, too: it proves
nothing.
"""

from pathlib import Path

from optiengine.lab.bench.month.check_sinks import check_sinks
from optiengine.lab.bench.month.check_times import check_times
from optiengine.lab.bench.month.witnesses import load_evidence
from reports.ledger_check.check_ledger import check_days, check_evidence
from reports.ledger_check.findings import Finding, Findings


def check_month(folder: Path) -> list[Finding]:
    """All rules, each with how often it was checked and put to the test, and what violates it."""
    evidence, findings = load_evidence(folder), Findings()
    check_evidence(evidence, findings)
    check_days(evidence, findings)
    check_sinks(evidence, findings)
    check_times(evidence, findings)
    return findings.in_order()

"""Was every promise kept? An independent reading of the documentation, over what really happened.

Rows are read by plain SQL, arrivals from the sinks' own records; nothing of the engine's services
or numerics is used. A rule that was never put to the test is told, too: it proves nothing.
"""

from pathlib import Path

from optiengine.lab.bench.month.check_delivery import check_delivery
from optiengine.lab.bench.month.check_journeys import check_journeys
from optiengine.lab.bench.month.check_limits import check_limits
from optiengine.lab.bench.month.evidence import load_evidence
from optiengine.lab.bench.month.findings import Finding, Findings

__all__ = ["Finding", "check_month", "table"]

N_EXAMPLES = 3


def check_month(folder: Path) -> list[Finding]:
    """All rules, each with how often it was checked and put to the test, and what violates it."""
    evidence, findings = load_evidence(folder), Findings()
    for check in (check_limits, check_delivery, check_journeys):
        check(evidence, findings)
    return findings.in_order()


def table(findings: list[Finding]) -> list[str]:
    width = max(len(one.rule) for one in findings)
    lines = [f"{'rule':<{width}}  {'checked':>9}  {'put to test':>11}  {'violated':>8}"]
    for one in findings:
        n = len(one.violations)
        lines.append(f"{one.rule:<{width}}  {one.n_checked:>9,}  {one.n_tested:>11,}  {n:>8,}")
        lines += [f"    {at:%Y-%m-%d %H:%M:%S} {text}" for at, text in one.violations[:N_EXAMPLES]]
    return lines

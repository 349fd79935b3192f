"""What a check found out about each rule."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Finding:
    rule: str
    n_checked: int = 0  # messages, customers or whatever it speaks of
    n_tested: int = 0  # times that it mattered: held something back, ended something
    violations: list[tuple[datetime, str]] = field(default_factory=list)


class Findings:
    """Findings by rule, in the order in which rules were first spoken of."""

    def __init__(self) -> None:
        self._by_rule: dict[str, Finding] = {}

    def of(self, rule: str) -> Finding:
        return self._by_rule.setdefault(rule, Finding(rule))

    def check(
        self, rule: str, is_kept: bool, at: datetime, text: str, *, tested: bool = False
    ) -> None:
        """One more case of a rule. text : says what is wrong where it is not kept."""
        finding = self.of(rule)
        finding.n_checked += 1
        finding.n_tested += tested
        if not is_kept:
            finding.violations.append((at, text))

    def in_order(self) -> list[Finding]:
        return list(self._by_rule.values())

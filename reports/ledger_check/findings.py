"""What a check found out about each rule."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext


@dataclass
class Finding:
    rule: str  # one of rule_names
    of: str = ""  # the cap, gap … that it is about
    n_checked: int = 0  # messages, customers or whatever it speaks of
    n_tested: int = 0  # times that it mattered: held something back, ended something
    n_unclear: int = 0  # cases that the ledger no longer tells, and that are not checked
    n_violated: int = 0
    violations: list[tuple[datetime, str]] = field(default_factory=list)  # the first ones

    @property
    def name(self) -> str:
        """In English, the same in every installation."""
        return self.rule % self.of if self.of else self.rule

    @property
    def label(self) -> str:
        """In the language of the reader."""
        rule = gettext(self.rule)
        return rule % self.of if self.of else rule


class Findings:
    """Findings by rule, in the order in which rules were first spoken of.

    n_kept : violations of a rule that are kept with their moment and text; all are counted.
    """

    def __init__(self, n_kept: int = sys.maxsize) -> None:
        self.n_kept = n_kept
        self._by_rule: dict[tuple[str, str], Finding] = {}

    def find(self, rule: str, of: str = "") -> Finding:
        return self._by_rule.setdefault((rule, of), Finding(rule, of))

    def check(
        self,
        rule: str,
        is_kept: bool,
        at: datetime,
        text: str | Callable[[], str],
        *,
        of: str = "",
        tested: bool = False,
    ) -> None:
        """One more case of a rule. text : says what is wrong where it is not kept."""
        finding = self.find(rule, of)
        finding.n_checked += 1
        finding.n_tested += tested
        if not is_kept:
            finding.n_violated += 1
            if len(finding.violations) < self.n_kept:
                finding.violations.append((at, text if isinstance(text, str) else text()))

    def cannot_tell(self, rule: str, of: str = "") -> None:
        """One more case of which the ledger no longer says enough."""
        self.find(rule, of).n_unclear += 1

    def in_order(self) -> list[Finding]:
        return list(self._by_rule.values())

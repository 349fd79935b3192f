"""What the conductor did and when: what the checker knows beside tables and sinks."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from reports.ledger_check.read_evidence import rules_now


class Journal:
    """A JSON object a line: `at` in seconds since 1970 of the simulated clock, `what`, and more."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._file = path.open("ab", buffering=0)
        self._now = now

    def write(self, what: str, **more: object) -> None:
        line = {"at": self._now().timestamp(), "what": what, **more}
        self._file.write(json.dumps(line).encode() + b"\n")

    def write_rules(self) -> None:
        self.write("rules", rules=rules_now())

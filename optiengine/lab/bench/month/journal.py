"""What the conductor did and when: what the checker knows beside tables and sinks."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.db import connection

# The rules in force, as rows: a checker reads them as they were at the moment of an arrival.
RULES = {
    "caps": "campaigns_frequencycap",
    "gaps": "campaigns_minimumgap",
    "quiet_hours": "campaigns_quiethours",
    "exclusions": "campaigns_exclusion",
    "campaigns": "campaigns_campaign",
    "ignores": "campaigns_campaign_ignores_durations_of",
    "organisation": "segments_organisation",
}


class Journal:
    """A JSON object a line: `at` in seconds since 1970 of the simulated clock, `what`, and more."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._file = path.open("ab", buffering=0)
        self._now = now

    def write(self, what: str, **more: object) -> None:
        line = {"at": self._now().timestamp(), "what": what, **more}
        self._file.write(json.dumps(line).encode() + b"\n")

    def write_rules(self) -> None:
        found = {}
        with connection.cursor() as cursor:
            for name, table in RULES.items():
                cursor.execute(
                    f"SELECT coalesce(json_agg(t ORDER BY t.id), '[]')::text FROM {table} t"
                )
                found[name] = json.loads(cursor.fetchone()[0])
        self.write("rules", rules=found)

"""How many travellers are at, and went through, each step of a map."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Sum

from journeys.models import MapVersion, StepTally

MANY_TALLIES = 2_000  # rows from which on they are drawn together

# What others append meanwhile is not seen, and stays. Two at once delete different rows.
DRAW_TOGETHER = """
    WITH gone AS (DELETE FROM journeys_steptally RETURNING version_id, step, result, n)
    INSERT INTO journeys_steptally (version_id, step, result, n)
    SELECT version_id, step, result, sum(n) FROM gone GROUP BY version_id, step, result
"""


@dataclass(frozen=True)
class StepCounts:
    """One step: arrivals, and departures by the port taken or by what ended the journey there."""

    arrived: int = 0
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def here(self) -> int:
        """Travellers at the step now."""
        return self.arrived - sum(self.left.values())


def step_counts(version: MapVersion) -> dict[str, StepCounts]:
    """By step id; steps that nobody reached are missing. One query over a few hundred rows."""
    rows = StepTally.objects.filter(version=version).order_by().values_list("step", "result")
    arrived: dict[str, int] = defaultdict(int)
    left: dict[str, dict[str, int]] = defaultdict(dict)
    for step, result, n in rows.annotate(total=Sum("n")):
        if result == StepTally.ARRIVED:
            arrived[step] = n
        else:
            left[step][result] = n
    return {step: StepCounts(n, left.get(step, {})) for step, n in arrived.items()}


def draw_tallies_together() -> None:
    """Keep the number of tallies small; the sums stay the same at every moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM journeys_steptally")
        if cursor.fetchone()[0] > MANY_TALLIES:
            cursor.execute(DRAW_TOGETHER)

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Avg, Count

from journeys.jobs.run_day import run_day
from journeys.learning.measure_outcomes import measure_outcomes
from optiengine.lab.datasets.completejourney import DECIDED_ON, FIRST_CONTACT, load_completejourney
from optiengine.lib.command import FiguresCommand
from segments.errors import ImportRefused
from segments.models import CustomerState
from segments.state.build_state import build_state


class Command(FiguresCommand):
    help = (
        "Load The Complete Journey (2,469 households of a grocer) into an empty database: baskets\n"
        "and coupon redemptions as events, 27 campaigns and who received them. Then decide for\n"
        "2017-12-31."
    )
    columns = {
        "customers, baskets, redemptions, contacts": "rows imported",
        "value_cents": "mean predicted value per household over the horizon, in cents",
        "micro_segments": "number of households per micro-segment",
        "measured": "outcomes of messages; not randomised, so no effect is learned from them",
        "run": "counts of the run: customers eligible, decided, control, not sent, …",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="The folder with the data set's CSV files.")

    def compute(self, *, folder: Path, **options: Any) -> Mapping[str, Any]:
        try:
            jobs = load_completejourney(folder)
        except (ImportRefused, OSError) as refused:
            raise CommandError(str(refused)) from refused
        build_state(DECIDED_ON)
        n_measured = measure_outcomes(DECIDED_ON, since=FIRST_CONTACT)
        day = run_day(DECIDED_ON, send=False)
        states = CustomerState.objects.filter(as_of=DECIDED_ON)
        segments = states.values("micro_segment__stage", "micro_segment__name").annotate(
            n=Count("pk")
        )
        return {
            **{name: job.n_rows for name, job in jobs.items()},
            "value_cents": round(states.aggregate(mean=Avg("clv_cents"))["mean"]),
            "micro_segments": {
                f"{row['micro_segment__stage']}: {row['micro_segment__name']}": row["n"]
                for row in segments.order_by("-n")
            },
            "measured": n_measured,
            "run": day.run.counts,
        }

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from journeys.jobs.run_day import run_day
from optiengine.lab.datasets.hillstrom import DECIDED_ON, SENT_ON, load_hillstrom
from optiengine.lib.command import FiguresCommand
from reports.services.uplift_report import uplift_report
from reports.services.uplift_row import UpliftRow
from segments.errors import ImportRefused
from segments.state.build_state import build_state


class Command(FiguresCommand):
    help = (
        "Load Hillstrom's e-mail experiment (64,000 customers) into an empty database, learn from\n"
        "it, decide for everybody, and print the effects of the two e-mails."
    )
    columns = {
        "customers, events, contacts": "rows imported",
        "measured": "outcomes of the experiment",
        "run": "counts of the run: customers eligible, decided, control, not sent, …",
        "<campaign>": "customers, visit rates, spend in cents, uplifts with 95 % intervals",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="The CSV file, plain or gzip.")

    def compute(self, *, file: Path, **options: Any) -> Mapping[str, Any]:
        try:
            loaded = load_hillstrom(file)
        except (ImportRefused, OSError) as refused:
            raise CommandError(str(refused)) from refused
        build_state(SENT_ON)
        day = run_day(DECIDED_ON, send=False)
        report = uplift_report(as_of=DECIDED_ON, until=SENT_ON, by=("campaign",))
        return {
            **loaded,
            "measured": day.n_measured,
            "run": day.run.counts,
            **{row.campaign.name: figures(row) for row in report.rows},
        }


FIGURES = [
    *("n_test", "n_control", "test_rate", "control_rate"),
    *("uplift_rate", "uplift_rate_low", "uplift_rate_high"),
    *("test_margin_cents", "control_margin_cents"),
    *("uplift_margin_cents", "uplift_margin_cents_low", "uplift_margin_cents_high"),
    "split_p_value",
]


def figures(row: UpliftRow) -> dict[str, Any]:
    """Test against control of one campaign: visits as rates, spend in cents per customer."""
    values = row.as_dict()
    return {name: values[name] for name in FIGURES}

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from journeys.errors import JourneyError
from journeys.jobs.run_day import run_day
from journeys.models import DecisionRun
from optiengine.lib.command import FiguresCommand, iso_date

STEPS = 6  # that run_day names, of each day


class Command(FiguresCommand):
    help = (
        "Run the engine for a day, or for several days one after another: features, outcomes,\n"
        "learning, decisions, sending. Needs no worker. An interrupted day continues where it\n"
        "stopped."
    )
    columns = {
        "days": "days run",
        "eligible": "customers with a state, summed over all days",
        "decided": "decisions stored, including those for no message",
        "contacts": "decisions for a campaign, including control customers",
        "controls": "of these, messages withheld from control customers",
        "none": "decisions for no message",
        "quarantined": "customers whose decision failed; see the chunks of the run",
        "measured": "outcomes whose window has closed",
        "sent": "messages handed over; the other delivery statuses follow by name",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=iso_date, help="First day (default: today, in UTC).")
        parser.add_argument("--days", type=int, default=1, help="Number of days (default 1).")
        parser.add_argument(
            "--seed", type=int, help="Seed of the random draws (default: one per day)."
        )
        parser.add_argument(
            "--no-send", action="store_true", help="Leave the messages in the outbox."
        )

    def compute(
        self, *, as_of: date | None, days: int, seed: int | None, no_send: bool, **options: Any
    ) -> Mapping[str, Any]:
        first = as_of or timezone.now().date()
        totals = {"days": 0, "measured": 0}
        with tqdm(total=days * STEPS, unit="step", disable=None) as bar:

            def tell(step: str) -> None:
                bar.set_description(f"{day} {step}")
                bar.update()

            for day in (first + timedelta(days=n) for n in range(days)):
                try:
                    done = run_day(day, seed=seed, send=not no_send, progress=tell)
                except JourneyError as refused:
                    raise CommandError(f"{day}: {refused}") from refused
                if done.run.status != DecisionRun.Status.DONE:
                    raise CommandError(f"{day}: {done.run.error or done.run.get_status_display()}")
                totals["days"] += 1
                totals["measured"] += done.n_measured
                for name, n in {**done.run.counts, **done.deliveries}.items():
                    totals[name] = totals.get(name, 0) + n
        return totals

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from journeys.decisions.queue_run import expect_begun, expect_near
from journeys.errors import JourneyError, RunRefused
from journeys.jobs.run_day import run_day
from journeys.models import DecisionRun
from optiengine.lib.command import FiguresCommand, iso_date
from segments.models import Organisation

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
        parser.add_argument(
            "--as-of",
            type=iso_date,
            help="First day (default: today, in the organisation's time zone). "
            "It must have started.",
        )
        parser.add_argument("--days", type=int, default=1, help="Number of days (default 1).")
        parser.add_argument(
            "--seed", type=int, help="Seed of the random draws (default: one per day)."
        )
        parser.add_argument(
            "--no-send", action="store_true", help="Leave the messages in the outbox."
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help="Run a day that is far from the last one: earlier, or more than a week later.",
        )

    def compute(
        self,
        *,
        as_of: date | None,
        days: int,
        seed: int | None,
        no_send: bool,
        yes: bool,
        **options: Any,
    ) -> Mapping[str, Any]:
        now = timezone.now()
        first = as_of or Organisation.current().today(now)
        try:
            expect_begun(first + timedelta(days=max(days, 1) - 1), now)
        except RunRefused as refused:
            raise CommandError(str(refused)) from refused
        if not yes:
            self._expect_near(first, now)
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

    def _expect_near(self, first: date, now: datetime) -> None:
        try:
            expect_near(first, now)
        except RunRefused as refused:
            raise CommandError(f"{refused} {_('Add --yes to run it.')}") from refused

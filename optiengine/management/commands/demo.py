import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection
from tqdm import tqdm

from journeys.errors import JourneyError
from optiengine.example.daily import LivedWorld, NotDecided
from optiengine.example.hand_in import NotTaken
from optiengine.example.helper import Helpers
from optiengine.example.install import holds_demo, install
from optiengine.example.scenario import Scenario, retailer
from optiengine.example.summary import as_text, store, stored, summarise
from optiengine.lib.command import FiguresCommand
from segments.models import Customer, Organisation, TargetGroup
from segments.rules.count_target_group import count_target_group
from segments.rules.rule_fields import newest_state

LOGIN = PASSWORD = "demo"  # noqa: S105 - printed, and never made where DEBUG is off
LEAST_LIVED = 60  # days for which the population has newcomers, also when fewer are lived at first


class Command(FiguresCommand):
    help = (
        "Fill an empty installation with a simulated retailer, take it through its days with the\n"
        "engine, print what that was worth, and serve the admin. A second call continues where\n"
        "the first stopped. With --json, the admin is not served."
    )
    columns = {
        "customers, days": "customers at the start; days simulated",
        "eligible": "customers with a state, summed over all days",
        "decided": "decisions stored, including those for no message",
        "contacts, controls": "decisions for a campaign; of these, withheld from control customers",
        "none": "decisions for no message",
        "held, ranked, auto": "decisions because nothing was allowed, by rank, by value",
        "baseline": "decisions at random, in the baseline group",
        "sent": "messages handed over, by channel",
        "true_worth": "by arm: customers, messages each, and net_cents each: margin less that\n"
        + " " * 27
        + "of the same world without messages, less the cost of contacts",
        "free_choices": "by ten days and arm, then over all: choices by value or chance, true\n"
        + " " * 27
        + "expected cents per contact, per choice, of the best that was allowed",
        "report": "the engine's own report: differences per customer, with 95 % intervals",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customers", type=int, default=20_000)
        parser.add_argument("--days", type=int, default=60)
        parser.add_argument(
            "--workers", type=int, default=2, help="Number of processes that decide (default 2)."
        )
        parser.add_argument("--no-serve", action="store_true", help="Stop after the summary.")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["no_serve"] or options["json"]:
            return
        self.stdout.write(f"\nAdmin: http://127.0.0.1:{options['port']}/admin/")
        self.stdout.write(f"Login: {LOGIN}, password: {PASSWORD}\n")
        call_command("serve", port=options["port"])

    def compute(
        self, *, customers: int, days: int, workers: int, **options: Any
    ) -> Mapping[str, Any]:
        if customers < 1 or days < 1 or workers < 1:
            raise CommandError("The demo needs at least one customer, one day and one worker.")
        _require_playground()
        call_command("migrate", verbosity=0)
        scenario = retailer(customers, lived_days=max(days, LEAST_LIVED))
        _require_own_database(scenario)
        _make_login()
        folder = Path(settings.DATA_DIR) / "demo"
        if stored_summary := stored(scenario, folder, days):
            return stored_summary
        if not holds_demo(scenario):
            install(scenario)
        try:
            lived = live(scenario, folder, n_days=days, n_workers=workers)
        except (JourneyError, NotDecided, NotTaken) as stopped:
            raise CommandError(str(stopped)) from stopped
        summary = summarise(lived, days)
        store(summary, folder)
        return summary

    def show(self, figures: Mapping[str, Any]) -> None:
        for line in as_text(dict(figures), currency=Organisation.current().currency):
            self.stdout.write(line)


def live(scenario: Scenario, folder: Path, *, n_days: int, n_workers: int) -> LivedWorld:
    """Live through the days that are not lived yet, and remember those that are."""
    with (
        commits_may_linger(),
        Helpers(n_workers - 1) as helpers,
        tqdm(total=n_days + 1, unit="day", disable=None, smoothing=0.1) as bar,
    ):
        bar.set_description("history")
        lived = LivedWorld(scenario, folder, helpers)
        lived.hand_in_history()
        bar.update()

        def tell(step: str) -> None:
            bar.set_description(f"{lived.today} {step:<10}")

        for _ in range(n_days):
            lived.live_day(tell)
            bar.update()
    if state := newest_state():
        for group in TargetGroup.objects.all():
            count_target_group(group, state=state)
    return lived


@contextmanager
def commits_may_linger() -> Iterator[None]:
    """No commit of this process and its children waits for the disk.

    Nobody relies on a simulated message: after a power cut the demo lives its last second again.
    """
    before = os.environ.get("PGOPTIONS")
    os.environ["PGOPTIONS"] = f"{before or ''} -c synchronous_commit=off".strip()
    connection.close()  # the next one is opened with the option
    try:
        yield
    finally:
        if before is None:
            del os.environ["PGOPTIONS"]
        else:
            os.environ["PGOPTIONS"] = before
        connection.close()


def _require_playground() -> None:
    """The demo has a published password and sends tens of thousands of messages."""
    if not settings.DEBUG:
        raise CommandError(
            "DEBUG is off: the demo would create an administrator with a published password. Run "
            "it on an installation for trying things out."
        )
    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        raise CommandError(
            "EMAIL_URL names a mail server: the demo would send it tens of thousands of messages. "
            "Unset it, and the messages are written to files."
        )


def _require_own_database(scenario: Scenario) -> None:
    if holds_demo(scenario):
        return
    if holds_demo():
        raise CommandError(
            "This database holds a demo of another size. Repeat its --customers and --days, or "
            "name an empty database in DATABASE_URL."
        )
    if Customer.objects.exists():
        raise CommandError(
            "This database holds customers that are not the demo's. Nothing was changed. Name an "
            "empty database in DATABASE_URL."
        )


def _make_login() -> None:
    users = get_user_model().objects
    if not users.filter(username=LOGIN).exists():
        users.create_superuser(LOGIN, f"{LOGIN}@example.com", PASSWORD)

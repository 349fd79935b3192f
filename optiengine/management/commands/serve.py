import socket
from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext_noop
from django_q.models import Schedule

from optiengine.example.install import holds_demo
from optiengine.serving import LONG_CLUSTER, PROMPT_CLUSTER, Child, watch, web_server, worker
from segments.models import Organisation

CLUSTERS = {"workers": LONG_CLUSTER, "prompt": PROMPT_CLUSTER}
PARTS = ("web", *CLUSTERS)
# Names are stored in English; the page of schedules shows them in the reader's language.
EVERY_MINUTE = gettext_noop("Continue unfinished runs")
SENDING = gettext_noop("Send messages")
STORING = gettext_noop("Store what was waiting for its customer")
EVERY_DAY = gettext_noop("Daily run")
# Schedules come round once a minute at most; two of them, half a minute apart, leave an event that
# has just arrived to wait for less than one.
MOVING = (
    gettext_noop("Move journey participants"),
    gettext_noop("Move journey participants, half a minute later"),
)
RENAMED = {  # what earlier versions called them
    "Keep runs going": EVERY_MINUTE,
    "Today's run": EVERY_DAY,
    "Move travellers of journey maps": MOVING[0],
    "Move travellers of journey maps, half past": MOVING[1],
}
JOINED = "Keep runs going, send messages"  # an earlier version's one schedule for both


def clock_time(text: str) -> time:
    """An argument's type: argparse turns its ValueError into a clear refusal."""
    return time.fromisoformat(text)


class Command(BaseCommand):
    help = (
        "Serve admin, API and background tasks on this machine until Ctrl-C.\n"
        "A worker that dies, or leaves work undone for a minute, is started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--only",
            action="append",
            choices=PARTS,
            help="Start only this part: web, the web server; workers, for runs, imports and dry "
            "runs; prompt, for journeys, events and sending. May be repeated.",
        )
        parser.add_argument("--no-worker", action="store_true", help="The same as --only web.")
        parser.add_argument(
            "--schedule",
            type=clock_time,
            metavar="HH:MM",
            help="From now on, run the engine each day at this time in the organisation's time "
            "zone. Stays until it is changed here or under System → Schedules.",
        )

    def handle(
        self,
        *,
        host: str,
        port: int,
        only: list[str] | None,
        no_worker: bool,
        schedule: time | None,
        **options: Any,
    ) -> None:
        parts = ["web"] if no_worker else only or list(PARTS)
        if "web" in parts:
            _require_free(host, port)
            if not settings.DEBUG:
                call_command("collectstatic", interactive=False, verbosity=0)
        rename_schedules()
        if schedule is not None:
            schedule_days(schedule)
        schedule_minutes()  # also for workers on other machines
        if "web" in parts:
            self.stdout.write(f"Serving on http://{host}:{port}/ — Ctrl-C stops.")
        watch(children_of(parts, host=host, port=port), say=self.stderr.write)


def children_of(parts: Collection[str], *, host: str, port: int) -> list[Child]:
    """The processes of some of PARTS, in the order of starting."""
    children = [web_server(f"{host}:{port}")] if "web" in parts else []
    return children + [worker(cluster) for part, cluster in CLUSTERS.items() if part in parts]


def schedule_minutes() -> None:
    """Every minute: what others left undone, messages, maps. Harmless at any time, so always on."""
    start = timezone.now()
    tasks = [
        (EVERY_MINUTE, "journeys.tasks.keep_going", None, start),
        (SENDING, "journeys.tasks.deliver_task", PROMPT_CLUSTER, start),
        (STORING, "segments.tasks.settle_waiting", None, start),
    ]
    for number, name in enumerate(MOVING):
        at = start + timedelta(seconds=30 * number)
        tasks.append((name, "journeys.tasks.move_travellers", PROMPT_CLUSTER, at))
    for name, task, cluster, at in tasks:
        facts = {"func": task, "cluster": cluster}
        rhythm = {"schedule_type": Schedule.MINUTES, "minutes": 1, "next_run": at}
        Schedule.objects.update_or_create(name=name, defaults=facts, create_defaults=facts | rhythm)
    Schedule.objects.filter(name=JOINED).delete()


def rename_schedules() -> None:
    """Give schedules of earlier versions their new names, so that no second one is made."""
    for old, new in RENAMED.items():
        if not Schedule.objects.filter(name=new).exists():
            Schedule.objects.filter(name=old).update(name=new)
        Schedule.objects.filter(name=old).delete()


def schedule_days(at: time) -> Schedule:
    """Every day at a local time: the day's run. Raises CommandError on the demo's database.

    The demo's days are over: decisions for today would rest on what was known weeks ago.
    """
    if holds_demo():
        raise CommandError(
            "This database holds the demo, whose simulated days are over: a run of today would use "
            "data that is weeks old. Schedule runs on a database of your own."
        )
    organisation, now = Organisation.current(), timezone.now()
    next_run = datetime.combine(organisation.today(now), at, organisation.zone)
    if next_run <= now:
        next_run += timedelta(days=1)
    row, _made = Schedule.objects.update_or_create(
        name=EVERY_DAY,
        defaults={
            "func": "journeys.tasks.run_today",
            "schedule_type": Schedule.DAILY,
            "next_run": next_run,
            "repeats": -1,
        },
    )
    return row


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port."
            ) from error

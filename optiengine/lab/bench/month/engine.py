"""The engine as it is served: web server, cluster and watchdog, and how to hurt them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast
from urllib.error import URLError
from urllib.request import Request, urlopen

from django.conf import settings
from django.db import connection
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from optiengine.serving import WORKER

START_SECONDS, STUCK_SECONDS, IDLE_SECONDS = 60, 900, 5
ANSWER_SECONDS = 30

WORKING = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE %s
      AND query NOT LIKE '%%django_q_%%'
      AND (state <> 'idle' OR state_change > clock_timestamp() - make_interval(secs => %s)))
"""
# Who holds work on a lease: the name begins with host and process.
AT_WORK = {
    "run": "SELECT owner FROM journeys_decisionchunk"
    " WHERE NOT done AND lease_until > clock_timestamp()",
    "delivery": "SELECT owner FROM journeys_delivery WHERE status = 'attempting'"
    " AND channel = 'email' AND lease_until > clock_timestamp() LIMIT 1",
}


class EngineStuck(Exception):
    """The engine did not do its work; says what was waited for."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sinks:
    """The other sides, in a process of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "optiengine.lab.bench.month.sinks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise EngineStuck("The sinks did not start; their error is above.")
        self.ports: dict[str, int] = json.loads(line)

    def stop(self) -> None:
        cast(IO[str], self._process.stdin).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()


class Engine:
    """`manage.py serve` in a process of its own, on the simulated clock."""

    def __init__(self, smtp_port: int, log: Path) -> None:
        self.port, self.log = free_port(), log
        self.environment = {
            "MONTH_SMTP_PORT": str(smtp_port),
            "MONTH_WEB_PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "optiengine.lab.bench.month.settings",
            "LOG_LEVEL": "ERROR",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._lost_up_to = 0  # tasks up to this id may have been lost by a killed worker

    def start(self, **more: str) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [*command, "--port", str(self.port)],
                env={**os.environ, **self.environment, **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EngineStuck("The engine does not answer on its port.")
            time.sleep(0.1)
        # Only the conductor rings: between two of its ticks nothing is under way.
        Schedule.objects.all().delete()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(40)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def settle(self) -> None:
        """Until every task is done, but for those that a killed worker took with it.

        Those ring again, as django-q2's `retry` says, when the clock is put forward.
        """
        began = rung = time.monotonic()
        while newest := OrmQ.objects.order_by("pk").last():
            if not self.is_working() and time.monotonic() - rung > IDLE_SECONDS:
                if newest.pk <= self._lost_up_to:
                    return
                if time.monotonic() - rung > 4 * IDLE_SECONDS:  # the cluster was started again
                    self._lost_up_to = newest.pk
                    ring(self)
                    rung = time.monotonic()
            if time.monotonic() - began > STUCK_SECONDS:
                raise EngineStuck(f"Tasks were left lying: {newest.func()}.")
            time.sleep(0.03)

    def wait_for_leases(self) -> None:
        """Until nothing is held any more by who was killed: leases are on the real clock."""
        while True:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM journeys_delivery WHERE lease_until > clock_timestamp()"
                )
                if not cursor.fetchone()[0]:
                    return
            time.sleep(0.5)

    def is_working(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WORKING, [f"{WORKER}%", IDLE_SECONDS])
            return cursor.fetchone()[0]

    def kill_worker(self, at_work: str, *, seconds: float) -> str:
        """SIGKILL to the process that is just deciding or delivering; its name.

        "" where all was done before anyone was seen at work.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with connection.cursor() as cursor:
                cursor.execute(AT_WORK[at_work])
                owners = [owner for (owner,) in cursor.fetchall()]
            for owner in owners:
                pid = int(owner.split(":")[1])
                if b"qcluster" in _command_line(pid):
                    os.kill(pid, signal.SIGKILL)
                    newest = OrmQ.objects.order_by("pk").last()
                    self._lost_up_to = newest.pk if newest else self._lost_up_to
                    return owner
            if not OrmQ.objects.exists():
                break
            time.sleep(0.002)
        return ""

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """Status and JSON, or None for another content."""
        return post(f"http://127.0.0.1:{self.port}{path}", body, **headers)


def ring(engine: Engine, times: int = 1) -> None:
    """What the schedules of a served engine ask for each minute, as often as told."""
    for _ in range(times):
        async_task("journeys.tasks.move_travellers", cluster=settings.PROMPT_CLUSTER)
        async_task("journeys.tasks.keep_going")
        async_task("journeys.tasks.deliver_task", cluster=settings.PROMPT_CLUSTER)


def post(url: str, body: bytes, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data=body, headers=named, method="POST")  # noqa: S310 - on loopback
    try:
        with urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            content = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(content) if is_json else None
    except URLError as error:
        return getattr(error, "code", 0), None


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""

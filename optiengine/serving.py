"""Starts, supervises and stops the processes of one machine: web server and workers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, connection

LOOK_SECONDS = 5.0  # between two checks of the processes
STUCK_SECONDS = 60
STOP_SECONDS = 20.0  # a child has to finish what it is doing, before it is killed
RESTART_SECONDS = 5.0  # between two starts of a child that ends at once
WORKER = "optiengine-worker"  # begins the names of the workers' database sessions
LONG_CLUSTER, PROMPT_CLUSTER = settings.Q_CLUSTER["name"], settings.PROMPT_CLUSTER

# A cluster is stuck if a task, or a schedule that is due, waits while no database session of its
# workers has run a query on our tables for as long. A busy worker queries, or holds a transaction.
# A task's lock is `retry` seconds old when it is queued; see django_q.brokers.orm.
STUCK = """
SELECT (EXISTS (SELECT FROM django_q_ormq
                WHERE key = %(cluster)s
                  AND lock < clock_timestamp() - make_interval(secs => %(retry)s + %(stuck)s))
        OR EXISTS (SELECT FROM django_q_schedule
                   WHERE repeats <> 0 AND coalesce(cluster, %(default)s) = %(cluster)s
                     AND next_run < clock_timestamp() - make_interval(secs => 2 * %(stuck)s)))
   AND NOT EXISTS (
       SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = %(sessions)s
         AND query NOT LIKE '%%django_q_%%'
         AND (state <> 'idle'
              OR state_change > clock_timestamp() - make_interval(secs => %(stuck)s)))
"""


@dataclass
class Child:
    """A process in a group of its own, so that it ends together with all processes it started."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""  # whose tasks it processes
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            self.command, env={**os.environ, **self.environment}, start_new_session=True
        )
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_running and self.process:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float) -> None:
        """End it within so many seconds, by force if needed, and kill the rest of its group."""
        if self.process is None:
            return
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(seconds, 0.1))
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def web_server(address: str) -> Child:
    command = [sys.executable, "-m", "gunicorn", "optiengine.wsgi", "--bind", address]
    # A real-time decision is too small to gain from several threads.
    environment = {"OPENBLAS_NUM_THREADS": "1"}
    return Child("web server", [*command, "--workers", "2", "--log-level", "warning"], environment)


def worker(cluster: str) -> Child:
    """The processes of a cluster of django-q2: one that hands out tasks, others that do them."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"]
    environment = {
        "Q_CLUSTER_NAME": cluster,
        "PGAPPNAME": _sessions(cluster),
        "OPENBLAS_NUM_THREADS": "1",
    }
    name = "worker" if cluster == LONG_CLUSTER else f"{cluster} worker"
    return Child(name, command, environment, cluster)


def _sessions(cluster: str) -> str:
    return f"{WORKER}-{cluster}"


def is_stuck(cluster: str = LONG_CLUSTER, stuck_seconds: int = STUCK_SECONDS) -> bool:
    """Whether tasks wait and the worker does nothing; False if the database cannot be reached."""
    values = {
        "retry": settings.Q_CLUSTER["retry"],
        "stuck": stuck_seconds,
        "cluster": cluster,
        "default": LONG_CLUSTER,
        "sessions": _sessions(cluster),
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(STUCK, values)
            return bool(cursor.fetchone()[0])
    except DatabaseError:
        connection.close()
        return False


def watch(children: list[Child], *, say: Callable[[str], None]) -> None:
    """Keep the children running until Ctrl-C or TERM, then stop them all.

    A child that died is started again, and so is a worker that leaves work undone for a minute:
    a killed worker process can leave its cluster's queue locked indefinitely.
    """
    stopping: list[int] = []
    before = {
        number: signal.signal(number, lambda signum, frame: stopping.append(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        for child in children:
            child.start()
        look_at = time.monotonic() + LOOK_SECONDS
        while not stopping:
            time.sleep(0.2)
            if time.monotonic() < look_at:
                continue
            for child in children:
                _revive(child, say)
            look_at = time.monotonic() + LOOK_SECONDS
    finally:
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            child.stop(deadline - time.monotonic())
        for number, handler in before.items():
            signal.signal(number, handler)


def _revive(child: Child, say: Callable[[str], None]) -> None:
    age = time.monotonic() - child.started_at
    if not child.is_running:
        if age < RESTART_SECONDS:
            return
        say(f"The {child.name} ended and is being restarted.")
    elif child.cluster and age > STUCK_SECONDS and is_stuck(child.cluster):
        say(f"The {child.name} is not processing its tasks and is being restarted.")
    else:
        return
    child.stop(STOP_SECONDS)
    child.start()

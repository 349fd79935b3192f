"""Processes that help with the chunks of the demo's runs and with its outbox."""

import multiprocessing
import os
import signal
from datetime import datetime
from typing import Any, Self

from django.db import connections

ENV = {"OPENBLAS_NUM_THREADS": "1"}


class Helpers:
    """Any number of worker processes, none included. They work until the block is left."""

    def __init__(self, n: int) -> None:
        self._context = multiprocessing.get_context("spawn")  # no connection is inherited
        self._jobs = self._context.JoinableQueue()
        self._n = n
        self._processes: list[Any] = []

    def __enter__(self) -> Self:
        for name, value in ENV.items():
            os.environ.setdefault(name, value)
        for _ in range(self._n):
            process = self._context.Process(
                target=_work, args=(self._jobs, connections["default"].settings_dict["NAME"])
            )
            process.daemon = True
            process.start()
            self._processes.append(process)
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def decide(self, run_id: int) -> None:
        """Ask every helper to take chunks of a run until none is left."""
        for _ in self._processes:
            self._jobs.put(("decide", run_id))

    def deliver(self, now: datetime) -> None:
        for _ in self._processes:
            self._jobs.put(("deliver", now))

    def wait(self) -> None:
        """Until all tasks are done."""
        if self._processes:
            self._jobs.join()


def _work(jobs: Any, database: str) -> None:
    """A helper's life. Ctrl-C is the parent's business, which ends its helpers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import django

    django.setup()
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database  # a test's, in tests
    connections["default"].settings_dict["NAME"] = database
    from journeys.decisions.work_chunks import work_chunks
    from journeys.delivery.deliver_messages import deliver_messages
    from optiengine.lib.worker import worker_name

    while True:
        kind, what = jobs.get()
        try:
            if kind == "decide":
                work_chunks(what, owner=worker_name())
            else:
                deliver_messages(now=what, owner=worker_name())
        finally:
            jobs.task_done()

"""Measured work in a process of its own, so that its memory is its own too.

    python -m optiengine.lab.bench.process DATABASE TASK ARGUMENTS

is started by `measure`. It loads everything, says that it is ready, waits for the word to go, and
answers with one line of JSON. So the start of Python and Django is in no figure.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

ENV = {"OPENBLAS_NUM_THREADS": "1"}  # workers share the processors by chunks, not by threads
TASKS = {
    "import": "optiengine.lab.bench.imports",
    "import_forget": "optiengine.lab.bench.imports",
    "import_limit": "optiengine.lab.bench.imports",
    "prepare": "optiengine.lab.bench.decisions_data",
    "ready": "optiengine.lab.bench.decisions",
    "decide": "optiengine.lab.bench.decisions",
    "limit": "optiengine.lab.bench.decisions",
    "replay": "optiengine.lab.bench.decisions",
    "live_ready": "optiengine.lab.bench.realtime",
}


class BenchFailed(Exception):
    """A measured process did not do its work; says why."""


@dataclass(frozen=True)
class Measured:
    seconds: float  # wall time, until the last process was done
    peak_mb: float  # of the process that needed most, in 2^20 bytes
    found: list[dict[str, Any]]  # what each process answered


def measure(
    database: str, data_dir: Path, task: str, *, n_processes: int = 1, **arguments: Any
) -> Measured:
    """Do a task in one process or in several at once. Raises BenchFailed."""
    command = [sys.executable, "-m", __name__, database, task, json.dumps(arguments)]
    environment = {**os.environ, **ENV, "DATA_DIR": str(data_dir)}
    processes = [
        subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(n_processes)
    ]
    try:
        for process in processes:
            _answer(process, task)
        started = time.perf_counter()
        for process in processes:
            word = cast(IO[str], process.stdin)
            word.write("go\n")
            word.flush()
        answers = [json.loads(_answer(process, task)) for process in processes]
        seconds = time.perf_counter() - started
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return Measured(seconds, max(answer["peak_mb"] for answer in answers), answers)


def _answer(process: subprocess.Popen[str], task: str) -> str:
    line = cast(IO[str], process.stdout).readline()
    if not line:
        raise BenchFailed(f"“{task}” stopped with status {process.wait()}; its error is above.")
    return line


def peak_mb() -> float:
    """The most memory that this process held since it was started.

    Of Linux's two records ru_maxrss would begin with what the parent held at the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)


def _work(database: str, task: str, arguments: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # on Ctrl-C the parent alone has something to say
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optiengine.settings")
    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = database
    function = getattr(importlib.import_module(TASKS[task]), f"task_{task}")
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    figures = function(**arguments)
    print(json.dumps({**(figures or {}), "peak_mb": peak_mb()}), flush=True)


if __name__ == "__main__":
    _work(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))

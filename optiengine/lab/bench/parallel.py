"""Many independent pieces of work in a few processes, one thread each."""

import importlib.util
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Work = TypeVar("Work")
Found = TypeVar("Found")

# Every library's own threads, so that processes do not fight over the processors.
LIBRARIES = ("OPENBLAS", "OMP", "MKL", "NUMBA")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}


def in_processes(
    task: Callable[[Work], Found], work: Iterable[Work], *, n_processes: int
) -> Iterator[Found]:
    """What `task`, a function of a module, returns for each piece, in the order they are done."""
    # Threads are counted when numpy is loaded, so in processes made anew.
    context = multiprocessing.get_context("spawn")
    with _environment(ONE_THREAD), context.Pool(n_processes, _leave_ctrl_c) as pool:
        yield from pool.imap_unordered(task, work)


def is_installed(package: str) -> bool:
    """Whether a peer's package, as it is imported, is there to be measured."""
    return importlib.util.find_spec(package) is not None


def _leave_ctrl_c() -> None:
    """On Ctrl-C the parent alone has something to say; it ends us as it leaves the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

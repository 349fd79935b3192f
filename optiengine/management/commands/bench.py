import os
import signal
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from optiengine.bench import decisions, imports
from optiengine.bench.database import DatabaseInUse, own_database
from optiengine.bench.process import BenchFailed
from optiengine.lib.command import FiguresCommand

BENCHMARKS = {
    "import": (imports.bench_import, imports.N_STEPS),
    "decisions": (decisions.bench_decisions, decisions.N_STEPS),
}


def names(text: str) -> list[str]:
    """Comma-separated benchmarks; an argument's type, so argparse refuses others."""
    wanted = [name.strip() for name in text.split(",")]
    if not set(wanted) <= set(BENCHMARKS):
        raise ValueError
    return [name for name in BENCHMARKS if name in wanted]


class Command(FiguresCommand):
    help = (
        "Measure the import of customers and a decision run, each beside its limit, in a database\n"
        "of its own on the configured server: NAME_bench, dropped at the end. Each measured thing\n"
        "is a process of its own; the start of Python is in no figure, nor is the server's memory."
    )
    columns = {
        "processors": "of this machine",
        "load_before": "its load average over a minute; well above 0, it was busy with other work",
        **imports.COLUMNS,
        **decisions.COLUMNS,
        "load_after": "as load_before; includes the benchmark's own",
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            type=names,
            default=list(BENCHMARKS),
            metavar="NAMES",
            help=f"Of {', '.join(BENCHMARKS)}; comma separated.",
        )
        parser.add_argument(
            "--customers",
            type=int,
            help=f"Instead of {imports.N_ROWS:,} imported and {decisions.N_CUSTOMERS:,} decided.",
        )

    def compute(
        self, *, only: list[str], customers: int | None = None, **options: Any
    ) -> Mapping[str, Any]:
        if customers is not None and customers < 1:
            raise CommandError("A benchmark needs at least one customer.")
        figures: dict[str, Any] = {"processors": os.cpu_count(), "load_before": _load()}
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like Ctrl-C: it cleans up
        n_steps = sum(BENCHMARKS[name][1] for name in only)
        try:
            with (
                tqdm(total=n_steps + 1, unit="step", disable=None) as bar,
                TemporaryDirectory(prefix="bench-") as folder,
            ):
                for name in only:

                    def step(what: str, name: str = name) -> None:
                        bar.update()
                        bar.set_description(f"{name}: {what}")

                    bar.set_description(f"{name}: database")
                    bench, _n_steps = BENCHMARKS[name]
                    with own_database() as database:
                        figures |= bench(database, Path(folder), n=customers, step=step)
                bar.update()
        except (BenchFailed, DatabaseInUse) as failure:
            raise CommandError(str(failure)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted; the benchmark's database is dropped.") from None
        return figures | {"load_after": _load()}


def _load() -> float:
    return round(os.getloadavg()[0], 2)

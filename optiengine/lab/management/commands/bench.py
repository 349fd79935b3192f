import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from optiengine.lab.bench import decisions, imports, learning, prices, realtime, splits
from optiengine.lab.bench.database import DatabaseInUse, own_database
from optiengine.lab.bench.hillstrom.data import DataMissing
from optiengine.lab.bench.month import bench as month
from optiengine.lab.bench.process import BenchFailed
from optiengine.lib.command import FiguresCommand

IN_DATABASE = {
    "import": (imports.bench_import, imports.N_STEPS),
    "decisions": (decisions.bench_decisions, decisions.N_STEPS),
    "realtime": (realtime.bench_realtime, realtime.N_STEPS),
}
IN_MEMORY = {
    "prices": (prices.bench_prices, prices.N_STEPS),
    "splits": (splits.bench_splits, splits.N_STEPS),
}
BENCHMARKS = [*IN_DATABASE, *IN_MEMORY, *learning.PLANS]
MONTH = "month"  # half an hour, and no measure of speed: where it is named alone


def names(text: str) -> list[str]:
    """Comma-separated benchmarks; an argument's type, so argparse refuses others."""
    wanted = [name.strip() for name in text.split(",")]
    known = [*BENCHMARKS, MONTH]
    if not set(wanted) <= set(known):
        raise ValueError
    return [name for name in known if name in wanted]


class Command(FiguresCommand):
    help = (
        "Measure the import of customers and a decision run, each compared with its lower bound,\n"
        "in a separate database NAME_bench on the configured server, which is dropped at the end.\n"
        "Each measurement is a process of its own; figures exclude the start of Python and the\n"
        "memory of the server. Then compare prices of scarce capacity with an exact solver, and\n"
        "learning and choosing with the libraries of requirements-bench.txt on the same data;\n"
        "a library that is missing is reported as not installed.\n"
        "With --only month: simulate a month of real deliveries with faults, and check every\n"
        "limit, consent and message independently of the engine."
    )
    columns = {
        "processors": "number of processors of this machine",
        "load_before": "load average over a minute; well above 0 means busy with other work",
        **imports.COLUMNS,
        **decisions.COLUMNS,
        **realtime.COLUMNS,
        **prices.COLUMNS,
        **splits.COLUMNS,
        **learning.COLUMNS,
        **month.COLUMNS,
        "load_after": "as load_before, including the benchmark's own load",
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            type=names,
            default=BENCHMARKS,
            metavar="NAMES",
            help=f"Comma-separated: {', '.join(BENCHMARKS)} (default: all of these), {MONTH}.",
        )
        parser.add_argument(
            "--customers",
            type=int,
            help="Number of customers of every benchmark. Defaults: import "
            f"{imports.N_ROWS:,}, decisions {decisions.N_CUSTOMERS:,}, realtime "
            f"{realtime.N_CUSTOMERS:,}, month {month.N_CUSTOMERS:,}; the others have their own. "
            "Splits use one segment per hundred.",
        )
        parser.add_argument(
            "--days",
            type=int,
            default=month.N_DAYS,
            help="Days of the month (default: %(default)s).",
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed of the month.")
        parser.add_argument(
            "--seeds",
            type=int,
            default=learning.N_SEEDS,
            help="Number of bandit and other worlds; Hillstrom's experiment is halved twice as "
            f"often (default: {learning.N_SEEDS}).",
        )
        parser.add_argument(
            "--data",
            type=Path,
            default=os.environ.get("BENCH_DATA"),
            help="Folder with the public data sets (default: $BENCH_DATA; none: skipped).",
        )

    def compute(
        self,
        *,
        only: list[str],
        customers: int | None = None,
        seeds: int = learning.N_SEEDS,
        days: int = month.N_DAYS,
        seed: int = 1,
        data: Path | None = None,
        **options: Any,
    ) -> Mapping[str, Any]:
        if customers is not None and customers < 1:
            raise CommandError("A benchmark needs at least one customer.")
        if seeds < 1:
            raise CommandError("A benchmark needs at least one seed.")
        if days < 2:
            raise CommandError("A month needs at least two days.")
        figures: dict[str, Any] = {"processors": os.cpu_count(), "load_before": _load()}
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like Ctrl-C: it cleans up
        extent = learning.Extent(seeds, customers, data, min(2, os.cpu_count() or 1))
        try:
            plans = {name: learning.PLANS[name](extent) for name in only if name in learning.PLANS}
            lived = partial(month.bench_month, n_days=days, seed=seed)
            in_database: dict[str, tuple[Callable[..., dict[str, Any]], int]] = {
                **IN_DATABASE,
                MONTH: (lived, days + 1),
            }
            n_steps = sum(
                n for name, (_bench, n) in (in_database | IN_MEMORY).items() if name in only
            )
            n_steps += sum(len(plan.work) for plan in plans.values())
            with (
                tqdm(total=n_steps + 1, unit="step", disable=None) as bar,
                TemporaryDirectory(prefix="bench-") as folder,
            ):
                for name in only:

                    def step(what: str = "", name: str = name) -> None:
                        bar.update()
                        bar.set_description(f"{name}: {what}" if what else name)

                    bar.set_description(name)
                    if name in plans:
                        began = time.perf_counter()
                        figures[name] = plans[name].carry_out(step)
                        figures[f"{name}_seconds"] = round(time.perf_counter() - began, 1)
                    elif name in IN_MEMORY:
                        figures |= IN_MEMORY[name][0](n=customers, step=step)
                    else:
                        bench, _n_steps = in_database[name]
                        with own_database() as database:
                            figures |= bench(database, Path(folder), n=customers, step=step)
                bar.update()
        except (BenchFailed, DatabaseInUse, DataMissing) as failure:
            raise CommandError(str(failure)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted; the benchmark's database is dropped.") from None
        return figures | {"load_after": _load()}


def _load() -> float:
    return round(os.getloadavg()[0], 2)

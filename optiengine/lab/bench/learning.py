"""The benchmarks of learning and choosing: independent pieces of work, and the table they give."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optiengine.lab.bench.bandits.games import N_CUSTOMERS, bandit_rows, games, play_game
from optiengine.lab.bench.hillstrom.data import OUTCOMES, find_file, read_experiment
from optiengine.lab.bench.hillstrom.value import Split, hillstrom_rows, value_split
from optiengine.lab.bench.parallel import in_processes
from optiengine.lab.bench.times import time_method, timed
from optiengine.lab.bench.worlds import N_CUSTOMERS as WORLD_CUSTOMERS
from optiengine.lab.bench.worlds import N_DAYS, live_world, world_lives, world_rows

N_SEEDS = 10
SPLITS_PER_SEED = 2  # the halves of one experiment share rows, so there are more of them
COLUMNS = {
    "bandits": "share of the oracle's uplift by policy, *_se its standard error over seeds:\n"
    f"{'':27}dense with 12 segments and 10 actions, sparse with 50 and 20",
    "bandits_seconds": "that the table took",
    "hillstrom": "value per customer of each method's choice, less costs, on halves not\n"
    f"{'':27}learned from (points, for spend $), what it is more than the best single action\n"
    f"{'':27}for all, and the engine's greedy choice more than it; *_se their standard errors",
    "hillstrom_seconds": "that the table took",
    "worlds": "true incremental cents per customer and policy, less costs, of all "
    f"{N_DAYS} days and\n"
    f"{'':27}(last_*) of the last ten; shares of the oracle's, multiples of the best fixed\n"
    f"{'':27}order's; total in whole units of money; *_se their standard errors over seeds",
    "worlds_seconds": "that the table took",
    "times": "processor microseconds per decision and per learned contact of each method",
    "times_seconds": "that the table took",
}


@dataclass(frozen=True)
class Extent:
    n_seeds: int = N_SEEDS
    customers: int | None = None  # instead of each benchmark's own number
    data: Path | None = None  # folder with the public data sets
    n_processes: int = 2


@dataclass(frozen=True)
class Plan:
    task: Callable[[Any], Any]  # a function of a module, as it is called in other processes
    work: list[Any]
    table: Callable[[list[Any]], Any]
    n_processes: int

    def carry_out(self, step: Callable[[], None]) -> Any:
        results = []
        for result in in_processes(self.task, self.work, n_processes=self.n_processes):
            results.append(result)
            step()
        return self.table(results)


def plan_bandits(extent: Extent) -> Plan:
    work = games(n_seeds=extent.n_seeds, n_customers=extent.customers or N_CUSTOMERS)
    return Plan(play_game, work, bandit_rows, extent.n_processes)


def plan_hillstrom(extent: Extent) -> Plan:
    """Raises DataMissing."""
    if extent.data is None:
        return Plan(value_split, [], lambda _results: "not given (--data)", 1)
    experiment = read_experiment(find_file(extent.data))
    splits = range(extent.n_seeds * SPLITS_PER_SEED)
    work = [Split(experiment, outcome, seed) for seed in splits for outcome in OUTCOMES]
    return Plan(value_split, work, hillstrom_rows, extent.n_processes)


def plan_worlds(extent: Extent) -> Plan:
    work = world_lives(n_seeds=extent.n_seeds, n_customers=extent.customers or WORLD_CUSTOMERS)
    return Plan(live_world, work, world_rows, extent.n_processes)


def plan_times(extent: Extent) -> Plan:
    # One after the other: processors slow each other down through their caches.
    return Plan(time_method, timed(customers=extent.customers), list, 1)


PLANS = {
    "bandits": plan_bandits,
    "hillstrom": plan_hillstrom,
    "worlds": plan_worlds,
    "times": plan_times,
}

"""Who plays in the bandit world, each with the settings that were best for it.

Settings were the best of those tried on the seeds 1000 and 1001, which the table does not use, by
mean share of the oracle over dense and sparse worlds. `python -m optiengine.lab.bench.bandits.tune`
tries all of the grids below.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from optiengine.lab.bench.bandits.world import BanditWorld, Policy

HERE = "optiengine.lab.bench.bandits"


@dataclass(frozen=True)
class Entrant:
    """A policy by module and class, so that a library is imported only where it plays."""

    module: str
    policy: str
    package: str = "numpy"  # as it is imported; ours need no other
    settings: dict[str, Any] = field(default_factory=dict)
    grid: list[dict[str, Any]] = field(default_factory=list)

    def for_world(self, world: BanditWorld, *, seed: int, **settings: Any) -> Policy:
        """Ready to play; `settings` instead of its own."""
        module = importlib.import_module(f"{HERE}.{self.module}")
        policy: Callable[..., Policy] = getattr(module, self.policy)
        if self.policy == "Oracle":
            settings = {"world": world}
        return policy(*world.response.shape, seed=seed, **(settings or self.settings))


def _mabwiser(policy: str, alpha: float) -> Entrant:
    return Entrant(
        "mabwiser_peers",
        "Linear",
        "mabwiser",
        {"policy": policy, "alpha": alpha},
        [{"policy": policy, "alpha": tried} for tried in (0.01, 0.03, 0.1, 0.2)],
    )


def _vowpal_wabbit(options: str, grid: list[str]) -> Entrant:
    return Entrant(
        "vowpal_wabbit",
        "Explorer",
        "vowpalwabbit",
        {"options": f"{options} --cb_type mtr"},
        [{"options": f"{tried} --cb_type mtr"} for tried in grid],
    )


ENTRANTS = {
    "oracle": Entrant("policies", "Oracle"),
    "engine": Entrant("engine", "Engine"),
    "Beta Thompson per segment": Entrant("policies", "BetaThompson"),
    "MABWiser TS per segment": Entrant("mabwiser_peers", "PerSegment", "mabwiser"),
    "MABWiser LinTS": _mabwiser("ts", 0.1),
    "MABWiser LinUCB": _mabwiser("ucb", 0.03),
    "contextualbandits LinUCB": Entrant(
        "contextualbandits_peers",
        "Online",
        "contextualbandits",
        {"policy": "LinUCB", "alpha": 0.1},
        [{"policy": "LinUCB", "alpha": alpha} for alpha in (0.03, 0.1, 0.3)],
    ),
    "contextualbandits PartitionedTS": Entrant(
        "contextualbandits_peers", "Online", "contextualbandits", {"policy": "PartitionedTS"}
    ),
    "Vowpal Wabbit SquareCB": _vowpal_wabbit(
        "--squarecb --gamma_scale 10000 -l 0.01",
        [
            f"--squarecb --gamma_scale {gamma} -l {rate}"
            for gamma in (1_000, 10_000, 100_000)
            for rate in (0.05, 0.01, 0.003)
        ],
    ),
    "Vowpal Wabbit cover": _vowpal_wabbit(
        "--cover 5 --psi 0.01 -l 0.01",
        [f"--cover 5 --psi {psi} -l {rate}" for psi in (0.01, 0.1, 1) for rate in (0.05, 0.01)],
    ),
    "Vowpal Wabbit bagging": _vowpal_wabbit(
        "--bag 5 -l 0.01", [f"--bag {n} -l {rate}" for n in (5, 10) for rate in (0.05, 0.01)]
    ),
    "uniform": Entrant("policies", "Uniform"),
}

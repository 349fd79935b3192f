"""Worlds of known truth: the engine beside fixed orders, chance and the oracle."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from optiengine.lab.worlds.run import POLICIES, live
from optiengine.lab.worlds.scenarios import SCENARIOS
from optiengine.lab.worlds.summary import LAST_DAYS

N_CUSTOMERS, N_DAYS = 60_000, 60
PLAYED = {
    "heterogeneous": ("auto", "ranked", "best-single", "uniform", "oracle"),
    "series": ("auto", "myopic", "ranked", "best-single", "uniform", "oracle"),
}


@dataclass(frozen=True)
class WorldLife:
    """One policy's days in one world, to be lived in any process."""

    scenario: str
    policy: str
    seed: int
    n_customers: int


@dataclass(frozen=True)
class Lived:
    life: WorldLife
    net_cents: np.ndarray  # (days,) per customer


def world_lives(*, n_seeds: int, n_customers: int) -> list[WorldLife]:
    return [
        WorldLife(scenario, policy, seed, n_customers)
        for scenario, policies in PLAYED.items()
        for seed in range(1, n_seeds + 1)
        for policy in policies
    ]


def live_world(life: WorldLife) -> Lived:
    world = SCENARIOS[life.scenario](life.n_customers, N_DAYS, life.seed)
    return Lived(life, live(world, POLICIES[life.policy]).net_cents / life.n_customers)


def world_rows(lived: list[Lived]) -> list[dict[str, Any]]:
    """A row per world and policy: means over seeds, `*_se` their standard errors.

    Shares and ratios are of sums per seed, as all policies of a seed share its luck.
    """
    cents = {
        (
            lived_world.life.scenario,
            lived_world.life.policy,
            lived_world.life.seed,
        ): lived_world.net_cents
        for lived_world in lived
    }
    seeds = sorted({lived_world.life.seed for lived_world in lived})
    rows = []
    for scenario, policies in PLAYED.items():
        totals = {
            policy: np.array([cents[scenario, policy, seed] for seed in seeds])
            for policy in policies
        }
        late = {policy: days[:, -LAST_DAYS:].sum(axis=1) for policy, days in totals.items()}
        whole = {policy: days.sum(axis=1) for policy, days in totals.items()}
        for policy in policies:
            rows.append(
                {
                    "world": scenario,
                    "policy": policy,
                    "seeds": len(seeds),
                    **_with_se("cents_per_customer", whole[policy], 1),
                    "total": round(float(whole[policy].mean()) * lived[0].life.n_customers / 100),
                    **_with_se("share_of_oracle", whole[policy] / whole["oracle"], 3),
                    **_with_se("times_ranked", whole[policy] / whole["ranked"], 3),
                    **_with_se("last_cents_per_customer", late[policy], 1),
                    **_with_se("last_share_of_oracle", late[policy] / late["oracle"], 3),
                    **_with_se("last_times_ranked", late[policy] / late["ranked"], 3),
                }
            )
    return rows


def _with_se(name: str, values: np.ndarray, places: int) -> dict[str, float | None]:
    """Mean and standard error; of one seed no error is known."""
    se = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    return {
        name: round(float(values.mean()), places),
        f"{name}_se": None if se is None else round(float(se), places),
    }

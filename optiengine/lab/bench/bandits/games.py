"""Every entrant in every world, seed by seed, and the table of what they reached."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optiengine.lab.bench.bandits.entrants import ENTRANTS
from optiengine.lab.bench.bandits.world import BanditWorld, Played, play
from optiengine.lab.bench.parallel import is_installed

N_CUSTOMERS, N_DAYS = 200_000, 30
SIZES = {"dense": (12, 10), "sparse": (50, 20)}  # segments, actions


@dataclass(frozen=True)
class Game:
    size: str
    entrant: str
    seed: int
    n_customers: int = N_CUSTOMERS
    n_days: int = N_DAYS
    settings: dict[str, Any] = field(default_factory=dict)  # instead of the entrant's own


def games(*, n_seeds: int, n_customers: int = N_CUSTOMERS) -> list[Game]:
    """All that can be played here, the same worlds and customers for every entrant."""
    return [
        Game(size, name, seed, n_customers)
        for seed in range(n_seeds)
        for size in SIZES
        for name, entrant in ENTRANTS.items()
        if is_installed(entrant.package)
    ]


def play_game(game: Game) -> tuple[Game, Played]:
    world = BanditWorld.draw(*SIZES[game.size], seed=game.seed)
    policy = ENTRANTS[game.entrant].for_world(world, seed=game.seed, **game.settings)
    return game, play(
        world, policy, n_customers=game.n_customers, n_days=game.n_days, seed=game.seed
    )


def bandit_rows(results: Iterable[tuple[Game, Played]]) -> list[dict[str, Any]]:
    """A row per entrant: mean share of the oracle over seeds, and its standard error."""
    shares: dict[tuple[str, str], list[float]] = {}
    for game, played in results:
        shares.setdefault((game.entrant, game.size), []).append(played.share)
    rows: list[dict[str, Any]] = []
    for name in ENTRANTS:
        row: dict[str, Any] = {"policy": name}
        for size in SIZES:
            if reached := shares.get((name, size)):
                row[size] = round(float(np.mean(reached)), 4)
                row[f"{size}_se"] = _standard_error(reached)
            else:
                row[size], row[f"{size}_se"] = "not installed", None
        rows.append(row)
    return rows


def _standard_error(values: list[float]) -> float | None:
    n = len(values)
    return round(float(np.std(values, ddof=1) / np.sqrt(n)), 4) if n > 1 else None

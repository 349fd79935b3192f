"""Which setting of its grid suits each peer best, on seeds that the table does not use.

python -m optiengine.lab.bench.bandits.tune [NAME …]
"""

import os
import sys
from collections import defaultdict

import numpy as np
from tqdm import tqdm

from optiengine.lab.bench.bandits.entrants import ENTRANTS
from optiengine.lab.bench.bandits.games import SIZES, Game, play_game
from optiengine.lab.bench.parallel import in_processes, is_installed

SEEDS = (1000, 1001)


def tune(names: list[str], *, n_processes: int) -> dict[tuple[str, str], dict[str, float]]:
    """Mean share of the oracle per size, by (entrant, settings)."""
    work = [
        Game(size, name, seed, settings=settings)
        for name in names
        for settings in ENTRANTS[name].grid
        for size in SIZES
        for seed in SEEDS
    ]
    shares = defaultdict[tuple[str, str], dict[str, list[float]]](lambda: defaultdict(list))
    for game, played in tqdm(
        in_processes(play_game, work, n_processes=n_processes), total=len(work)
    ):
        shares[game.entrant, str(game.settings)][game.size].append(played.share)
    return {
        key: {size: float(np.mean(by_size[size])) for size in SIZES}
        for key, by_size in sorted(shares.items())
    }


if __name__ == "__main__":
    wanted = sys.argv[1:] or [n for n, e in ENTRANTS.items() if e.grid and is_installed(e.package)]
    for (name, settings), by_size in tune(wanted, n_processes=os.cpu_count() or 1).items():
        shares = "  ".join(f"{size} {share:.3f}" for size, share in by_size.items())
        print(f"{name:<32} {settings:<60} {shares}")

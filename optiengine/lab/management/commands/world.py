from collections.abc import Mapping
from time import perf_counter
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from optiengine.lab.worlds.run import POLICIES, Life, live
from optiengine.lab.worlds.scenarios import SCENARIOS
from optiengine.lab.worlds.summary import COLUMNS, figures_of, regret_chart
from optiengine.lib.command import FiguresCommand


class Command(FiguresCommand):
    help = (
        "Take the engine's numerics, or something simpler, through a simulated world whose truth\n"
        "is known, and compare the result with an oracle. Runs in memory, without a database."
    )
    columns = COLUMNS
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("scenario", choices=list(SCENARIOS))
        parser.add_argument("--customers", type=int, default=20_000)
        parser.add_argument("--days", type=int, default=60)
        parser.add_argument("--policy", choices=list(POLICIES), default="auto")
        parser.add_argument("--seed", type=int, default=1)

    def compute(
        self, *, scenario: str, customers: int, days: int, policy: str, seed: int, **options: Any
    ) -> Mapping[str, Any]:
        if customers < 1 or days < 1:
            raise CommandError("A world needs at least one customer and one day.")
        world = SCENARIOS[scenario](customers, days, seed)
        started = perf_counter()
        with tqdm(total=2 * days, unit="day", disable=None) as bar:

            def lived(name: str) -> Life:
                bar.set_description(name)
                return live(world, POLICIES[name], progress=lambda: bar.update())

            life = lived(policy)
            seconds = perf_counter() - started
            oracle = life if policy == "oracle" else lived("oracle")
        return {
            **figures_of(world, policy, life, oracle),
            "seconds": round(seconds, 1),
        }

    def show(self, figures: Mapping[str, Any]) -> None:
        series = {"regret_cents", "value_cents"}
        super().show({name: value for name, value in figures.items() if name not in series})
        self.stdout.write("\n" + regret_chart(figures["regret_cents"]))

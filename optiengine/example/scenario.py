"""Named worlds: who lives there and which campaigns exist."""

from dataclasses import dataclass
from datetime import date

from optiengine.example.catalogue import retail_catalogue
from optiengine.example.living import World
from optiengine.example.population import Population
from optiengine.example.truth import Catalogue

START = date(2026, 3, 1)


@dataclass(frozen=True)
class Scenario:
    """A population, the campaigns it can be sent, and a seed; `world()` starts it afresh."""

    name: str
    n_customers: int  # registered before the start; newcomers come on top
    population: Population
    catalogue: Catalogue
    seed: int

    def world(self) -> World:
        return World(self.population, self.catalogue, seed=self.seed)


def retailer(
    n_customers: int = 20_000, *, seed: int = 1, start: date = START, lived_days: int = 60
) -> Scenario:
    """A fashion and home retailer with heterogeneous customers and 24 campaigns: the demo."""
    return Scenario(
        name="retailer",
        n_customers=n_customers,
        population=Population.generate(n_customers, seed=seed, start=start, lived_days=lived_days),
        catalogue=retail_catalogue(),
        seed=seed,
    )

"""Who lives in the town and what they do: zones all over the world, carts, wishes, newcomers."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from optiengine.example.catalogue import retail_catalogue
from optiengine.example.events import Events
from optiengine.example.living import World
from optiengine.example.population import CUSTOMER_COLUMNS, Population
from optiengine.lab.bench.month.sinks import luck

PAST_DAYS = 120
# Country and zone; of some the zone is not known, and a country may have several, or be unknown.
PLACES = (
    *(("GB", "UTC"), ("DE", "Europe/Berlin"), ("DE", "Europe/Berlin"), ("DE", "")),
    *(("US", "America/New_York"), ("US", ""), ("IN", "Asia/Kolkata"), ("WS", "Pacific/Apia")),
    *(("BR", ""), ("AU", ""), ("", ""), ("PT", "Europe/Lisbon")),
)


@dataclass(frozen=True)
class CustomerEvent:
    """One thing that a customer did."""

    id: str
    customer: str
    kind: str
    at: datetime
    cents: int | None = None
    properties: dict[str, Any] = field(default_factory=dict)


class SimulatedShop:
    """The world of optiengine.example by other draws, with carts and wishes among its visits."""

    def __init__(self, n: int, days: int, *, seed: int, start: date) -> None:
        generated = Population.generate(
            n, seed=seed, start=start, past_days=PAST_DAYS, lived_days=days
        )
        rng = np.random.default_rng([seed, n, 7])
        home = rng.integers(0, len(PLACES), len(generated))
        countries, zones = zip(*PLACES, strict=True)
        # Some more birthdays in the days that are lived through.
        soon = rng.random(len(generated)) < 0.05
        day = np.datetime64(start, "D") + rng.integers(3, days + 4, len(generated))
        at_30 = day - 30 * 365 - 7  # 30 years with their leap days: the same day of the year
        self.population = replace(
            generated,
            country=np.array(countries)[home],
            timezone=np.array(zones)[home],
            birth_on=np.where(soon, at_30, generated.birth_on),
        )
        self.world = World(self.population, retail_catalogue(), seed=seed)
        self.seed = seed

    def history(self, folder: Path) -> Path:
        """All events before the first day, as a file."""
        path = folder / "history-events.csv"
        self.world.history().to_csv(path)
        return path

    def residents(self) -> np.ndarray:
        return np.flatnonzero(self.population.registered_day < 0)

    def newcomers(self, day: date) -> np.ndarray:
        return self.population.registered_between(day, day)

    def customers_file(self, rows: np.ndarray, path: Path) -> Path:
        """As the customers' own system exports them; whom one may call is in it, too."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*CUSTOMER_COLUMNS, "consent_call"])
            for row in self.population.customers_csv_rows(rows):
                writer.writerow([*row, str(luck("call", row[0]) < 0.4).lower()])
        return path

    def day(self) -> list[CustomerEvent]:
        """Live one day that the engine's messages do not touch; what happened, in order of time."""
        deeds = list(self._deeds(self.world.live_day(self.world.today)))
        for deed in [deed for deed in deeds if deed.kind == "visit"]:
            deeds += self._after_visit(deed)
        return sorted(deeds, key=lambda deed: (deed.at, deed.id))

    def _deeds(self, events: Events) -> Iterator[CustomerEvent]:
        for number in range(len(events)):
            kind = str(events.kind[number])
            yield CustomerEvent(
                id=str(events.external_id[number]),
                customer=str(events.customer[number]),
                kind=kind,
                at=events.occurred_at[number].astype("datetime64[us]").item().replace(tzinfo=UTC),
                cents=int(events.amount_cents[number]) if kind == "order" else None,
            )

    def _after_visit(self, visit: CustomerEvent) -> Iterator[CustomerEvent]:
        u = luck("cart", self.seed, visit.id)
        if u < 0.5:
            yield replace(visit, id=f"cart-{visit.id}", kind="cart", at=_later(visit, 4))
        if u < 0.1:
            yield replace(
                visit, id=f"order-{visit.id}", kind="order", at=_later(visit, 25), cents=2_500
            )
        if u > 0.8:
            yield replace(visit, id=f"wish-{visit.id}", kind="wishlist", at=_later(visit, 2))


def write_deeds(deeds: Sequence[CustomerEvent], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["external_id", "customer", "kind", "occurred_at", "amount_cents"])
        for deed in deeds:
            cents = "" if deed.cents is None else deed.cents
            writer.writerow([deed.id, deed.customer, deed.kind, deed.at.isoformat(), cents])
    return path


def _later(deed: CustomerEvent, minutes: int) -> datetime:
    return deed.at + timedelta(minutes=minutes)

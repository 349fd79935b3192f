"""Who lives in the lab: hidden traits, what the engine may see of them, what they buy unasked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from optiengine.example.chance import keyed_uniform, stream_key
from optiengine.example.drawing import gamma_quantile

Floats = NDArray[np.float64]

TASTES = ("taste_a", "taste_b", "taste_c", "taste_d")
STATIC = (*TASTES, "price", "age", "spend", "engaged", "city")
TRAITS = (*STATIC, "recency", "tenure")  # what effects are made of
BY_ORDERS = (*TASTES, "price", "spend")  # unknown of newcomers until their first order
FEATURES = ("recency_days", "orders_90", "tenure_days", *STATIC)  # in the order the engine gets
CHANNELS = {"email": 0.92, "push": 0.75}  # share of customers who consented
STAGES = ("new", "active", "at_risk", "lapsed")
LIVED_DAYS = 180  # of purchases before the first day
DAILY_ORDER_RATE = 0.0055  # about 4 in 100 buy within a week
MEAN_MARGIN_CENTS = 3000.0


@dataclass(frozen=True)
class Population:
    """n customers; ids are 1 to n. Everything that does not depend on what is sent to them."""

    seed: int
    static: dict[str, Floats]  # (n,) each, standard normal, seen
    warmth: Floats  # (n,) hidden: how much any message does to a customer; mean 1
    order_rate: Floats  # (n,) orders per day without any message
    mean_margin_cents: Floats  # (n,) of an order
    joined_day: NDArray[np.int64]  # (n,) 0 and below: before the first day
    first_slot_day: NDArray[np.int64]  # (n,) when the contact before the first day is over
    consents: dict[str, NDArray[np.bool_]]  # (n,) by channel
    heavy_tails: bool = False  # margins after Pareto's law rather than the log-normal one
    price_moves: bool = True  # what a customer cares for changes over the year

    def __len__(self) -> int:
        return len(self.warmth)

    @property
    def ids(self) -> NDArray[np.int64]:
        return np.arange(1, len(self) + 1)

    def uniform(self, stream: str, day: int, rows: NDArray[np.int64] | None = None) -> Floats:
        """Luck of a day, the same under every policy: (n,), or (len(rows),)."""
        ids = self.ids if rows is None else rows + 1
        return keyed_uniform(stream_key(self.seed, stream, day), ids)

    def margins(self, u: Floats, rows: NDArray[np.int64]) -> Floats:
        """Margin in cents of one order each, from uniform numbers; expectation mean_margin_cents.

        Heavy tails: Pareto with exponent 2.5, whose fourth moment does not exist.
        """
        shape = 0.6 * u ** (-1 / 2.5) if self.heavy_tails else np.exp(0.6 * ndtri(u) - 0.18)
        return self.mean_margin_cents[rows] * shape

    @classmethod
    def generate(
        cls, n: int, *, seed: int, slot_days: int, newcomers: int = 0, newcomer_days: int = 1
    ) -> "Population":
        """newcomers : of the n customers, so many join one after the other from day 1 on, over
        so many days."""
        ids = np.arange(1, n + 1)

        def u(stream: str) -> Floats:
            return keyed_uniform(stream_key(seed, stream, 0), ids)

        joined = -np.ceil(u("joined") * 1000).astype(np.int64)
        if newcomers:
            joined[-newcomers:] = 1 + np.arange(newcomers) * newcomer_days // newcomers
        return cls(
            seed=seed,
            static={name: ndtri(u(name)) for name in STATIC},
            warmth=gamma_quantile(u("warmth"), 8.0),
            order_rate=DAILY_ORDER_RATE * gamma_quantile(u("order rate"), 3.0),
            mean_margin_cents=MEAN_MARGIN_CENTS * np.exp(0.25 * ndtri(u("spend")) - 0.25**2 / 2),
            joined_day=joined,
            first_slot_day=np.maximum((u("slot") * slot_days).astype(np.int64), joined),
            consents={name: u(f"consent {name}") < share for name, share in CHANNELS.items()},
        )


@dataclass
class Memory:
    """What customers did so far, own orders and those that messages brought."""

    last_order_day: NDArray[np.int64]  # (n,) the day of joining before the first order
    is_known: NDArray[np.bool_]  # (n,) ordered once, or joined before the first day
    orders: Floats  # (n,) of the last days, each fading over about 90

    @classmethod
    def before_the_first_day(cls, population: Population) -> "Memory":
        memory = cls(
            population.joined_day.copy(), population.joined_day <= 0, np.zeros(len(population))
        )
        for day in range(-LIVED_DAYS, 0):
            memory.add_day(day, own_orders(population, day).astype(float))
        return memory

    def add_day(self, day: int, n_orders: Floats) -> None:
        self.orders *= np.exp(-1 / 90)
        self.orders += n_orders
        self.last_order_day[n_orders > 0] = day
        self.is_known |= n_orders > 0


def own_orders(population: Population, day: int) -> NDArray[np.bool_]:
    """(n,) who buys on a day without any message's doing."""
    u = population.uniform("own order", day)
    return (u < population.order_rate) & (population.joined_day <= day)


@dataclass(frozen=True)
class Morning:
    """Some customers on the morning of a day, as truth and engine see them."""

    rows: NDArray[np.int64]  # (m,) in the population
    traits: dict[str, Floats]  # (m,) each: about standard normal
    features: Floats  # (m, len(FEATURES)) raw, as an engine would compute them
    stage: NDArray[np.str_]  # (m,)
    micro_segment: NDArray[np.int64]  # (m,) stage and favourite taste


def morning(population: Population, memory: Memory, day: int, rows: NDArray[np.int64]) -> Morning:
    recency = (day - memory.last_order_day[rows]).astype(float)
    tenure = (day - population.joined_day[rows]).astype(float)
    static = {name: population.static[name][rows] for name in STATIC}
    if population.price_moves:  # over the year, each in a phase of his own
        static["price"] = static["price"] + 0.4 * np.sin(2 * np.pi * day / 365 + rows)
    known = memory.is_known[rows]
    seen = [
        np.where(known, np.exp(0.7 * z + 3), np.nan) if name in BY_ORDERS else np.exp(0.7 * z + 3)
        for name, z in static.items()
    ]
    stage = np.select([tenure <= 30, recency <= 60, recency <= 150], np.arange(3), default=3)
    favourite = 1 + np.column_stack([static[name] for name in TASTES]).argmax(axis=1)
    return Morning(
        rows=rows,
        traits={
            **static,
            "recency": (np.log1p(recency) - 4.4) / 0.9,
            "tenure": (np.log1p(tenure) - 5.9) / 0.9,
        },
        features=np.column_stack(
            [np.where(known, recency, np.nan), memory.orders[rows], tenure, *seen]
        ),
        stage=np.array(STAGES)[stage],
        micro_segment=1 + stage * (1 + len(TASTES)) + np.where(known, favourite, 0),
    )

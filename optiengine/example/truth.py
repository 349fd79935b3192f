"""What a message truly does, known because we made it so.

One message to a customer, delivered on day d with a window of W days,

* brings one additional order with probability `p_extra`, on a day of the window;
* keeps the customer from each order of his own in the window with probability `p_lost`;
* gives a discount on the additional order and, if he remembers it, on his own orders.

Either of the first two is zero: a score above zero brings orders, one below zero costs them.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np

from optiengine.example.population import CATEGORIES, CHANNELS, MARGIN_RATES, Population

MAX_P_EXTRA = 0.35
LOST_PER_POINT = 6.0  # a score of -0.02 costs 12 % of the customer's own orders in the window
DELAY_DECAY = 0.7  # each later day of the window is that much less likely for an extra order
WEEKDAY_DEMAND = np.array([0.90, 0.88, 0.92, 0.98, 1.12, 1.24, 0.96])  # Monday first, mean 1


def demand(on: date) -> float:
    """How the day moves everyone's order rate; 1 on average, more towards the end of the year."""
    season = 1 + 0.15 * np.cos(2 * np.pi * (on.timetuple().tm_yday - 345) / 365.25)
    return float(WEEKDAY_DEMAND[on.weekday()] * season)


@dataclass(frozen=True)
class Effect:
    """The score of a message: `base` plus each trait times its weight (see CustomerState.traits).

    A score of 0.04 means four more orders per hundred contacts, before channel and fatigue.
    """

    base: float
    weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """One way to carry out a campaign; `discount` is the share of revenue given away."""

    key: str
    channel: str
    cost_cents: int
    effect: Effect
    discount: float = 0.0


@dataclass(frozen=True)
class Campaign:
    """What a marketer would enter, and its true effects. rank None = Auto, category None = any."""

    key: str
    name: str
    tag: str
    audience: str
    actions: tuple[Action, ...]
    rank: int | None = None
    category: str | None = None
    window_days: int = 7


@dataclass(frozen=True)
class Catalogue:
    """Campaigns and, as one flat list, their actions; a message names an action by its key."""

    campaigns: tuple[Campaign, ...]

    @cached_property
    def options(self) -> tuple[tuple[Campaign, Action], ...]:
        return tuple((c, action) for c in self.campaigns for action in c.actions)

    @cached_property
    def option_of(self) -> dict[str, int]:
        """Position in `options` by action key."""
        return {action.key: at for at, (_, action) in enumerate(self.options)}


@dataclass(frozen=True)
class CustomerState:
    """All customers on the morning of a day, before that day's messages. Columns of length n."""

    population: Population
    day: int
    is_active: np.ndarray  # hidden: has not yet stopped buying
    last_order_day: np.ndarray
    load: np.ndarray  # recent messages, each fading with the days since
    consent: np.ndarray  # (n, n_channels)

    @cached_property
    def is_registered(self) -> np.ndarray:
        return self.population.registered_day < self.day

    @cached_property
    def days_since_order(self) -> np.ndarray:
        return np.maximum(self.day - self.last_order_day, 0)

    @cached_property
    def tenure_days(self) -> np.ndarray:
        return np.maximum(self.day - self.population.registered_day, 0)

    @cached_property
    def days_to_birthday(self) -> np.ndarray:
        """0 on the day itself; somebody born on 29 February celebrates on 1 March."""
        today = np.datetime64(self.population.date_of(self.day), "D")
        birth_on = self.population.birth_on
        birth_month = birth_on.astype("datetime64[M]")
        day_of_month = birth_on - birth_month.astype("datetime64[D]")
        month = birth_month.astype(int) % 12
        this_year = today.astype("datetime64[Y]")

        def birthday(year: np.datetime64) -> np.ndarray:
            return (year.astype("datetime64[M]") + month).astype("datetime64[D]") + day_of_month

        next_one = birthday(this_year)
        next_one = np.where(next_one < today, birthday(this_year + 1), next_one)
        return (next_one - today).astype(int)

    @cached_property
    def traits(self) -> dict[str, np.ndarray]:
        """What effects are made of: every trait is in [0, 1], shape (n,)."""
        population = self.population
        today = np.datetime64(population.date_of(self.day), "D")
        age_years = (today - population.birth_on).astype(int) / 365.25
        traits = {
            "price": population.price_sensitivity,
            "loyal": self.is_active * population.order_rate / (population.order_rate + 0.015),
            "recent": np.exp(-self.days_since_order / 14),
            "lapsed": 1 / (1 + np.exp(-(np.minimum(self.days_since_order, 999) - 120) / 25)),
            "new": np.exp(-self.tenure_days / 20),
            "birthday": (self.days_to_birthday < 7).astype(float),
            "young": np.clip((50 - age_years) / 25, 0, 1),
            "seasoned": np.clip((age_years - 40) / 25, 0, 1),
        }
        for c, category in enumerate(CATEGORIES):
            traits[category] = np.minimum(population.taste[:, c] / 0.4, 1)
        return traits

    def own_orders(self, window_days: int) -> np.ndarray:
        """(n,) expected number of orders in the window from this day on without any message."""
        population, expected = self.population, np.zeros(len(self.population))
        p_active = (self.is_active & self.is_registered).astype(float)
        for day in range(self.day, self.day + window_days):
            p_order = -np.expm1(-population.order_rate * demand(population.date_of(day)))
            expected += p_active * p_order
            p_active = p_active * (1 - population.p_dropout * p_order)
        return expected

    def in_audience(self, audience: str) -> np.ndarray:
        """(n,) bool: whom a campaign for this audience may address."""
        return (
            self.is_registered
            & {
                "everyone": lambda: np.True_,
                "new": lambda: self.tenure_days <= 30,
                "birthday": lambda: self.days_to_birthday < 7,
                "recent": lambda: self.days_since_order <= 30,
                "at_risk": lambda: (self.days_since_order > 60) & (self.days_since_order <= 150),
                "lapsed": lambda: self.days_since_order > 120,
            }[audience]()
        )


def response(
    state: CustomerState, campaign: Campaign, action: Action, rows: np.ndarray | slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """(p_extra, p_lost) of one message to each of the customers in `rows`."""
    population, effect = state.population, action.effect
    score = np.full(len(population), effect.base)[rows]
    for trait, weight in effect.weights.items():
        score = score + weight * state.traits[trait][rows]
    warmth = population.channel_affinity[rows, CHANNELS.index(action.channel)] * np.exp(
        -population.fatigue_sensitivity[rows] * state.load[rows]
    )
    return np.clip(score * warmth, 0, MAX_P_EXTRA), np.clip(-score * LOST_PER_POINT, 0, 0.9)


def p_redeem(population: Population) -> np.ndarray:
    """(n,) probability that a customer uses a running discount on an order of his own."""
    return 0.2 + 0.6 * population.price_sensitivity


def true_uplift_cents(
    state: CustomerState,
    campaign: Campaign,
    action: Action,
    own_orders: np.ndarray | None = None,
) -> np.ndarray:
    """(n,) expected margin that one message today adds in its window, in cents, before its cost.

    Exact for a customer under no other message's influence but fatigue. `own_orders` may be passed
    when many actions share a window. Zero for those not registered yet.
    """
    population = state.population
    if own_orders is None:
        own_orders = state.own_orders(campaign.window_days)
    p_extra, p_lost = response(state, campaign, action)
    if campaign.category is None:
        # Revenue per cent of margin, averaged over what the customer buys.
        revenue_extra = revenue_own = population.taste @ (1 / MARGIN_RATES)
    else:
        c = CATEGORIES.index(campaign.category)
        revenue_extra = 1 / MARGIN_RATES[c]
        revenue_own = population.taste[:, c] * revenue_extra
    gained = p_extra * (1 - action.discount * revenue_extra)
    lost = own_orders * p_lost
    given_away = own_orders * (1 - p_lost) * p_redeem(population) * action.discount * revenue_own
    uplift = population.mean_margin_cents * (gained - lost - given_away)
    return np.where(state.is_registered, uplift, 0.0)


def true_values_cents(state: CustomerState, catalogue: Catalogue) -> np.ndarray:
    """(n, n_options): true uplift less contact cost, -inf where the message may not be sent."""
    windows = {campaign.window_days for campaign in catalogue.campaigns}
    own_orders = {window: state.own_orders(window) for window in windows}
    values = np.full((len(state.population), len(catalogue.options)), -np.inf)
    for at, (campaign, action) in enumerate(catalogue.options):
        allowed = state.in_audience(campaign.audience)
        allowed = allowed & state.consent[:, CHANNELS.index(action.channel)]
        uplift = true_uplift_cents(state, campaign, action, own_orders[campaign.window_days])
        values[allowed, at] = (uplift - action.cost_cents)[allowed]
    return values

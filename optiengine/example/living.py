"""The world lives day by day: messages go in, events come out.

What a customer would do by himself (own orders, visits, when he stops) is drawn by keys that no
message touches, so a world without messages is the exact counterfactual of the same world with
them. Messages add orders to it, take some away and make some cheaper.
"""

import json
from datetime import date

import numpy as np

from optiengine.example.chance import keyed_bits, keyed_uniform, stream_key
from optiengine.example.drawing import day_times, gamma_quantile, pick
from optiengine.example.events import Events, Messages
from optiengine.example.influence import Influence
from optiengine.example.population import CATEGORIES, CHANNELS, MARGIN_RATES, Population
from optiengine.example.truth import Catalogue, CustomerState, demand, p_redeem, response

FATIGUE_DAYS = 7.0  # a message counts as 1 on its day and exp(-t / 7) t days later
P_OPEN = {"email": 0.30, "app": 0.40, "sms": 0.0}  # nobody can tell whether a text was read
VISITS_AFTER_STOPPING = 0.1  # of the visit rate, once a customer has stopped buying


class World:
    """A population living through days, in order, under the influence of messages."""

    def __init__(self, population: Population, catalogue: Catalogue, *, seed: int):
        n = len(population)
        self.population, self.catalogue, self.seed = population, catalogue, seed
        self._day = int(population.registered_day.min())  # the next day to live
        self._is_active = np.ones(n, dtype=bool)
        self._last_order_day = population.registered_day.copy()
        self._load = np.zeros(n)
        self._consent = population.consent.copy()
        self._influence = Influence(n)

    @property
    def today(self) -> date:
        """The day that will be lived next."""
        return self.population.date_of(self._day)

    def state(self) -> CustomerState:
        """The customers this morning; a copy, so living on does not change it."""
        return CustomerState(
            population=self.population,
            day=self._day,
            is_active=self._is_active.copy(),
            last_order_day=self._last_order_day.copy(),
            load=self._load.copy(),
            consent=self._consent.copy(),
        )

    def history(self, visit_days: int = 30) -> Events:
        """Live all days before the start; every order, and the visits of the last `visit_days`.

        Web analytics keep visits for a while; the order book goes back to the first order.
        """
        parts = []
        while self._day < 0:
            is_recent = self._day >= -visit_days
            parts.append(self._live(Messages.none(), with_visits=is_recent))
        if not parts:
            raise ValueError(f"The history is over: this world has arrived at {self.today}.")
        return Events.concatenate(parts)

    def live_day(self, day: date, messages: Messages | None = None) -> Events:
        """Live one day and return what customers did on it, in order of time.

        Days come in order, and a customer gets an action at most once a day; ValueError otherwise.
        """
        if self._day < 0:
            raise ValueError("Live the history first.")
        if day != self.today:
            raise ValueError(f"The next day of this world is {self.today}, not {day}.")
        return self._live(messages or Messages.none(), with_visits=True)

    def _live(self, messages: Messages, *, with_visits: bool) -> Events:
        parts = [self._receive(messages)] if len(messages) else []
        parts += [self._own_orders(), self._extra_orders()]
        if with_visits:
            parts.append(self._visits())
        self._load *= np.exp(-1 / FATIGUE_DAYS)
        self._day += 1
        self._influence.forget_before(self._day)
        return Events.concatenate(parts)

    # What customers do by themselves

    def _own_orders(self) -> Events:
        population = self.population
        p_order = -np.expm1(-population.order_rate * demand(self.today))
        is_first = population.registered_day == self._day
        is_repeat = (
            self._is_active
            & (population.registered_day < self._day)
            & (self._uniform("order", np.arange(len(population))) < p_order)
        )
        stops = is_repeat & (
            self._uniform("stop", np.arange(len(population))) < population.p_dropout
        )
        self._is_active &= ~stops
        wants = np.flatnonzero(is_first | is_repeat)
        is_lost = self._uniform("lost", wants) < self._influence.p_lost(wants)
        buys = wants[~is_lost]
        category = pick(population.taste[buys], self._uniform("category", buys))
        remembers = self._uniform("redeem", buys) < p_redeem(population)[buys]
        discount = np.where(remembers, self._influence.discount(buys, category), 0.0)
        return self._orders(buys, buys, self._day, "order", category, discount)

    def _visits(self) -> Events:
        population = self.population
        rate = population.visit_rate * np.where(self._is_active, 1.0, VISITS_AFTER_STOPPING)
        is_visit = self._uniform("visit", np.arange(len(population))) < -np.expm1(-rate)
        rows = np.flatnonzero(is_visit & (population.registered_day <= self._day))
        category = pick(population.taste[rows], self._uniform("visit category", rows))
        through_app = self._uniform("visit channel", rows) < (
            0.35 * population.channel_affinity[rows, CHANNELS.index("app")]
        )
        texts = [
            [
                json.dumps({"category": name, "channel": channel}, separators=(",", ":"))
                for channel in ("web", "app")
            ]
            for name in CATEGORIES
        ]
        properties = np.array(texts, dtype=object)[category, through_app.astype(int)]
        seconds = day_times(self._uniform("visit time", rows), 6, 23)
        return self._events("visit", rows, rows, self._day, properties, seconds)

    # What messages make them do

    def _receive(self, messages: Messages) -> Events:
        rows = self.population.positions(messages.customer)
        options = self._options(messages.action)
        if (self.population.registered_day[rows] >= self._day).any():
            raise ValueError("A message went to somebody who had not registered by this morning.")
        keys = rows * len(self.catalogue.options) + options
        if len(np.unique(keys)) < len(keys):
            raise ValueError("Somebody got the same action twice on one day.")
        state = self.state()
        parts = []
        for option in np.unique(options):
            parts += self._receive_one(state, int(option), rows[options == option])
        # Fatigue counts after all messages of the day, so their order does not matter.
        np.add.at(self._load, rows, 1.0)
        return Events.concatenate(parts)

    def _options(self, action_keys: np.ndarray) -> np.ndarray:
        """Positions in the catalogue; ValueError names an action that is not in it."""
        try:
            options = [self.catalogue.option_of[str(key)] for key in action_keys]
        except KeyError as error:
            raise ValueError(f"The catalogue has no action {error.args[0]!r}.") from None
        return np.array(options, dtype=int)

    def _receive_one(self, state: CustomerState, option: int, rows: np.ndarray) -> list[Events]:
        """Everybody in `rows` gets this one action; orders it brings are kept for their day."""
        campaign, action = self.catalogue.options[option]
        population = self.population
        channel = CHANNELS.index(action.channel)
        keys = rows * len(self.catalogue.options) + option
        p_extra, p_lost = response(state, campaign, action, rows)
        category = -1 if campaign.category is None else CATEGORIES.index(campaign.category)
        self._influence.add(
            rows, p_lost, action.discount, category, self._day + campaign.window_days
        )
        responds = self._uniform("respond", keys) < p_extra
        self._influence.expect(
            rows[responds],
            option,
            self._day,
            campaign.window_days,
            self._uniform("delay", keys[responds]),
        )

        tired = population.fatigue_sensitivity[rows] * state.load[rows]
        interest = population.channel_affinity[rows, channel] * np.exp(-tired)
        opens = responds | (self._uniform("open", keys) < P_OPEN[action.channel] * interest)
        p_click = 0.06 + 2 * p_extra
        is_tracked = P_OPEN[action.channel] > 0
        clicks = responds | (
            (opens if is_tracked else interest > 0.5) & (self._uniform("click", keys) < p_click)
        )
        leaves = state.consent[rows, channel] & (
            self._uniform("leave", keys) < 0.0005 + 0.01 * tired + 0.01 * p_lost
        )
        complains = leaves & (self._uniform("complain", keys) < 0.05)
        self._consent[rows[leaves], channel] = False

        properties = json.dumps(
            {"campaign": campaign.key, "action": action.key, "channel": action.channel},
            separators=(",", ":"),
        )
        seconds = day_times(self._uniform("open time", keys), 9, 14)
        reactions = [
            ("open", opens if is_tracked else np.zeros_like(opens), 0),
            ("click", clicks, 90),
            ("unsubscribe", leaves & ~complains, 180),
            ("complaint", complains, 180),
        ]
        return [
            self._events(
                kind,
                rows[does],
                keys[does],
                self._day,
                np.full(int(does.sum()), properties, dtype=object),
                seconds[does] + later,
            )
            for kind, does, later in reactions
        ]

    def _extra_orders(self) -> Events:
        parts = [Events.none()]
        for rows, option, sent_day in self._influence.due(self._day):
            campaign, action = self.catalogue.options[option]
            keys = rows * len(self.catalogue.options) + option
            if campaign.category is None:
                luck = keyed_uniform(stream_key(self.seed, "extra category", sent_day), keys)
                category = pick(self.population.taste[rows], luck)
            else:
                category = np.full(len(rows), CATEGORIES.index(campaign.category))
            discount = np.full(len(rows), action.discount)
            parts.append(self._orders(rows, keys, sent_day, "extra", category, discount))
        return Events.concatenate(parts)

    # Rows of events

    def _orders(
        self,
        rows: np.ndarray,
        keys: np.ndarray,
        key_day: int,
        stream: str,
        category: np.ndarray,
        discount: np.ndarray,
    ) -> Events:
        """Orders today; their luck hangs on (stream, key_day, keys), never on other orders."""
        population = self.population

        def luck(name: str) -> np.ndarray:
            return keyed_uniform(stream_key(self.seed, f"{stream} {name}", key_day), keys)

        full_margin = population.mean_margin_cents[rows] * gamma_quantile(
            luck("margin"), population.process.shape
        )
        full_revenue = full_margin / MARGIN_RATES[category]
        margin = np.rint(full_margin - discount * full_revenue).astype(int)
        revenue = np.rint(full_revenue * (1 - discount)).astype(int)
        # Items reduced in the shop anyway: a trace of who is price sensitive.
        is_reduced = luck("sale") < 0.05 + 0.5 * population.price_sensitivity[rows]
        on_sale = (discount > 0) | is_reduced
        self._last_order_day[rows] = self._day
        columns = zip(category.tolist(), revenue.tolist(), on_sale.tolist(), strict=True)
        properties = np.array(
            [
                f'{{"category":"{CATEGORIES[c]}","revenue_cents":{r},"on_sale":{str(s).lower()}}}'
                for c, r, s in columns
            ],
            dtype=object,
        )
        opening_hour = 15 if stream == "extra" else 6  # after the message was read
        seconds = day_times(luck("time"), opening_hour, 23)
        return self._events("order", rows, keys, key_day, properties, seconds, margin, stream)

    def _events(
        self,
        kind: str,
        rows: np.ndarray,
        keys: np.ndarray,
        key_day: int,
        properties: np.ndarray,
        seconds: np.ndarray,
        amount_cents: np.ndarray | None = None,
        stream: str | None = None,
    ) -> Events:
        """Events of one kind today, `seconds` after midnight UTC, under ids that never change."""
        n = len(rows)
        words = keyed_bits(stream_key(self.seed, f"{stream or kind} id", key_day), keys)
        return Events(
            external_id=np.array([f"{kind}-{word:016x}" for word in words.tolist()], dtype=object),
            customer=self.population.external_id[rows].astype(object),
            kind=np.full(n, kind, dtype=object),
            occurred_at=np.datetime64(self.today, "s") + seconds.astype("timedelta64[s]"),
            amount_cents=np.zeros(n, dtype=int) if amount_cents is None else amount_cents,
            properties=properties,
        )

    def _uniform(self, stream: str, keys: np.ndarray) -> np.ndarray:
        return keyed_uniform(stream_key(self.seed, stream, self._day), keys)

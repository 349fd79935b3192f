"""Days in the lab: decide, send, let customers buy, measure; in arrays from beginning to end."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.history import History
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes
from campaigns.numerics.verdicts import Facts, fact_verdicts, limit_verdicts
from optiengine.example.drawing import delay_days
from optiengine.lab.worlds.population import FEATURES, Memory, Morning, morning, own_orders
from optiengine.lab.worlds.scenario import LabScenario

Floats = NDArray[np.float64]

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
MOST_LOST, MOST_GAINED = 0.9, 0.4  # of own orders in the window; probability of one more
LOAD_FADES = np.exp(-1 / 10)  # what is left the next day of a message
OWN_VISIT = 0.1  # probability that somebody visits whose message was withheld


@dataclass
class Contacts:
    """One day's contacts, test and control alike: k of them. Outcomes come with the window."""

    day: int
    rows: NDArray[np.int64]  # (k,) in the population
    campaign: NDArray[np.int64]  # (k,) index in the scenario's campaigns
    is_control: NDArray[np.bool_]
    uplift_cents: Floats  # (k,) true expected gain if sent
    value_cents: Floats  # (k,) margin in the window so far
    responded: NDArray[np.bool_]  # (k,) so far
    features: Floats | None  # (k, d) raw; dropped once the window has closed
    micro_segment: NDArray[np.int64]
    orders_by_delay: Floats  # (2, window) orders so far of test and control, by day of the window

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Situation:
    """Who can be contacted on a day, and what is allowed: all that a policy may look at."""

    day: int
    book: Rulebook
    campaigns: NDArray[np.int64]  # (A,) index in the scenario's, of each action of the book
    morning: Morning
    facts: Codes  # (m, A)
    codes: Codes  # (m, A) after limits
    load: Floats  # (m,) recent messages, each fading
    history: History
    time_zones: NDArray[np.str_]  # (m,)

    @property
    def customer_ids(self) -> NDArray[np.int64]:
        return self.morning.rows + 1


class Lab:
    """One world under one policy."""

    def __init__(self, scenario: LabScenario) -> None:
        self.scenario, self.population = scenario, scenario.population
        n = len(self.population)
        self.day = 0  # the next to be decided
        self.memory = Memory.before_the_first_day(self.population)
        self.open: deque[Contacts] = deque()  # windows that have not closed
        self.past: deque[Contacts] = deque()  # those that limits may still ask for
        self.next_slot = self.population.first_slot_day.copy()
        self.load = np.zeros(n)  # recent messages, each fading
        self.latest = np.full(n, -1)  # campaign of the latest contact
        self.latest_day = np.full(n, -1)
        self.latest_responded = np.zeros(n, dtype=bool)  # at once: to campaigns that ask for visits
        days = scenario.window_days
        # What messages will do on the next days, today first: rings over the days.
        self.coming_orders = np.zeros((days, n), dtype=np.int16)
        self.coming_cents = np.zeros((days, n))
        self.p_lost = np.zeros((days, n))
        self.realised_cents = 0.0  # margin beside that of the world without messages

    def situation(self, day: int) -> Situation:
        """Customers with a free slot only: for all others every verdict would be the cap's."""
        is_free = (self.next_slot <= day) & (self.population.joined_day <= day)
        return self.situation_of(np.flatnonzero(is_free), day)

    def situation_of(self, rows: NDArray[np.int64], day: int) -> Situation:
        population, scenario = self.population, self.scenario
        book = scenario.book(day)
        today = morning(population, self.memory, day, rows)
        everyone, nobody = np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        columns = {f"feature.{name}": today.features[:, j] for j, name in enumerate(FEATURES)}
        facts = fact_verdicts(
            book,
            Facts(
                columns={**columns, "stage": today.stage.astype(object)},
                held_out=nobody,
                suppressed=nobody,
                consents={name: consents[rows] for name, consents in population.consents.items()},
                addresses=dict.fromkeys(population.consents, everyone),
                time_zones=np.full(len(rows), "UTC", dtype=object),
            ),
        )
        history, zones = self._history(day, rows), np.full(len(rows), "UTC")
        codes = limit_verdicts(book, facts, history, zones, at=START + timedelta(days=day))
        return Situation(
            day,
            book,
            book.action_ids - 1,
            today,
            facts,
            codes,
            self.load[rows],
            history,
            zones,
        )

    def true_uplift_cents(self, now: Situation) -> Floats:
        """(m, A) expected margin that a message today adds within its window."""
        return self.extra_orders(now) * self.population.mean_margin_cents[now.morning.rows, None]

    def extra_orders(self, now: Situation) -> Floats:
        """(m, A) expected additional orders; below zero own orders are lost."""
        rows, population = now.morning.rows, self.population
        points = np.zeros((len(rows), len(now.campaigns)))
        for at, campaign in enumerate(now.campaigns):
            points[:, at] = self.scenario.campaigns[campaign].effect.points(now.morning, now.day)
        tired = np.exp(-self.scenario.fatigue * now.load)
        base_orders = population.order_rate[rows] * self.scenario.window_days
        orders = points / 100 * (population.warmth[rows] * tired)[:, None]
        return np.clip(orders, -MOST_LOST * base_orders[:, None], MOST_GAINED)

    def response_probs(self, now: Situation) -> Floats:
        """(m, A) P(customer responds | sent), true: by a visit, or by an order in the window."""
        base_prob = -np.expm1(
            -self.population.order_rate[now.morning.rows] * self.scenario.window_days
        )
        probs = np.clip(base_prob[:, None] + self.extra_orders(now), 0, 1)
        for at, campaign in enumerate(now.campaigns):
            visit = self.scenario.campaigns[campaign].visit
            if visit:
                probs[:, at] = np.clip(visit.points(now.morning, now.day) / 100, 0, 1)
        return probs

    def send(
        self, now: Situation, chosen: NDArray[np.int64], is_control: NDArray[np.bool_]
    ) -> Contacts:
        """chosen : (m,) action of the book or -1. Controls take the slot, and get nothing."""
        taken = np.flatnonzero(chosen >= 0)
        rows, action = now.morning.rows[taken], chosen[taken]
        orders = self.extra_orders(now)[taken, action]
        p_response = self.response_probs(now)[taken, action]
        contacts = Contacts(
            day=now.day,
            rows=rows,
            campaign=now.campaigns[action],
            is_control=is_control[taken],
            uplift_cents=orders * self.population.mean_margin_cents[rows],
            value_cents=np.zeros(len(rows)),
            responded=np.zeros(len(rows), dtype=bool),
            features=now.morning.features[taken],
            micro_segment=now.morning.micro_segment[taken],
            orders_by_delay=np.zeros((2, self.scenario.window_days)),
        )
        sent = ~contacts.is_control
        self._act(now.day, rows[sent], orders[sent])
        self._visit(contacts, p_response)
        self.next_slot[rows] = now.day + self.scenario.slot_days
        self.load[rows[sent]] += 1
        self.latest[rows], self.latest_day[rows] = contacts.campaign, now.day
        self.latest_responded[rows] = contacts.responded
        self.open.append(contacts)
        return contacts

    def live_day(self, day: int) -> Contacts | None:
        """Orders of the day; returns the contacts whose window has closed with it, if any."""
        population = self.population
        self.day = day + 1
        orders_anyway = own_orders(population, day)
        lost = orders_anyway & (population.uniform("lost order", day) < self.p_lost[0])
        own_cents = np.zeros(len(population))
        rows = np.flatnonzero(orders_anyway)
        own_cents[rows] = population.margins(population.uniform("margin", day, rows), rows)
        self.realised_cents += self.coming_cents[0].sum() - own_cents[lost].sum()
        n_orders = (orders_anyway & ~lost) + self.coming_orders[0].astype(float)
        margin = np.where(lost, 0.0, own_cents) + self.coming_cents[0]
        self.memory.add_day(day, n_orders)
        by_order = ~self.scenario.by_visit
        for contacts in self.open:
            contacts.value_cents += margin[contacts.rows]
            contacts.orders_by_delay[:, day - contacts.day] = np.bincount(
                contacts.is_control, n_orders[contacts.rows], 2
            )
            contacts.responded |= (n_orders[contacts.rows] > 0) & by_order[contacts.campaign]
        for ring in (self.coming_orders, self.coming_cents, self.p_lost):
            ring[:-1] = ring[1:]
            ring[-1] = 0
        self.load *= LOAD_FADES
        if self.open and self.open[0].day <= day + 1 - self.scenario.window_days:
            closed = self.open.popleft()
            self.past.append(closed)
            return closed
        return None

    def _act(self, day: int, rows: NDArray[np.int64], orders: Floats) -> None:
        """Let sent messages gain or cost orders within their windows."""
        scenario, population = self.scenario, self.population
        gains = population.uniform("gain", day, rows) < orders
        winners = rows[gains]
        delay = delay_days(
            population.uniform("delay", day, winners), scenario.window_days, scenario.delay_decay
        )
        np.add.at(self.coming_orders, (delay, winners), 1)
        cents = population.margins(population.uniform("gained margin", day, winners), winners)
        np.add.at(self.coming_cents, (delay, winners), cents)
        losers = orders < 0
        base_orders = population.order_rate[rows[losers]] * scenario.window_days
        self.p_lost[:, rows[losers]] += -orders[losers] / base_orders

    def _visit(self, contacts: Contacts, p_response: Floats) -> None:
        """Visits are known at once; a control visits now and then of his own accord."""
        p = np.where(contacts.is_control, OWN_VISIT, p_response)
        visits = self.population.uniform("visit", contacts.day, contacts.rows) < p
        contacts.responded |= visits & self.scenario.by_visit[contacts.campaign]

    def _history(self, day: int, rows: NDArray[np.int64]) -> History:
        """Contacts of these customers that limits may still ask for; older ones are forgotten."""
        reach = max(self.scenario.repeat_days, 2 * self.scenario.slot_days)
        while self.past and self.past[0].day < day - reach:
            self.past.popleft()
        row_of = np.full(len(self.population), -1)
        row_of[rows] = np.arange(len(rows))
        parts = [(c, np.flatnonzero(row_of[c.rows] >= 0)) for c in (*self.past, *self.open)]

        def joined(columns: list[NDArray], dtype: type) -> NDArray:
            return np.concatenate([np.zeros(0, dtype=dtype), *columns])

        days_ago = joined([np.full(len(k), day - c.day) for c, k in parts], int)
        at = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
        return History(
            customer=joined([row_of[c.rows[k]] for c, k in parts], int),
            campaign_id=joined([c.campaign[k] + 1 for c, k in parts], int),
            by_channel={},
            by_tag={},
            takes_slot=np.ones(len(days_ago), dtype=bool),
            counted=np.ones(len(days_ago), dtype=bool),
            transactional=np.zeros(len(days_ago), dtype=bool),
            days_ago=days_ago,
            reserved_at=at - days_ago.astype("timedelta64[D]"),
            responded=joined([c.responded[k] for c, k in parts], bool),
        )

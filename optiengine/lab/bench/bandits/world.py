"""Which action for whom, when responses are rare and come late; the truth is known.

Segment s and action a respond with

    logit P(response | s, a) = MEAN + action_a + segment_s + cell_sa
    logit P(response | s, no contact) = NO_CONTACT + segment_s

action_a ~ N(0, ACTION_SD²), segment_s ~ N(0, SEGMENT_SD²), cell_sa ~ N(0, CELL_SD²), and the
probability of a contacted customer is cut to 1 … 8 %. Segments differ in size: shares are drawn
from Dirichlet(SHARE_EVENNESS).

Customers come in one batch a day and each is decided once. A response becomes known some days
after the contact: 1 + a geometric number, MEAN_DELAY_DAYS on average. At the start of a day a
policy sees all contacts of the days before, with the responses that have arrived by then, and
not whether others are still on their way.

A policy is worth the sum of P(response | s, chosen) - P(response | s, no contact) over customers,
as a share of what the best action of each segment would have brought: its share of the oracle.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MEAN, NO_CONTACT = -3.4, -4.0
ACTION_SD, SEGMENT_SD, CELL_SD = 0.4, 0.3, 0.35
LOWEST, HIGHEST = 0.01, 0.08
SHARE_EVENNESS = 1.0
MEAN_DELAY_DAYS = 3.0
NOT_ARRIVED = np.iinfo(np.int64).max


@dataclass(frozen=True)
class BanditWorld:
    response: Floats  # (S, A) P(response | contacted)
    no_contact: Floats  # (S,) P(response | not contacted)
    segment_share: Floats  # (S,) of customers, adding up to 1

    @classmethod
    def draw(cls, n_segments: int, n_actions: int, *, seed: int) -> Self:
        rng = np.random.default_rng([seed, 0])
        segment = rng.normal(0, SEGMENT_SD, n_segments)
        logit = MEAN + rng.normal(0, ACTION_SD, n_actions) + segment[:, None]
        logit = logit + rng.normal(0, CELL_SD, (n_segments, n_actions))
        return cls(
            response=np.clip(expit(logit), LOWEST, HIGHEST),
            no_contact=expit(NO_CONTACT + segment),
            segment_share=rng.dirichlet(np.full(n_segments, SHARE_EVENNESS)),
        )

    @property
    def uplift(self) -> Floats:
        """(S, A) what a contact adds to the probability of a response."""
        return self.response - self.no_contact[:, None]


@dataclass(frozen=True)
class Contacts:
    """What is known of n contacts at the start of a day."""

    today: int  # 0 is the first day
    day: Integers  # (n,) of the contact, ascending
    segment: Integers  # (n,)
    action: Integers  # (n,)
    arrived_on: Integers  # (n,) day from whose start the response is known, else NOT_ARRIVED

    def __len__(self) -> int:
        return len(self.day)

    @property
    def responded(self) -> NDArray[np.bool_]:
        """(n,) whether a response has arrived."""
        return self.arrived_on != NOT_ARRIVED

    @property
    def age(self) -> Integers:
        """(n,) days since the contact, at least 1."""
        return self.today - self.day


class Policy(Protocol):
    def learn(self, contacts: Contacts) -> None:
        """Take in all contacts so far, once at the start of each day but the first."""

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        """An action for each customer of a day."""


@dataclass(frozen=True)
class Played:
    share: float  # of the oracle's uplift
    learn_seconds: float  # of the processor, so that what runs beside it is not in it
    choose_seconds: float
    n_customers: int


def play(
    world: BanditWorld,
    policy: Policy,
    *,
    n_customers: int,
    n_days: int,
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> Played:
    """All customers, day by day. Who they are, and their luck, depends on the seed alone."""
    rng = np.random.default_rng([seed, 1])
    day = np.sort(np.arange(n_customers) % n_days)
    segment = rng.choice(len(world.segment_share), n_customers, p=world.segment_share)
    luck = rng.random(n_customers)  # responds where this is below the probability
    delay = rng.geometric(1 / MEAN_DELAY_DAYS, n_customers)
    ids = np.arange(n_customers)
    action = np.zeros(n_customers, dtype=np.int64)
    arrives_on = np.full(n_customers, NOT_ARRIVED)
    learning = choosing = 0.0
    for today in range(n_days):
        start, end = np.searchsorted(day, [today, today + 1])
        if today:
            arrived_on = np.where(arrives_on[:start] <= today, arrives_on[:start], NOT_ARRIVED)
            seen = Contacts(today, day[:start], segment[:start], action[:start], arrived_on)
            began = time.process_time()
            policy.learn(seen)
            learning += time.process_time() - began
        now = slice(start, end)
        began = time.process_time()
        action[now] = policy.choose(ids[now], segment[now])
        choosing += time.process_time() - began
        responds = luck[now] < world.response[segment[now], action[now]]
        arrives_on[now] = np.where(responds, today + delay[now], NOT_ARRIVED)
        progress()
    gained = world.uplift[segment, action].sum()
    possible = world.uplift.max(axis=1)[segment].sum()
    return Played(float(gained / possible), learning, choosing, n_customers)

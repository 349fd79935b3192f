"""The world and the engine, day by day: decisions go out as messages, events come back as files."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from campaigns.models import ArmMembership
from journeys.jobs.run_day import run_day
from journeys.models import DecisionRun, Delivery
from optiengine.example.events import Events, Messages
from optiengine.example.hand_in import (
    hand_in_contacts,
    hand_in_customers,
    hand_in_events,
    hand_in_withdrawals,
    is_handed_in,
)
from optiengine.example.helper import Helpers
from optiengine.example.install import action_keys
from optiengine.example.scenario import Scenario
from optiengine.example.true_worth import TrueWorth, read_choices

DECISION_TIME = time(5, tzinfo=UTC)  # before the world wakes up: windows then hold whole days
LATEST_DAYS = 7  # a message may wait in the outbox for so long


class NotDecided(Exception):
    """A day's run did not come to its end."""


class LivedWorld:
    """A scenario's world, next to the engine's database. It knows the true result of each message.

    The world's memory is made anew from the outbox: the same messages make the same days.
    """

    def __init__(self, scenario: Scenario, folder: Path, helpers: Helpers) -> None:
        self.scenario, self.folder, self.helpers = scenario, folder, helpers
        self.world = scenario.world()
        self.past = self.world.history()
        self.keys = action_keys(scenario.catalogue)
        self.worth = TrueWorth(self.world)

    @property
    def today(self) -> date:
        return self.world.today

    def hand_in_history(self) -> None:
        """Customers and events up to the start; nothing when that was done before."""
        if is_handed_in("history"):
            return
        population = self.scenario.population
        rows = np.flatnonzero(population.registered_day < 0)
        at = datetime.combine(population.start, time.min, UTC)
        hand_in_customers(population, rows, self.folder, "history", at=at)
        hand_in_contacts(population, self.folder, "history", seed=self.scenario.seed, at=at)
        hand_in_events(self.past, self.folder, "history", at=at)

    def is_lived(self, day: date) -> bool:
        return is_handed_in(day.isoformat())

    def live_day(self, progress: Callable[[str], None] | None = None) -> None:
        """Today, with the engine: decide, send, live, hand in. An interrupted day is continued."""
        tell, day = progress or (lambda step: None), self.today
        if not self.is_lived(day):
            self._decide(day, tell)
        tell("world")
        messages = self._messages(day)
        choices = read_choices(day, self.keys, self.scenario)
        before = self.world.state()
        events = self.world.live_day(day, messages)
        self.worth.add_day(before, messages, choices, events)
        if not self.is_lived(day):
            tell("imports")
            self._hand_in_day(day, events)

    def _decide(self, day: date, tell: Callable[[str], None]) -> None:
        """The engine's day, with helpers: they take chunks, then batches of the outbox."""
        decided_at = datetime.combine(day, DECISION_TIME)

        def with_help(step: str) -> None:
            tell(step)
            if step == "decisions":
                self.helpers.decide(DecisionRun.objects.daily().get(as_of=day).pk)

        run_day(day, decided_at=decided_at, send=False, progress=with_help)
        self.helpers.wait()
        self.helpers.deliver(decided_at)
        # Again: closes a run whose last chunk a helper had, and sends.
        run = run_day(day, decided_at=decided_at, progress=tell).run
        self.helpers.wait()
        if run.status != DecisionRun.Status.DONE:
            raise NotDecided(f"{day}: {run.error or run.get_status_display()}")

    def _hand_in_day(self, day: date, events: Events) -> None:
        """The evening's files; the events come last and so say that the day is complete."""
        name, population = day.isoformat(), self.scenario.population
        at = datetime.combine(day + timedelta(days=1), time.min, UTC)
        newcomers = population.registered_between(day, day)
        if len(newcomers):
            hand_in_customers(population, newcomers, self.folder, name, at=at)
        hand_in_withdrawals(events, self.folder, name, at=at)
        hand_in_events(events, self.folder, name, at=at)

    def _messages(self, day: date) -> Messages:
        """What left the outbox on a day."""
        start = datetime.combine(day, time.min, UTC)
        sent = Delivery.objects.filter(
            as_of__range=(day - timedelta(days=LATEST_DAYS), day),
            status=Delivery.Status.SENT,
            sent_at__range=(start, start + timedelta(hours=24)),
        ).values_list("customer__external_id", "action_id")
        if not (rows := list(sent.order_by("pk"))):
            return Messages.none()
        customers, actions = zip(*rows, strict=True)
        return Messages(np.array(customers), np.array([self.keys[action] for action in actions]))


def read_arms(scenario: Scenario) -> np.ndarray:
    """(n,) the arm of everybody in the population, "" for those who have none."""
    arms = np.full(len(scenario.population), "", dtype="<U9")
    rows = list(ArmMembership.objects.values_list("customer__external_id", "arm"))
    if rows:
        customers, arm = zip(*rows, strict=True)
        arms[scenario.population.positions(np.array(customers))] = arm
    return arms

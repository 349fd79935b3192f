"""Who decides in the lab: the engine, the engine without foresight, fixed orders, the oracle."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.capacity import use_of
from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions.numerics.arbitration import NONE, arbitrate, control_draw
from journeys.decisions.numerics.prices import solve_prices
from journeys.decisions.numerics.within_limits import arbitrate_within
from journeys.decisions.numerics.worth import Worth, with_slot_cost, worth_of
from journeys.learning.numerics.uplift import Prediction
from optiengine.lab.worlds.foresight import FatiguePlan, SeriesPlan
from optiengine.lab.worlds.lab import LOAD_FADES, START, Contacts, Lab, Situation
from optiengine.lab.worlds.learning import Learner

PRICE_ROUNDS = 20

Chosen = tuple[NDArray[np.int64], NDArray[np.bool_]]  # (m,) action or -1; (m,) withheld


class Policy(ABC):
    """Decides a day for all customers who can be contacted, and hears of closed windows."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    @abstractmethod
    def choose(self, now: Situation) -> Chosen: ...

    def hear(self, closed: Contacts | None) -> None:  # noqa: B027 - most do not
        """Contacts whose window closed with the day; nobody but the engine learns."""

    def seed_of(self, day: int) -> int:
        """Of the run: the same for all policies, so controls are the same customers."""
        return self.lab.scenario.seed * 100_003 + day

    def is_control(self, now: Situation, at: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Layer 6 for a choice that the engine did not make: whose message is withheld."""
        campaign = now.book.campaigns[now.book.campaign_of[at]]
        u = control_draw(now.customer_ids[rows], self.seed_of(now.day), campaign.id)
        return u < campaign.control_share

    def served(self, now: Situation, at: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of those who would get an action, who may: where it is limited, chance decides.

        What is withheld uses nothing, but only while a message could still have been sent.
        """
        limit = self.lab.scenario.daily_limits.get(int(now.campaigns[at]))
        if limit is None:
            return rows
        luck = self.lab.population.uniform("limit", now.day, now.morning.rows[rows])
        rows = rows[np.argsort(luck)]
        sent = ~self.is_control(now, at, rows)
        return rows[np.cumsum(sent) - sent < limit]

    def carried_out(self, now: Situation, wanted: NDArray[np.int64]) -> Chosen:
        """What becomes of a choice: limits, then controls. Who comes too late waits."""
        action, control = np.full(len(wanted), NONE), np.zeros(len(wanted), dtype=bool)
        for at in range(len(now.campaigns)):
            rows = self.served(now, at, np.flatnonzero(wanted == at))
            action[rows], control[rows] = at, self.is_control(now, at, rows)
        return action, control

    def arbitrated(
        self, now: Situation, worth: Worth, *, evidence_ok: NDArray[np.bool_], in_baseline: bool
    ) -> Chosen:
        """The engine's choice, within the limits that all customers share where there are any."""
        arguments = (
            now.book,
            now.codes,
            worth,
            evidence_ok,
            np.full(len(now.codes), in_baseline),
            now.customer_ids,
        )
        seed = self.seed_of(now.day)
        if not now.book.capacities:
            choice = arbitrate(*arguments, seed=seed)
        else:
            left = np.array([entry.maximum for entry in now.book.capacities])
            choice, _used = arbitrate_within(*arguments, seed=seed, use=use_of(now.book), left=left)
        return choice.action, choice.is_control


class Auto(Policy):
    """The engine: learns from closed windows, explores with known probabilities, looks ahead."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.learner = Learner(lab)
        self.learner.fit(self.lab)

    def choose(self, now: Situation) -> Chosen:
        worth = self.worth(now, self.learner.predict(now))
        if now.book.capacities:
            worth = replace(worth, price=self.prices(now, worth))
        evidence_ok = self.learner.evidence_ok[now.campaigns]
        return self.arbitrated(now, worth, evidence_ok=evidence_ok, in_baseline=False)

    def worth(self, now: Situation, prediction: Prediction) -> Worth:
        worth = worth_of(now.book, prediction, now.facts)
        at = START + timedelta(days=now.day)
        return with_slot_cost(worth, now.book, now.codes, now.history, now.time_zones, at=at)

    def prices(self, now: Situation, worth: Worth) -> NDArray[np.float64]:
        """(A,) what a contact costs of what is scarce, as at the start of a run."""
        use = use_of(now.book) * (1 - self.lab.scenario.control_share)
        solution = solve_prices(
            np.where(is_allowed(now), worth.total, -np.inf),
            use,
            np.array([entry.maximum for entry in now.book.capacities]),
            seed=self.seed_of(now.day) % 2**32,
        )
        return solution.price @ use

    def hear(self, closed: Contacts | None) -> None:
        self.learner.learn(closed)
        self.learner.fit(self.lab)


class Myopic(Auto):
    """The engine as it would be if a contact were worth no more than what it brings itself."""

    def worth(self, now: Situation, prediction: Prediction) -> Worth:
        worth = super().worth(now, prediction)
        nothing = np.zeros_like(worth.now)
        return replace(worth, later=nothing, slot=nothing)


class Uniform(Policy):
    """Any allowed campaign with equal chances, as the engine's baseline arm does."""

    def choose(self, now: Situation) -> Chosen:
        zero = np.zeros(now.codes.shape)
        worth = Worth(zero, zero, zero, zero, zero, zero)
        known = np.zeros(now.codes.shape[1], dtype=bool)
        return self.arbitrated(now, worth, evidence_ok=known, in_baseline=True)


class Ranked(Policy):
    """The first allowed campaign of a fixed order; campaigns outside it are never sent."""

    def __init__(self, lab: Lab, order: list[int]) -> None:
        super().__init__(lab)
        self.order = order

    def choose(self, now: Situation) -> Chosen:
        wanted = np.full(len(now.codes), NONE)
        allowed = is_allowed(now)
        for campaign in self.order:
            for at in np.flatnonzero(now.campaigns == campaign).tolist():
                rows = np.flatnonzero((wanted == NONE) & allowed[:, at])
                wanted[self.served(now, at, rows)] = at  # who comes too late gets the next one
        return self.carried_out(now, wanted)


class Oracle(Policy):
    """Knows what every message does, and takes the best that is allowed, or none."""

    def choose(self, now: Situation) -> Chosen:
        value = self.lab.true_uplift_cents(now) - now.book.cost_cents
        return self.carried_out(now, best_of(np.where(is_allowed(now), value, -np.inf)))


class SeriesOracle(Policy):
    """Follows the plan of the whole series for the days that are left."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.plan = SeriesPlan(lab, np.arange(len(lab.population)))

    def choose(self, now: Situation) -> Chosen:
        lab, rows = self.lab, now.morning.rows
        since = now.day - lab.latest_day[rows]
        recent = since < 2 * lab.scenario.slot_days
        state = np.zeros(len(rows), dtype=np.int64)
        for source in self.plan.sources:
            for responded in (True, False):
                in_state = (lab.latest[rows] == source) & (lab.latest_responded[rows] == responded)
                state[in_state & recent] = self.plan.state(source, responded)
        return self.carried_out(now, self.plan.choice[-1 - now.day, state, rows].astype(int))


class FatigueOracle(Policy):
    """Takes the best campaign, on the days on which that is worth its fatigue."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.plan = FatiguePlan(lab.scenario, LOAD_FADES)

    def choose(self, now: Situation) -> Chosen:
        rested = replace(now, load=np.zeros_like(now.load))
        value = np.where(is_allowed(now), self.lab.true_uplift_cents(rested), -np.inf)
        best, most = value.argmax(axis=1), value.max(axis=1)
        days_left = self.lab.scenario.n_days - now.day
        sends = (most > 0) & self.plan.is_worth_it(np.maximum(most, 0), now.load, days_left)
        return self.carried_out(now, np.where(sends, best, NONE))


class ScarceOracle(Policy):
    """Gives what is scarce to those whom it serves best today, by prices that clear the day.

    Prices rise by bisection until demand meets the limit, one campaign after the other and over
    again (Bertsekas 1988, an auction); what is short by rounding goes to the best of those left.
    It does not save scarce contacts for customers of a later day.
    """

    def choose(self, now: Situation) -> Chosen:
        value = self.lab.true_uplift_cents(now) - now.book.cost_cents
        value = np.where(is_allowed(now), value, -np.inf)
        price = np.zeros(value.shape[1])
        sent = 1 - self.lab.scenario.control_share
        scarce = [
            (at, round(limit / sent))
            for at, c in enumerate(now.campaigns)
            if (limit := self.lab.scenario.daily_limits.get(int(c))) is not None
        ]
        for _ in range(PRICE_ROUNDS):
            for at, limit in scarce:
                rest = value - price
                rest[:, at] = -np.inf
                gain = value[:, at] - np.maximum(rest.max(axis=1), 0)
                gain = np.sort(gain[gain > 0])[::-1]
                price[at] = gain[limit] if len(gain) > limit else 0.0
        return self.carried_out(now, best_of(value - price))


def oracle(lab: Lab) -> Policy:
    """The oracle that a world needs: with foresight where greed is not best."""
    if lab.scenario.steps:
        return SeriesOracle(lab)
    if lab.scenario.fatigue:
        return FatigueOracle(lab)
    return ScarceOracle(lab) if lab.scenario.daily_limits else Oracle(lab)


def is_allowed(now: Situation) -> NDArray[np.bool_]:
    return now.codes == Verdict.ALLOWED


def best_of(value: NDArray[np.float64]) -> NDArray[np.int64]:
    """(m,) the best action where it is worth anything, NONE elsewhere."""
    best = value.argmax(axis=1)
    return np.where(value[np.arange(len(best)), best] > 0, best, NONE)

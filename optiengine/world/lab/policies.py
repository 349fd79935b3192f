"""Who decides in the lab: the engine, the engine without foresight, fixed orders, the oracle."""

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.verdicts import Verdict
from journeys.numerics.arbitration import NONE, Choice, arbitrate, control_draw
from journeys.numerics.uplift import Prediction
from journeys.numerics.worth import Worth, worth_of
from optiengine.world.lab.lab import Contacts, Lab, Situation
from optiengine.world.lab.learning import Learner

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

    def with_controls(self, now: Situation, action: NDArray[np.int64]) -> Chosen:
        """Layer 6 for a choice that the engine did not make."""
        control = np.zeros(len(action), dtype=bool)
        for at, campaign in enumerate(now.book.campaigns):
            mine = np.flatnonzero((action != NONE) & (now.book.campaign_of[action] == at))
            if len(mine):
                u = control_draw(now.customer_ids[mine], self.seed_of(now.day), campaign.id)
                control[mine] = u < campaign.control_share
        return action, control


class Auto(Policy):
    """The engine: learns from closed windows, explores with known probabilities, looks ahead."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.learner = Learner(lab)
        self.learner.fit()

    def choose(self, now: Situation) -> Chosen:
        worth = self.worth(now, self.learner.predict(now))
        choice = self.arbitrate(now, worth)
        return choice.action, choice.is_control

    def worth(self, now: Situation, prediction: Prediction) -> Worth:
        return worth_of(now.book, prediction, now.facts)

    def arbitrate(self, now: Situation, worth: Worth) -> Choice:
        return arbitrate(
            now.book,
            now.codes,
            worth,
            self.learner.evidence_ok[now.campaigns],
            np.zeros(len(now.codes), dtype=bool),
            now.customer_ids,
            seed=self.seed_of(now.day),
        )

    def hear(self, closed: Contacts | None) -> None:
        self.learner.learn(closed)
        if closed is not None:
            self.learner.fit()


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
        choice = arbitrate(
            now.book,
            now.codes,
            Worth(zero, zero, zero, zero, zero),
            np.zeros(now.codes.shape[1], dtype=bool),
            np.ones(len(now.codes), dtype=bool),
            now.customer_ids,
            seed=self.seed_of(now.day),
        )
        return choice.action, choice.is_control


class Ranked(Policy):
    """The first allowed campaign of a fixed order; campaigns outside it are never sent."""

    def __init__(self, lab: Lab, order: list[int]) -> None:
        super().__init__(lab)
        self.order = order

    def choose(self, now: Situation) -> Chosen:
        action = np.full(len(now.codes), NONE)
        for campaign in self.order:
            for at in np.flatnonzero(now.campaigns == campaign):
                action[(action == NONE) & (now.codes[:, at] == Verdict.ALLOWED)] = at
        return self.with_controls(now, action)


class Oracle(Policy):
    """Knows what every message does, and takes the best that is allowed, or none."""

    def choose(self, now: Situation) -> Chosen:
        uplift = self.lab.true_uplift_cents(now)
        truth = Prediction(uplift, np.zeros_like(uplift), self.lab.visit_probs(now))
        value = worth_of(now.book, truth, now.facts).total
        value = np.where(now.codes == Verdict.ALLOWED, value, -np.inf)
        best = value.argmax(axis=1)
        positive = value[np.arange(len(best)), best] > 0
        return self.with_controls(now, np.where(positive, best, NONE))

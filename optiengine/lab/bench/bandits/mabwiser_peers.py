"""MABWiser's policies (github.com/fidelity/mabwiser), refitted each day on all labels so far."""

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

from optiengine.lab.bench.bandits.world import Contacts, Integers


class PerSegment:
    """MABWiser's Thompson sampling, which knows no context: one of it per segment."""

    def __init__(self, n_segments: int, n_actions: int, *, seed: int) -> None:
        self.mabs = [
            MAB(list(range(n_actions)), LearningPolicy.ThompsonSampling(), seed=seed + s)
            for s in range(n_segments)
        ]
        nothing = np.zeros(0, dtype=np.int64)
        for mab in self.mabs:
            mab.fit(nothing, nothing)

    def learn(self, contacts: Contacts) -> None:
        for s, mab in enumerate(self.mabs):
            members = contacts.segment == s
            mab.fit(contacts.action[members], contacts.responded[members].astype(int))

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        action = np.zeros(len(segment), dtype=np.int64)
        for s in np.unique(segment):
            members = segment == s
            # Two rows at least: for one row the answer is no list.
            rows = np.zeros((max(members.sum(), 2), 1))
            action[members] = self.mabs[s].predict(rows)[: members.sum()]
        return action


class Linear:
    """MABWiser's LinTS or LinUCB; the context is which segment the customer is in."""

    def __init__(
        self, n_segments: int, n_actions: int, *, seed: int, policy: str, alpha: float
    ) -> None:
        self.contexts = np.eye(n_segments)
        learning = {"ts": LearningPolicy.LinTS, "ucb": LearningPolicy.LinUCB}[policy]
        self.mab = MAB(list(range(n_actions)), learning(alpha=alpha), seed=seed)
        nothing = np.zeros(0, dtype=np.int64)
        self.mab.fit(nothing, nothing, np.zeros((0, n_segments)))

    def learn(self, contacts: Contacts) -> None:
        self.mab.fit(
            contacts.action, contacts.responded.astype(float), self.contexts[contacts.segment]
        )

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        return np.array(self.mab.predict(self.contexts[segment])).reshape(-1)

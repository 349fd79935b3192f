"""Policies that need no library: the ends of the scale, and the textbook's bandit."""

import numpy as np

from optiengine.lab.bench.bandits.world import BanditWorld, Contacts, Integers


class Uniform:
    """Each action as often as any other."""

    def __init__(self, n_segments: int, n_actions: int, *, seed: int) -> None:
        self.n_actions, self.rng = n_actions, np.random.default_rng(seed)

    def learn(self, contacts: Contacts) -> None:
        pass

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        return self.rng.integers(self.n_actions, size=len(segment))


class Oracle:
    """Knows the world: each segment's best action."""

    def __init__(self, n_segments: int, n_actions: int, *, seed: int, world: BanditWorld) -> None:
        self.best = world.uplift.argmax(axis=1)

    def learn(self, contacts: Contacts) -> None:
        pass

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        return self.best[segment]


class BetaThompson:
    """Thompson sampling per segment, Beta(1, 1) prior; what has not arrived counts as none.

    Source: Chapelle & Li (2011), algorithm 2.
    """

    def __init__(self, n_segments: int, n_actions: int, *, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = (n_segments, n_actions)
        self.responses = self.failures = np.zeros(self.shape)

    def learn(self, contacts: Contacts) -> None:
        self.responses = counts(contacts, self.shape, of=contacts.responded)
        self.failures = counts(contacts, self.shape, of=~contacts.responded)

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        return self.rng.beta(1 + self.responses[segment], 1 + self.failures[segment]).argmax(axis=1)


def counts(contacts: Contacts, shape: tuple[int, int], *, of: np.ndarray) -> np.ndarray:
    """(S, A) how many contacts of each segment and action there are among those marked."""
    cell = contacts.segment * shape[1] + contacts.action
    return np.bincount(cell[of], minlength=shape[0] * shape[1]).reshape(shape).astype(float)

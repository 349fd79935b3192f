"""Policies of contextualbandits (github.com/david-cortes/contextualbandits), refitted each day."""

from typing import Any

import numpy as np
from contextualbandits import online

from optiengine.lab.bench.bandits.world import Contacts, Integers


class Online:
    """One of its policies by name; the context is which segment the customer is in."""

    def __init__(
        self, n_segments: int, n_actions: int, *, seed: int, policy: str, **options: Any
    ) -> None:
        self.contexts = np.eye(n_segments)
        self.n_actions, self.rng = n_actions, np.random.default_rng(seed)
        # It refuses a seed of 0.
        self.policy = getattr(online, policy)(
            nchoices=n_actions, random_state=seed + 1, njobs=1, **options
        )
        self.is_fitted = False

    def learn(self, contacts: Contacts) -> None:
        self.policy.fit(
            self.contexts[contacts.segment], contacts.action, contacts.responded.astype(float)
        )
        self.is_fitted = True

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        if not self.is_fitted:
            return self.rng.integers(self.n_actions, size=len(segment))
        return self.policy.predict(self.contexts[segment]).astype(np.int64)

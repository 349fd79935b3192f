"""The engine's own numerics as a policy of the bandit world; nothing is made for this world."""

import numpy as np

from journeys.decisions.numerics.choice import action_mix
from journeys.draws import keyed_uniform, pick
from journeys.learning.numerics.delays import arrived_share
from journeys.learning.numerics.uplift import UpliftModel
from journeys.learning.numerics.uplift_statistics import UpliftStatistics
from optiengine.lab.bench.bandits.world import Contacts, Floats, Integers

WINDOW_DAYS = 14  # of the goal: later responses are not counted


class Engine:
    """Statistics per action with segments as micro-segments, the pooled posterior, the keyed draw.

    There is no control group in this world, and "none" is no option.
    """

    def __init__(self, n_segments: int, n_actions: int, *, seed: int) -> None:
        self.n_segments, self.n_actions, self.seed = n_segments, n_actions, seed
        self._fit([UpliftStatistics.empty(1)] * n_actions)

    def learn(self, contacts: Contacts) -> None:
        exposure = exposures(contacts)
        self._fit([self._statistics(contacts, exposure, a) for a in range(self.n_actions)])

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        probabilities = self.mix[segment]
        return pick(probabilities, keyed_uniform(customer_ids, seed=self.seed, purpose="choice"))

    def _statistics(self, contacts: Contacts, exposure: Floats, action: int) -> UpliftStatistics:
        of_action = contacts.action == action
        responded = contacts.responded[of_action]
        n = len(responded)
        return UpliftStatistics.from_contacts(
            np.ones((n, 1)),
            contacts.segment[of_action],
            np.ones(n, dtype=bool),
            responded,
            responded,
            exposure=exposure[of_action],
        )

    def _fit(self, statistics: list[UpliftStatistics]) -> None:
        model = UpliftModel(with_control=False).fit(statistics, range(self.n_actions))
        known = model.predict(np.ones((self.n_segments, 1)), np.arange(self.n_segments))
        # Actions stand for campaigns of one action each, among which the posterior alone decides.
        # Customers differ by their segment alone here, so a mix per segment serves all.
        self.mix = action_mix(
            known.uplift,
            known.sd,
            np.ones(known.sd.shape, dtype=bool),
            np.ones(self.n_actions, dtype=bool),
            shared_sd=known.shared_sd,
        )


def exposures(contacts: Contacts) -> Floats:
    """(n,) P(delay <= age of the contact), as learned from the responses so far."""
    age = np.minimum(contacts.age, WINDOW_DAYS)
    delay = contacts.arrived_on - contacts.day
    seen = contacts.responded & (delay <= WINDOW_DAYS)
    share = arrived_share(
        delay[seen], contacts.age[seen], np.ones(seen.sum()), window_days=WINDOW_DAYS
    )
    return share[age]

"""The engine's own numerics as a policy of the bandit world; nothing is made for this world."""

import numpy as np

from journeys.numerics.arm_regression import ArmSums, fit_arms
from journeys.numerics.choice import action_mix, has_minimum_evidence
from journeys.numerics.draws import keyed_uniform, pick
from journeys.numerics.hierarchy import Defaults
from journeys.numerics.uplift_statistics import RESPONDED, TEST, UpliftStatistics
from optiengine.bench.bandits.world import Contacts, Floats, Integers

DEFAULTS = Defaults(mean_sd=np.array([3.0]), spread_sd=np.array([0.05]))  # in s.d. of a response


class Engine:
    """Statistics per action with segments as micro-segments, the pooled posterior, the keyed draw.

    There is no control group in this world, so the model of responses to a contact decides, and
    evidence is asked of the test group alone.
    """

    def __init__(self, n_segments: int, n_actions: int, *, seed: int) -> None:
        self.n_segments, self.n_actions, self.seed = n_segments, n_actions, seed
        self._fit([UpliftStatistics.empty(1)] * n_actions)

    def learn(self, contacts: Contacts) -> None:
        exposure = arrived_share(contacts)
        self._fit([self._statistics(contacts, exposure, a) for a in range(self.n_actions)])

    def choose(self, customer_ids: Integers, segment: Integers) -> Integers:
        value = self.value[segment]
        probabilities = action_mix(
            value, self.sd[segment], np.ones(value.shape, dtype=bool), self.evidence
        )
        return pick(probabilities, keyed_uniform(customer_ids, seed=self.seed, purpose="choice"))

    def _statistics(self, contacts: Contacts, exposure: Floats, action: int) -> UpliftStatistics:
        mine = contacts.action == action
        responded = contacts.responded[mine]
        n = len(responded)
        return UpliftStatistics.from_contacts(
            np.ones((n, 1)),
            contacts.segment[mine],
            np.ones(n, dtype=bool),
            responded,
            responded,
            # Who has not responded yet is only partly known not to.
            weights=np.where(responded, 1.0, np.maximum(exposure[mine], 1e-3)),
        )

    def _fit(self, statistics: list[UpliftStatistics]) -> None:
        """Posterior mean and s.d. of P(responds | contacted): (S, A) each."""
        sums = ArmSums.of(statistics, np.arange(self.n_segments), arms=[TEST], outcome=RESPONDED)
        fit = fit_arms(sums, np.eye(1), DEFAULTS, max_iter=30)
        line, group = fit.coefficients, fit.segments
        mean = line.mean + group.mean[..., 0]
        variance = line.cov[:, 0] + group.cov[..., 0, 0] + 2 * group.cross[..., 0, 0]
        self.value = (mean * sums.scale)[:, : self.n_segments].T
        self.sd = (np.sqrt(np.maximum(variance, 0)) * sums.scale)[:, : self.n_segments].T
        n = np.array([one.n[TEST] for one in statistics])
        responded = np.array([one.n_responded[TEST] for one in statistics])
        self.evidence = has_minimum_evidence(
            n, responded, 0, 0, min_control=0, min_control_responders=0
        )


def arrived_share(contacts: Contacts) -> Floats:
    """(n,) P(delay <= age of the contact), from the delays of the responses that have arrived.

    A delay is seen only where it is no longer than the age, so short ones are over-represented.
    F(d) = product over k > d of 1 - n_k / N_k, with n_k responses of delay k among the N_k of
    delay at most k to contacts at least k days old. Delays longer than any contact is old are
    taken not to exist. Source: Lynden-Bell (1971), MNRAS 155:95-118.
    """
    oldest = contacts.today
    delay = (contacts.arrived_on - contacts.day)[contacts.responded]
    age = contacts.age[contacts.responded]
    k = np.arange(1, oldest + 1)
    at = np.bincount(delay, minlength=oldest + 1)[1:]
    at_risk = np.array([np.count_nonzero((delay <= d) & (age >= d)) for d in k])
    stays = 1 - np.divide(at, at_risk, out=np.zeros(oldest), where=at_risk > 0)
    later = np.append(stays[1:], 1.0)  # at d = 1 nothing is shorter: its own factor is not used
    share = np.cumprod(later[::-1])[::-1]
    return share[contacts.age - 1]

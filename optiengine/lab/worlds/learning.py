"""The engine's learning in the lab: statistics of contacts, faded, and their posterior."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from journeys.decisions.numerics.choice import has_minimum_evidence
from journeys.learning.numerics.delays import arrived_share
from journeys.learning.numerics.design import FeatureScaling
from journeys.learning.numerics.uplift import (
    Prediction,
    UpliftModel,
    UpliftStatistics,
    winsor_limit,
)
from optiengine.lab.worlds.lab import Contacts, Lab, Situation
from optiengine.lab.worlds.population import FEATURES, morning

HALF_LIFE_DAYS = 180
GATE_SAMPLE = 5_000
DELAYS_FROM_DAYS = 28  # of closed windows
SAMPLE = 20_000  # customers that the scale of features, and the limit of money, come from


class Learner:
    """What `journeys.learning.fit_uplift` does with rows, done with arrays."""

    def __init__(self, lab: Lab) -> None:
        scenario, population = lab.scenario, lab.population
        known = np.flatnonzero(population.joined_day <= 0)[:SAMPLE]
        first = morning(population, lab.memory, 0, known)
        self.scaling = FeatureScaling().fit(first.features)
        gate = slice(GATE_SAMPLE)
        self.sample = self.scaling.transform(first.features[gate]), first.micro_segment[gate]
        self.limit = winsor_limit(
            population.margins(population.uniform("earlier margin", -1, known), known)
        )
        self.control_share = scenario.control_share
        empty = UpliftStatistics.empty(len(FEATURES) + 1)
        self.keys = list(range(1, len(scenario.campaigns) + 1))
        self.totals = dict.fromkeys(self.keys, empty)
        self.delays: deque[Contacts] = deque(maxlen=DELAYS_FROM_DAYS)

    def learn(self, closed: Contacts | None) -> None:
        """A day passes: old evidence fades, contacts whose window closed are added."""
        fade = 0.5 ** (1 / HALF_LIFE_DAYS)
        self.totals = {key: total.scaled(fade) for key, total in self.totals.items()}
        if closed is None or closed.features is None:
            return
        for key, statistics in self._statistics(closed).items():
            self.totals[key] += statistics
        closed.features = None
        self.delays.append(closed)

    def fit(self, lab: Lab) -> None:
        """The posterior for the next day's decisions, from open windows, too."""
        known = dict(self.totals)
        shares = self._arrived_shares(lab)
        for contacts in lab.open:
            age = min(lab.day - contacts.day, lab.scenario.window_days)
            exposure = np.where(contacts.is_control, shares[True][age], shares[False][age])
            for key, statistics in self._statistics(contacts, exposure).items():
                known[key] += statistics
        self.model = UpliftModel().fit([known[key] for key in self.keys], self.keys)
        self.evidence_ok = np.array(
            [
                has_minimum_evidence(s.n[1], s.n_responded[1], s.n[0], s.n_responded[0])
                for s in (self.totals[key] for key in self.keys)
            ]
        )
        if self.evidence_ok.all():
            self.model.gate(*self.sample, [c.cost_cents for c in lab.scenario.campaigns])

    def _statistics(
        self, contacts: Contacts, exposure: NDArray[np.float64] | None = None
    ) -> dict[int, UpliftStatistics]:
        assert contacts.features is not None  # dropped only after they were learned from
        X = self.scaling.transform(contacts.features)
        value = np.clip(contacts.value_cents, -self.limit, self.limit)
        share = self.control_share
        statistics = {}
        for campaign in np.unique(contacts.campaign).tolist():
            of_campaign = contacts.campaign == campaign
            treated = ~contacts.is_control[of_campaign]
            statistics[campaign + 1] = UpliftStatistics.from_contacts(
                X[of_campaign],
                contacts.micro_segment[of_campaign],
                treated,
                value[of_campaign],
                contacts.responded[of_campaign],
                weights=1 / np.where(treated, 1 - share, share),
                exposure=None if exposure is None else exposure[of_campaign],
            )
        return statistics

    def _arrived_shares(self, lab: Lab) -> dict[bool, NDArray[np.float64]]:
        """P(delay <= days) of orders after a contact, for controls and for the others."""
        shares = {}
        window = lab.scenario.window_days
        for is_control in (True, False):
            delay, age, n = [], [], []
            for contacts in (*self.delays, *lab.open):
                counts = contacts.orders_by_delay[int(is_control)]
                days = np.flatnonzero(counts)
                delay += (days + 1).tolist()
                age += [min(lab.day - contacts.day, window)] * len(days)
                n += counts[days].tolist()
            shares[is_control] = arrived_share(delay, age, n, window_days=window)
        return shares

    def predict(self, now: Situation) -> Prediction:
        X = self.scaling.transform(now.morning.features)
        prediction = self.model.predict(X, now.morning.micro_segment)
        columns = now.campaigns
        return Prediction(
            prediction.uplift[:, columns],
            prediction.sd[:, columns],
            prediction.shared_sd[:, columns],
            prediction.response_prob[:, columns],
        )

"""The engine's learning in the lab: statistics of closed windows, faded, and their posterior."""

import numpy as np

from journeys.numerics.choice import has_minimum_evidence
from journeys.numerics.design import FeatureScaling
from journeys.numerics.uplift import Prediction, UpliftModel, UpliftStatistics, winsor_limit
from optiengine.world.lab.lab import Contacts, Lab, Situation
from optiengine.world.lab.population import FEATURES, morning

HALF_LIFE_DAYS = 180
SAMPLE = 20_000  # customers that the scale of features, and the limit of money, come from


class Learner:
    """What `journeys.services.learn` does with rows, done with arrays."""

    def __init__(self, lab: Lab) -> None:
        scenario, population = lab.scenario, lab.population
        known = np.flatnonzero(population.joined_day <= 0)[:SAMPLE]
        self.scaling = FeatureScaling().fit(morning(population, lab.memory, 0, known).features)
        self.limit = winsor_limit(
            population.margins(population.uniform("earlier margin", -1, known), known)
        )
        self.control_share = scenario.control_share
        empty = UpliftStatistics.empty(len(FEATURES) + 1)
        self.keys = list(range(1, len(scenario.campaigns) + 1))
        self.totals = dict.fromkeys(self.keys, empty)

    def learn(self, closed: Contacts | None) -> None:
        """A day passes: old evidence fades, contacts whose window closed are added."""
        if closed is None or closed.features is None:
            return
        fade = 0.5 ** (1 / HALF_LIFE_DAYS)
        X = self.scaling.transform(closed.features)
        closed.features = None
        share = self.control_share
        value = np.clip(closed.value_cents, -self.limit, self.limit)
        for key in self.keys:
            mine = closed.campaign + 1 == key
            total = self.totals[key].scaled(fade)
            if mine.any():
                treated = ~closed.is_control[mine]
                total = total + UpliftStatistics.from_contacts(
                    X[mine],
                    closed.micro_segment[mine],
                    treated,
                    value[mine],
                    closed.responded[mine],
                    weights=1 / np.where(treated, 1 - share, share),
                )
            self.totals[key] = total

    def fit(self) -> None:
        statistics = [self.totals[key] for key in self.keys]
        self.model = UpliftModel().fit(statistics, self.keys)
        self.evidence_ok = np.array(
            [
                has_minimum_evidence(s.n[1], s.n_responded[1], s.n[0], s.n_responded[0])
                for s in statistics
            ]
        )

    def predict(self, now: Situation) -> Prediction:
        X = self.scaling.transform(now.morning.features)
        found = self.model.predict(X, now.morning.micro_segment)
        columns = now.campaigns
        return Prediction(
            found.uplift[:, columns],
            found.sd[:, columns],
            found.shared_sd[:, columns],
            found.response_prob[:, columns],
        )

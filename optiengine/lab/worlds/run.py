"""A world lived through by one policy, and what that was worth."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from journeys.decisions.numerics.choice import has_minimum_evidence
from optiengine.lab.worlds.lab import Contacts, Lab
from optiengine.lab.worlds.policies import Auto, Myopic, Policy, Ranked, Uniform, oracle
from optiengine.lab.worlds.ranking import best_order, best_single
from optiengine.lab.worlds.scenario import LabScenario
from reports.numerics.experiment import Experiment, Group, Stratum
from reports.numerics.means import Moments

POLICIES: dict[str, Callable[[Lab], Policy]] = {
    "auto": Auto,
    "ranked": lambda lab: Ranked(lab, best_order(lab.scenario)),
    "uniform": Uniform,
    "best-single": lambda lab: Ranked(lab, best_single(lab.scenario)),
    "oracle": oracle,
    "myopic": Myopic,
}


@dataclass
class Tally:
    """What a campaign's report needs of closed windows, beside the truth of the same contacts."""

    test: Group = field(default_factory=Group)
    control: Group = field(default_factory=Group)
    true_cents: float = 0.0  # sum over all of them of the true uplift

    def add(self, closed: Contacts, counted: NDArray[np.bool_]) -> None:
        def group(where: NDArray[np.bool_]) -> Group:
            value = closed.value_cents[where]
            money = Moments(len(value), float(value.sum()), float((value**2).sum()))
            n_responders = int(closed.responded[where].sum())
            return Group(len(value), responders=n_responders, margin=money, value=money)

        self.test += group(counted & ~closed.is_control)
        self.control += group(counted & closed.is_control)
        self.true_cents += float(closed.uplift_cents[counted].sum())

    def covers(self, control_share: float) -> bool | None:
        """Whether the report's 95 % interval holds the truth; None where it shows no interval."""
        test, control = self.test, self.control
        if not has_minimum_evidence(test.n, test.responders, control.n, control.responders):
            return None
        interval = Experiment((Stratum(control_share, self.test, self.control),)).money_uplift(
            "value"
        )
        n = self.test.n + self.control.n
        return interval.low <= self.true_cents / n <= interval.high if interval.is_known else None


@dataclass(frozen=True)
class Life:
    """A policy's days. Values are true expectations per day, all customers together, in cents."""

    net_cents: NDArray[np.float64]  # (days,) true uplift of sent messages less their cost
    n_by_campaign: NDArray[np.int64]  # (campaigns, days) contacts, controls included
    n_decisions: int  # customers who had a free slot, over all days
    realised_cents: float  # what orders gained and lost came to, less cost
    tallies: tuple[Tally, ...]  # by campaign
    control_share: float

    @property
    def n_contacts(self) -> NDArray[np.int64]:
        """(days,)"""
        return self.n_by_campaign.sum(axis=0)

    @property
    def coverage(self) -> tuple[int, int]:
        """(campaigns whose interval holds the truth, campaigns with an interval)."""
        covered = [t.covers(self.control_share) for t in self.tallies]
        known = [is_covered for is_covered in covered if is_covered is not None]
        return sum(known), len(known)


def live(
    scenario: LabScenario,
    policy: Callable[[Lab], Policy],
    *,
    progress: Callable[[], object] | None = None,
) -> Life:
    """All days of a world under a policy. The same arguments give the same life."""
    lab = Lab(scenario)
    decider = policy(lab)
    n_days = scenario.n_days
    net = np.zeros(n_days)
    n_by_campaign = np.zeros((len(scenario.campaigns), n_days), dtype=np.int64)
    tallies = tuple(Tally() for _ in scenario.campaigns)
    costs = np.array([c.cost_cents for c in scenario.campaigns])
    n_decisions, spent = 0, 0.0
    for day in range(n_days):
        now = lab.situation(day)
        contacts = lab.send(now, *decider.choose(now))
        sent = ~contacts.is_control
        cost = float(costs[contacts.campaign[sent]].sum())
        net[day] = contacts.uplift_cents[sent].sum() - cost
        spent += cost
        n_by_campaign[:, day] = np.bincount(contacts.campaign, minlength=len(costs))
        n_decisions += len(now.morning.rows)
        closed = lab.live_day(day)
        if closed is not None:
            for campaign in np.unique(closed.campaign).tolist():
                tallies[campaign].add(closed, closed.campaign == campaign)
        decider.hear(closed)
        if progress:
            progress()
    return Life(
        net_cents=net,
        n_by_campaign=n_by_campaign,
        n_decisions=n_decisions,
        realised_cents=lab.realised_cents - spent,
        tallies=tallies,
        control_share=scenario.control_share,
    )

"""What only the oracle knows: the best plan for the days that are left, where greed is not best.

`heterogeneous` and its like need no plan: with a cap and a repetition rule in whole slots, taking
the best allowed campaign at each slot is the best plan but for drifting traits. Two worlds do:

* in a series, a slot spent on the invitation is one that the bargains do not get;
* with fatigue, a message takes from those that follow.
"""

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.foresight import NEVER
from campaigns.numerics.verdict_codes import upcoming_days
from optiengine.lab.worlds.lab import OWN_VISIT, Lab, Situation
from optiengine.lab.worlds.scenario import LabScenario

Floats = NDArray[np.float64]

WAIT = -1
LOADS = np.linspace(0, 5, 41)
RATIOS = np.exp(np.linspace(np.log(0.05), np.log(500), 93))  # effect in cents / cost


class SeriesPlan:
    """The value of every state of a series with so many days left, by backward recursion.

    A customer with a free slot is in a state: nothing is open (0), or what the latest contact by
    a source opened after a response or after none. With r days left, slots s days apart,

        V(r, state) = max(V(r - 1, 0), max over c allowed of now_c + E V(r - s, state after c))

    where the expectation is over response and over being a control. It is exact for traits that
    stay (Bellman 1957). To wait while something is open closes it here; it never pays, as the
    same contact today brings as much and frees the slot sooner.

    order : campaigns of a fixed order, to value that one instead of the best plan.
    """

    def __init__(
        self, lab: Lab, rows: NDArray[np.int64], *, order: list[int] | None = None
    ) -> None:
        scenario = lab.scenario
        if scenario.repeat_days > scenario.slot_days or scenario.fatigue:
            raise ValueError("a plan for a series has no state for repetition or fatigue")
        now = lab.situation_of(rows, 0)
        self.sources = sorted({step.source for step in scenario.steps})
        self.allowed = self._allowed(scenario, now)
        uplift = lab.true_uplift_cents(now) - now.book.cost_cents
        sent = 1 - scenario.control_share
        self.net = uplift * sent
        self.p_response = sent * lab.response_probs(now) + scenario.control_share * OWN_VISIT
        self.choice = np.full((scenario.n_days + 1, 1 + 2 * len(self.sources), len(rows)), WAIT)
        self.choice = self.choice.astype(np.int8)
        self.value = self._solve(scenario, order)

    def _allowed(self, scenario: LabScenario, now: Situation) -> NDArray[np.bool_]:
        """(states, rows, A) by facts and by what is open; days of the week come on top."""
        follows = {step.target for step in scenario.steps}
        n_states = 1 + 2 * len(self.sources)
        is_open = np.zeros((n_states, len(scenario.campaigns)), dtype=bool)
        is_open[:, [c for c in range(len(scenario.campaigns)) if c not in follows]] = True
        for step in scenario.steps:
            for responded in (True, False):
                if step.outcome == "all" or (step.outcome == "responders") == responded:
                    is_open[self.state(step.source, responded), step.target] = True
        by_facts = upcoming_days(now.facts)[0] < NEVER
        return is_open[:, None, :] & by_facts

    def state(self, source: int, responded: bool) -> int:
        """The state after a contact by `source`; 0 where that opens nothing."""
        if source not in self.sources:
            return 0
        return 1 + 2 * self.sources.index(source) + int(responded)

    def _solve(self, scenario: LabScenario, order: list[int] | None) -> Floats:
        n_states, n, n_campaigns = self.allowed.shape
        value = np.zeros((scenario.n_days + 1, n_states, n))
        for left in range(1, scenario.n_days + 1):
            day = scenario.n_days - left
            after = value[max(left - scenario.slot_days, 0)]
            q = self.net.copy()
            for c in range(n_campaigns):
                p = self.p_response[:, c]
                yes, no = after[self.state(c, True)], after[self.state(c, False)]
                q[:, c] += no if yes is no else p * yes + (1 - p) * no
            runs = np.array([c.days_until(day) == 0 for c in scenario.campaigns])
            for state in range(n_states):
                allowed = self.allowed[state] & runs
                waiting = value[left - 1, 0]
                if order is None:
                    options = np.where(allowed, q, -np.inf)
                    best = options.argmax(axis=1)
                    best_value = options[np.arange(n), best]
                    best[best_value < waiting] = WAIT
                    value[left, state] = np.maximum(best_value, waiting)
                else:
                    best = first_of(order, allowed)
                    taken = q[np.arange(n), best]
                    value[left, state] = np.where(best == WAIT, waiting, taken)
                self.choice[left, state] = best
        return value[-1, 0]


def first_of(order: list[int], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(rows,) the first campaign of the order that is allowed, WAIT where none is."""
    chosen = np.full(len(allowed), WAIT)
    for campaign in reversed(order):
        chosen[allowed[:, campaign]] = campaign
    return chosen


class FatiguePlan:
    """When a message is worth more than what it takes from those that follow.

    One table for all customers, as with one cost per message the plan depends on how many times
    its cost the best message would bring to a rested customer, on the load, on the days left:

        V(r, load) = max(V(r - 1, load f), ratio e^(-k load) - 1 + V(r - s, (load + 1) f^s))

    Interpolated between loads; exact but for that, for traits that drift, and for repetition.
    """

    def __init__(self, scenario: LabScenario, fades: float) -> None:
        costs = {c.cost_cents for c in scenario.campaigns}
        if len(costs) > 1 or scenario.repeat_days > scenario.slot_days:
            raise ValueError("a plan for fatigue needs one cost, and no rule of repetition")
        self.cost = costs.pop()
        s, sent = scenario.slot_days, 1 - scenario.control_share
        value = np.zeros((scenario.n_days + 1, len(RATIOS), len(LOADS)))
        self.sends = np.zeros(value.shape, dtype=bool)
        now = sent * (RATIOS[:, None] * np.exp(-scenario.fatigue * LOADS) - 1)
        for left in range(1, scenario.n_days + 1):
            after = value[max(left - s, 0)]
            contact = now + sent * at_load(after, (LOADS + 1) * fades**s)
            contact += (1 - sent) * at_load(after, LOADS * fades**s)
            waiting = at_load(value[left - 1], LOADS * fades)
            self.sends[left] = contact >= waiting
            value[left] = np.maximum(contact, waiting)

    def is_worth_it(self, uplift_rested: Floats, load: Floats, days_left: int) -> NDArray[np.bool_]:
        """(m,) whether to send, from the best campaign's uplift without fatigue, in cents."""
        ratio = np.log(np.maximum(uplift_rested / self.cost, RATIOS[0]))
        i = np.rint(np.interp(ratio, np.log(RATIOS), np.arange(len(RATIOS)))).astype(int)
        j = np.rint(np.interp(load, LOADS, np.arange(len(LOADS)))).astype(int)
        return self.sends[days_left, i, j]


def at_load(value: Floats, load: Floats) -> Floats:
    """(ratios, loads) at other loads, linearly between those of the grid."""
    position = np.interp(load, LOADS, np.arange(len(LOADS)))
    low = np.minimum(position.astype(int), len(LOADS) - 2)
    share = position - low
    return value[:, low] * (1 - share) + value[:, low + 1] * share

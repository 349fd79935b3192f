"""What each action is worth for each customer, part by part."""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.foresight import FORESIGHT_DAYS, NEVER
from campaigns.numerics.history import History
from campaigns.numerics.releases import repeat_days
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes, upcoming_days
from journeys.decisions.numerics.lookahead import (
    NO_FOLLOW_UP,
    FollowUp,
    Openings,
    best_follow_ups,
    value_later,
)
from journeys.decisions.numerics.slot import SlotCost, slot_cost
from journeys.learning.numerics.uplift import Prediction

DAILY_DISCOUNT = 0.999  # gamma: a year from now is worth 0.69 of today
HORIZON_DAYS = FORESIGHT_DAYS  # follow-ups due later than this are not counted
GRID_DAYS = 7  # resolution of the days of later steps: a series has a dozen of them


@dataclass(frozen=True)
class Worth:
    """(n, A) each, in cents. none is worth 0: all is counted against keeping the slot."""

    now: NDArray[np.float64]  # uplift less the cost of the contact
    later: NDArray[np.float64]  # through the series that the action opens
    slot: NDArray[np.float64]  # what the used slot keeps from happening
    sd: NDArray[np.float64]  # posterior s.d. of the uplift
    shared_sd: NDArray[np.float64]  # the part of it that all actions have in common
    response_prob: NDArray[np.float64]
    kept: SlotCost | None = None  # what the slot cost is of; None while it is not computed
    price: NDArray[np.float64] | float = 0.0  # (A,) of the scarce capacity it uses, for everybody

    @property
    def total(self) -> NDArray[np.float64]:
        return self.now + self.later - self.slot - self.price

    def of(self, rows: NDArray[np.int64]) -> "Worth":
        """The same of some of the customers."""
        return Worth(
            self.now[rows],
            self.later[rows],
            self.slot[rows],
            self.sd[rows],
            self.shared_sd[rows],
            self.response_prob[rows],
            price=self.price,
        )


def worth_of(book: Rulebook, prediction: Prediction, codes: Codes) -> Worth:
    """The value parts of every action, allowed or not (DESIGN: Q(c|x)), but for the slot's cost.

    codes : (n, A) verdicts by facts: follow-ups count for those who are in their target group, or
    will come into it by the calendar until then.
    """
    now = prediction.uplift - book.cost_cents
    later = np.zeros(now.shape)
    if follow_ups := follow_ups_of(book):
        later = value_later(
            now,
            prediction.response_prob,
            follow_ups,
            daily_discount=DAILY_DISCOUNT,
            horizon_days=HORIZON_DAYS,
            grid_days=GRID_DAYS,
            openings=openings_of(book, codes),
        )
    return Worth(
        now=now,
        later=later,
        slot=np.zeros(now.shape),
        sd=prediction.sd,
        shared_sd=prediction.shared_sd,
        response_prob=prediction.response_prob,
    )


def with_slot_cost(
    worth: Worth, book: Rulebook, codes: Codes, history: History, zones: NDArray, *, at: datetime
) -> Worth:
    """The same with what the slot is kept for. codes : (n, A) verdicts, limits included."""
    value, p = worth.now + worth.later, worth.response_prob
    slot = slot_cost(book, codes, history, zones, value, p, at=at, daily_discount=DAILY_DISCOUNT)
    return replace(worth, slot=slot.cost, kept=slot)


def best_steps(
    book: Rulebook, worth: Worth, codes: Codes, action: int
) -> tuple[FollowUp | None, FollowUp | None]:
    """What the first customer's value later comes from after an action: the best follow-up for
    those who respond to it, and for those who do not. codes : (n, A) verdicts by facts."""
    follow_ups, source = follow_ups_of(book), int(book.campaign_of[action])
    if_responds, if_not = best_follow_ups(
        worth.now,
        worth.response_prob,
        follow_ups,
        source,
        daily_discount=DAILY_DISCOUNT,
        horizon_days=HORIZON_DAYS,
        grid_days=GRID_DAYS,
        openings=openings_of(book, codes),
    )

    def step(index: int) -> FollowUp | None:
        return None if index == NO_FOLLOW_UP else follow_ups[index]

    return step(int(if_responds[0])), step(int(if_not[0]))


def openings_of(book: Rulebook, codes: Codes) -> Openings:
    """When the rulebook's campaigns can be sent to customers with these verdicts by facts."""
    first, last = upcoming_days(codes)
    return Openings(book.campaign_of, book.foresight.next_run_in[:, :NEVER], first, last)


def follow_ups_of(book: Rulebook) -> list[FollowUp]:
    """The series' links between campaigns that are in the rulebook.

    A source's own contact may keep its target away for longer than the wait: by an exclusion, its
    duration, a gap, a cap of one, or, where a campaign follows itself, its repetition.
    """
    index = {campaign.id: i for i, campaign in enumerate(book.campaigns)}
    steps = []
    for step in book.follow_ups:
        source = index.get(step.source_id)
        if source is None or not step.within_days:
            continue
        between = book.blocking.days_by_one_contact[
            np.ix_(book.campaign_of == source, book.campaign_of == step.target)
        ]
        if not between.size:
            continue
        blocked = int(between.min())
        if source == step.target:
            blocked = max(blocked, int(repeat_days(book)[source]))
        steps.append(
            FollowUp(
                source,
                step.target,
                step.after_days,
                step.outcome,  # type: ignore[arg-type]
                within_days=step.within_days,
                blocked_days=blocked,
            )
        )
    return steps

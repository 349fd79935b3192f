"""What each action is worth for each customer, part by part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdicts import Codes, Verdict
from journeys.numerics.lookahead import FollowUp, slot_cost, value_later
from journeys.numerics.uplift import Prediction

DAILY_DISCOUNT = 0.999  # gamma: a year from now is worth 0.69 of today
HORIZON_DAYS = 90  # follow-ups due later than this are not counted


@dataclass(frozen=True)
class Worth:
    """(n, A) each, in cents. none is worth 0: all is counted against keeping the slot."""

    now: NDArray[np.float64]  # uplift less the cost of the contact
    later: NDArray[np.float64]  # through the series that the action opens
    slot: NDArray[np.float64]  # what the used slot keeps from happening
    sd: NDArray[np.float64]  # posterior s.d. of the uplift
    response_prob: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        return self.now + self.later - self.slot


def worth_of(book: Rulebook, prediction: Prediction, codes: Codes) -> Worth:
    """The value parts of every action, allowed or not (DESIGN: Q(c|x) and the slot's cost).

    codes : (n, A) verdicts by facts. A campaign that is not scheduled today, but soon, and for
    which the customer qualifies in every other respect, counts against using the slot now.
    """
    now = prediction.uplift - book.cost_cents
    later = value_later(
        now,
        prediction.response_prob,
        _follow_ups(book),
        daily_discount=DAILY_DISCOUNT,
        horizon_days=HORIZON_DAYS,
    )
    soon = np.array(
        [
            np.nan if c.runs_today or c.in_addition else c.next_in_days or np.nan
            for c in book.campaigns
        ],
        dtype=np.float64,
    )
    waits = np.flatnonzero(~np.isnan(soon[book.campaign_of]))
    upcoming = np.where(codes[:, waits] == Verdict.NOT_SCHEDULED, now[:, waits], np.nan)
    slot = slot_cost(upcoming, soon[book.campaign_of[waits]], blocked_days(book), DAILY_DISCOUNT)
    return Worth(now, later, slot, prediction.sd, prediction.response_prob)


def blocked_days(book: Rulebook) -> NDArray[np.float64]:
    """(A,) days for which a contact would keep the customer from the next one.

    The campaign's own duration, or the longest rolling cap that a single contact fills.
    """
    days = np.array([book.campaigns[a.campaign].duration_days for a in book.actions], dtype=float)
    for cap in book.caps:
        if cap.limit == 1 and cap.window in ("days", "hours") and cap.tag is None:
            span = cap.length if cap.window == "days" else cap.length / 24
            scope = np.array([not cap.channel or a.channel == cap.channel for a in book.actions])
            days = np.where(scope, np.maximum(days, span), days)
    return days


def _follow_ups(book: Rulebook) -> list[FollowUp]:
    """The series' links between campaigns as links between their actions."""
    index = {campaign.id: i for i, campaign in enumerate(book.campaigns)}
    return [
        FollowUp(int(source), int(target), step.after_days, step.outcome)  # type: ignore[arg-type]
        for step in book.follow_ups
        if step.source_id in index
        for source in np.flatnonzero(book.campaign_of == index[step.source_id])
        for target in np.flatnonzero(book.campaign_of == step.target)
    ]

"""The opportunity cost of the slot that a contact today uses."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.foresight import NEVER
from campaigns.numerics.history import History
from campaigns.numerics.possible_days import Days
from campaigns.numerics.releases import cap_free_in, free_in, gap_free_in
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import FollowUpEntry
from campaigns.numerics.verdict_codes import Codes, Verdict, upcoming_days
from journeys.decisions.numerics.lookahead import check_discount

NOTHING = -1
Values = NDArray[np.float64]


@dataclass(frozen=True)
class SlotCost:
    """(n, A) each, by the action that would use the slot today."""

    cost: Values  # zero or more, in the unit of the values
    kept_for: NDArray[np.int16]  # the action that it would cost most of, NOTHING where none
    kept_days: NDArray[np.int16]  # days until that one is due


@dataclass(frozen=True)
class Upcoming:
    """An action that some customers are known or likely to become possible for: r of them."""

    action: int
    rows: NDArray[np.int64]  # (r,)
    first: Days  # (r,) the first day from today on, 0 included, that nothing but limits blocks
    last: Days  # (r,) the last such day
    prob: Values  # (r,) that it comes to that

    def where(self, mask: NDArray[np.bool_]) -> "Upcoming":
        cut = {name: getattr(self, name)[mask] for name in ("rows", "first", "last", "prob")}
        return replace(self, **cut)


def slot_cost(
    book: Rulebook,
    codes: Codes,
    history: History,
    time_zones: NDArray,
    value: Values,
    response_prob: Values,
    *,
    at: datetime,
    daily_discount: float,
) -> SlotCost:
    """What each action, sent today, keeps from being sent later.

    codes : (n, A) verdicts, limits included. time_zones : (n,) IANA names. value : (n, A) of each
    action when it is sent, what it opens included. response_prob : (n, A). at : moment of decision.

    An upcoming action u is one that today is not possible, but will be: by its schedule or a target
    group that the calendar moves, as the next step of a series that the customer is in, or when a
    limit has run out. Let k be the first day that it can be sent without a contact by a today, and
    k' >= k the first day with one, for exclusions, durations, gaps and caps, those counting what
    came before; k' is never if u is not possible any more by then. The contact costs

        max over u of P(u comes to be) max(0, value_u) (gamma^k - gamma^k'),  gamma^never = 0:

    all of what is lost, and of what is only late, the delay. A campaign that may be repeated within
    k' - k days is not late: what could have been sent on both days is sent on one. Just one
    upcoming action counts, the best: one slot is given up. Ranks play no part: the best message
    due is what the slot is for.
    """
    check_discount(daily_discount)
    n, n_actions = codes.shape
    cost = np.zeros((n, n_actions))
    kept_for = np.full((n, n_actions), NOTHING, dtype=np.int16)
    kept_days = np.zeros((n, n_actions), dtype=np.int16)
    slot = SlotCost(cost, kept_for, kept_days)
    if not any(book.blocking.blocks):
        return slot
    worth_on = np.append(daily_discount ** np.arange(NEVER), 0.0)  # by day; nothing on never
    caps = [cap_free_in(cap, history, time_zones, at) for cap in book.caps]
    gaps = [gap_free_in(gap, history, n, at) for gap in book.gaps]
    for upcoming in _upcoming(book, codes, history, value, response_prob):
        u = upcoming.action
        runs = book.foresight.next_run_in[book.campaign_of[u]]
        rows = upcoming.rows
        free = np.maximum(upcoming.first, free_in(book, u, history, n)[rows])
        for cap in np.flatnonzero(book.masks.stopped_by_cap[:, u]).tolist():
            free = np.maximum(free, caps[cap][0][rows])
        for gap in np.flatnonzero(book.masks.under_gap[:, u]).tolist():
            free = np.maximum(free, gaps[gap][rows])
        due = _due(runs, free, upcoming.last)
        repeat = book.campaigns[book.actions[u].campaign].repeat_after_days
        repeat = NEVER if repeat is None else repeat
        gain = upcoming.prob * value[rows, u]
        for block in book.blocking.blocks[u]:
            held = np.maximum(free, block.days)
            for cap in block.caps:
                held = np.maximum(held, caps[cap][1][rows])
            later = _due(runs, held, upcoming.last)
            is_late = later - due < repeat
            lost = gain * (worth_on[due] - np.where(is_late, worth_on[later], 0.0))
            some = np.flatnonzero(lost > 0)
            here = np.ix_(rows[some], block.by)
            more = lost[some, None] > cost[here]
            cost[here] = np.where(more, lost[some, None], cost[here])
            kept_for[here] = np.where(more, u, kept_for[here])
            kept_days[here] = np.where(more, due[some, None], kept_days[here])
    return slot


def _due(runs: Days, free: Days, last: Days) -> Days:
    """(r,) the first day that the campaign runs from `free` on, NEVER after `last`."""
    day = runs[free]
    return np.where(day <= last, day, NEVER)


def _upcoming(
    book: Rulebook, codes: Codes, history: History, value: Values, response_prob: Values
) -> Iterator[Upcoming]:
    """Those that are worth something to customers who could use their slot today."""
    allowed = codes == Verdict.ALLOWED
    # A campaign that is possible today competes today, whatever holds one of its actions back.
    competes = allowed
    if len(book.actions) > len(book.campaigns):
        competes = allowed @ (book.campaign_of[:, None] == book.campaign_of)
    first, last = upcoming_days(codes)
    waits = (first < NEVER) & (value > 0) & ~competes & allowed.any(axis=1, keepdims=True)
    series = _Series(book, history, response_prob)
    for u in np.flatnonzero(waits.any(axis=0)).tolist():
        if book.blocking.blocks[u]:
            rows = np.flatnonzero(waits[:, u])
            by_facts = Upcoming(u, rows, first[rows, u], last[rows, u], np.ones(len(rows)))
            yield from series.steps(by_facts) if series.leads_to(u) else [by_facts]


class _Series:
    """The series that customers are in, and when their next steps are due."""

    def __init__(self, book: Rulebook, history: History, response_prob: Values) -> None:
        self.book, self.history, self.prob = book, history, response_prob
        self.opened_by: dict[int, list[FollowUpEntry]] = {}
        for step in book.follow_ups:
            self.opened_by.setdefault(step.target, []).append(step)
        self.latest: dict[int, tuple[Days, NDArray[np.bool_]]] = {}

    def leads_to(self, action: int) -> bool:
        return self.book.actions[action].campaign in self.opened_by

    def steps(self, by_facts: Upcoming) -> Iterator[Upcoming]:
        """What the latest contact by each source has opened or will open.

        What was sent since by the step's target has used that contact.
        """
        target = self.book.actions[by_facts.action].campaign
        used, _responded = self._latest(self.book.campaigns[target].id)
        for step in self.opened_by[target]:
            ago, responded = self._latest(step.source_id)
            span = step.after_days + step.within_days
            rows = by_facts.rows
            upcoming = by_facts.where((ago[rows] < span - 1) & (ago[rows] < used[rows]))
            rows = upcoming.rows
            if len(rows):
                yield replace(
                    upcoming,
                    first=np.maximum(upcoming.first, step.after_days - ago[rows]),
                    last=np.minimum(upcoming.last, span - 1 - ago[rows]),
                    prob=self._p_outcome(step, rows, ago[rows], responded[rows]),
                )

    def _latest(self, campaign_id: int) -> tuple[Days, NDArray[np.bool_]]:
        """(n,) each: days since the latest contact by a campaign, and whether it was answered."""
        if campaign_id not in self.latest:
            history, n = self.history, len(self.prob)
            ago = np.full(n, np.iinfo(np.int64).max)
            of_campaign = history.campaign_id == campaign_id
            np.minimum.at(ago, history.customer[of_campaign], history.days_ago[of_campaign])
            answered = of_campaign & history.responded & (history.days_ago == ago[history.customer])
            self.latest[campaign_id] = ago, history.per_customer(answered, n) > 0
        return self.latest[campaign_id]

    def _p_outcome(
        self, step: FollowUpEntry, rows: NDArray[np.int64], ago: Days, responded: NDArray[np.bool_]
    ) -> Values:
        """(r,) chance that the outcome that a step asks for holds when it is due.

        The response is taken to come on any day of the goal's window alike: p (t - s) / (w - p s)
        is its chance between days s and t of a window of w days, given that it did not come before.
        """
        if step.outcome == "all":
            return np.ones(len(rows))
        chance = np.zeros(len(rows))  # of a source that is over, nothing more is known
        sources = np.flatnonzero(self.book.campaign_ids == step.source_id)
        if len(sources):
            columns = np.flatnonzero(self.book.campaign_of == sources[0])
            # Added one by one: a single customer gets the same last digit as within a batch.
            p = sum((self.prob[rows, c] for c in columns), chance) / max(len(columns), 1)
            window = max(self.book.campaigns[sources[0]].window_days, 1)
            seen = np.minimum(ago, window)
            until = np.minimum(np.maximum(step.after_days, ago + 1), window)
            chance = p * np.maximum(until - seen, 0) / np.maximum(window - p * seen, 1e-9)
        chance = np.where(responded, 1.0, chance)
        return chance if step.outcome == "responders" else 1 - chance

"""What a contact opens later: the graph of follow-ups valued backwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FollowUpOn = Literal["all", "responders", "non_responders"]
Values = NDArray[np.float64]

NUMBERS_IN_MEMORY = 4_000_000  # with more states, fewer customers are valued at a time
NO_FOLLOW_UP = -1


@dataclass(frozen=True)
class FollowUp:
    """Campaign `target` becomes possible `after_days` after `source`, for some outcomes."""

    source: int  # index of a campaign
    target: int  # index of a campaign
    after_days: int  # 1 or more
    outcome: FollowUpOn = "all"
    within_days: int = 30  # days for which it stays possible, 1 or more
    blocked_days: int = 0  # days for which the source's own contact shuts the target out

    def due(self, day: int, runs_from: NDArray[np.int64]) -> int | None:
        """The day on which it is sent if its source was on `day`; None if it cannot be."""
        earliest = day + max(self.after_days, self.blocked_days)
        latest = day + self.after_days + self.within_days - 1
        sent = int(runs_from[earliest]) if earliest < len(runs_from) else latest + 1
        return sent if sent <= latest else None


@dataclass(frozen=True)
class Openings:
    """When actions are possible, in days from today. Without it: always, for everybody."""

    campaign_of: NDArray[np.int64]  # (A,)
    runs_from: NDArray[np.int64]  # (C, days): from day d on, the next day that a campaign runs
    first: NDArray[np.int64]  # (n, A) first day that the customer is in the target group
    last: NDArray[np.int64]  # (n, A) last such day

    @classmethod
    def always(cls, n: int, n_actions: int, horizon_days: int) -> "Openings":
        """Each action is its own campaign."""
        every_day = np.tile(np.arange(horizon_days + 1), (n_actions, 1))
        shape = (n, n_actions)
        first, last = np.zeros(shape, dtype=np.int64), np.full(shape, horizon_days)
        return cls(np.arange(n_actions), every_day, first, last)

    def of(self, rows: slice) -> "Openings":
        return Openings(self.campaign_of, self.runs_from, self.first[rows], self.last[rows])


def value_later(
    value_now: ArrayLike,
    response_prob: ArrayLike,
    follow_ups: Sequence[FollowUp],
    *,
    daily_discount: float,
    horizon_days: int,
    grid_days: int = 1,
    openings: Openings | None = None,
) -> Values:
    """What each action should bring through the campaigns that it opens: (n, A), zero or more.

    value_now : (n, A) uplift less cost, in the unit of the result.
    response_prob : (n, A) P(customer responds | contacted), in [0, 1].
    daily_discount : gamma, the worth of tomorrow's unit today, in (0, 1].
    horizon_days : a follow-up counts only if it is due within this many days from now, all waits
        on the way added up. That also cuts cycles.
    grid_days : 1 is exact. With more, all that a step opens is valued as if the step came on the
        next multiple of this, up to the horizon: fewer states, and the horizon is reached sooner.
    openings : when campaigns can be sent; it must reach as far as the horizon.

    With action a of campaign c sent on day t (today is 0), and s_f(t) the first day that follow-up
    f can be sent then (see `FollowUp.due`), up to the horizon,

        later(a, t) = sum over o of P(o | a) max(0, max over f of gamma^(s_f - t) Q(f, s_f))

    over the outcomes o in {responds, does not} and the follow-ups f of c after o, where Q(f, s) is
    the greatest value_now_b + later(b, s) of the target's actions b that are possible for the
    customer on day s; no later day is tried. Solved backwards from the last day (Bellman 1957);
    only states (campaign, day) that can be reached are visited, all customers at once. Each costs
    one pass over the customers per follow-up, so time grows with follow-ups times days reached.

    Raises ValueError on unknown values, on probabilities outside [0, 1], on a follow-up whose
    ends or wait make no sense, and on a discount outside (0, 1].
    """
    now, p = np.asarray(value_now, dtype=np.float64), np.asarray(response_prob, dtype=np.float64)
    _check(now, p)
    check_discount(daily_discount)
    openings = openings or Openings.always(len(now), now.shape[1], horizon_days)
    for follow_up in follow_ups:
        _check_follow_up(follow_up, n_campaigns=len(openings.runs_from))
    result = np.zeros(now.shape)
    graph = _Graph(follow_ups, openings.runs_from, horizon_days, grid_days)
    step = max(1, NUMBERS_IN_MEMORY // (len(graph.states) + 1))
    for start in range(0, len(now) if graph.states else 0, step):
        rows = slice(start, start + step)
        series = _Series(graph, now[rows], p[rows], openings.of(rows), daily_discount)
        result[rows] = series.later_today()
    return result


def best_follow_ups(
    value_now: Values,
    response_prob: Values,
    follow_ups: Sequence[FollowUp],
    source: int,
    *,
    daily_discount: float,
    horizon_days: int,
    grid_days: int = 1,
    openings: Openings,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) each: which follow-up of a campaign, if sent today, is best for those who respond, and
    for those who do not: places in `follow_ups`, NO_FOLLOW_UP where none is worth anything."""
    graph = _Graph(follow_ups, openings.runs_from, horizon_days, grid_days)
    series = _Series(graph, value_now, response_prob, openings, daily_discount)
    series.later_today()
    places = [i for i, f in enumerate(follow_ups) if f.source == source]

    def best(outcome: FollowUpOn) -> NDArray[np.int64]:
        n = len(value_now)
        chosen, worth = np.full(n, NO_FOLLOW_UP), np.zeros(n)
        for index in places:
            if follow_ups[index].outcome in ("all", outcome):
                value = series.through(follow_ups[index], 0)
                if value is not None:
                    chosen[value > worth] = index
                    worth = np.maximum(worth, value)
        return chosen

    return best("responders"), best("non_responders")


class _Graph:
    """The follow-ups by source, and the states (campaign, day) met on any way from today."""

    def __init__(
        self,
        follow_ups: Sequence[FollowUp],
        runs_from: NDArray[np.int64],
        horizon_days: int,
        grid_days: int,
    ) -> None:
        self.horizon_days, self.grid_days, self.runs_from = horizon_days, grid_days, runs_from
        self.opened: dict[int, list[FollowUp]] = {}
        for f in follow_ups:
            self.opened.setdefault(f.source, []).append(f)
        self.states: set[tuple[int, int]] = set()
        waiting = [(source, 0) for source in self.opened]
        while waiting:
            campaign, day = waiting.pop()
            if (campaign, day) in self.states:
                continue
            self.states.add((campaign, day))
            for f in self.opened.get(campaign, []):
                due = self.due(f, day)
                if due is not None:
                    waiting.append((f.target, self.on_grid(due)))

    def due(self, follow_up: FollowUp, day: int) -> int | None:
        due = follow_up.due(day, self.runs_from[follow_up.target])
        return due if due is not None and due <= self.horizon_days else None

    def on_grid(self, day: int) -> int:
        """The day of the state that stands for a day."""
        return min(-(-day // self.grid_days) * self.grid_days, self.horizon_days)


class _Series:
    """The states of a graph valued for some customers: n of them."""

    def __init__(
        self, graph: _Graph, now: Values, p: Values, openings: Openings, daily_discount: float
    ) -> None:
        self.graph, self.p, self.openings = graph, p, openings
        first, last = openings.first, openings.last
        self.now = np.where(first <= graph.horizon_days, now, -np.inf)  # unless never possible
        coming = (first > 0) & (first <= graph.horizon_days)
        going = (first == 0) & (last < graph.horizon_days)
        self.depends_on_day = (coming | going).any(axis=0)  # (A,)
        self.discount = daily_discount ** np.arange(graph.horizon_days + 1)
        self.values: dict[tuple[int, int], Values] = {}  # Q(c, day), -inf where not possible

    def later_today(self) -> Values:
        """(n, A)"""
        result = np.zeros(self.now.shape)
        # Every wait is at least a day, so what a state needs lies on later days than itself.
        for campaign, day in sorted(self.graph.states, key=lambda state: -state[1]):
            later = self._later(campaign, day)
            columns = np.flatnonzero(self.openings.campaign_of == campaign)
            if day == 0:
                result[:, columns] = later
            elif len(columns):
                q = self.now[:, columns] + later
                if self.depends_on_day[columns].any():
                    first, last = self.openings.first[:, columns], self.openings.last[:, columns]
                    q[(first > day) | (day > last)] = -np.inf
                self.values[campaign, day] = q[:, 0] if len(columns) == 1 else q.max(axis=1)
        return result

    def through(self, follow_up: FollowUp, day: int) -> Values | None:
        """(n,) what a follow-up of a contact on a day is worth on that day; None if never due."""
        due = self.graph.due(follow_up, day)
        if due is None:
            return None
        return self.discount[due - day] * self.values[follow_up.target, self.graph.on_grid(due)]

    def _later(self, campaign: int, day: int) -> Values:
        """(n, actions of the campaign)"""
        n = len(self.now)
        best = {"all": np.zeros(n)}
        for f in self.graph.opened.get(campaign, []):
            value = self.through(f, day)
            if value is not None:
                sofar = best.get(f.outcome)
                best[f.outcome] = value if sofar is None else np.maximum(sofar, value)
        if len(best) == 1:  # the same whatever the outcome
            return best["all"][:, None]
        if_responds = np.maximum(best["all"], best.get("responders", 0.0))[:, None]
        if_not = np.maximum(best["all"], best.get("non_responders", 0.0))[:, None]
        p = self.p[:, self.openings.campaign_of == campaign]
        return p * if_responds + (1 - p) * if_not


def check_discount(daily_discount: float) -> None:
    if not 0 < daily_discount <= 1:
        raise ValueError(f"the daily discount must lie in (0, 1], got {daily_discount}")


def _check(now: Values, p: Values) -> None:
    if now.ndim != 2 or now.shape != p.shape:
        raise ValueError(f"shapes do not fit: values {now.shape}, probabilities {p.shape}")
    if not np.isfinite(now).all():
        raise ValueError("every value must be a finite number")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("response probabilities must lie in [0, 1]")


def _check_follow_up(follow_up: FollowUp, *, n_campaigns: int) -> None:
    if not (0 <= follow_up.source < n_campaigns and 0 <= follow_up.target < n_campaigns):
        raise ValueError(f"{follow_up} names a campaign outside 0 to {n_campaigns - 1}")
    if follow_up.after_days < 1:
        raise ValueError(f"{follow_up} must wait at least one day")
    if follow_up.within_days < 1:
        raise ValueError(f"{follow_up} must stay possible for a day at least")
    if follow_up.outcome not in ("all", "responders", "non_responders"):
        raise ValueError(f"{follow_up} has an unknown outcome")

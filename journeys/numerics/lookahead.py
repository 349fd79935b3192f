"""What a contact opens later, and what it stands in the way of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Outcome = Literal["all", "responders", "non_responders"]


@dataclass(frozen=True)
class FollowUp:
    """Campaign `target` becomes possible `after_days` after `source`, for some outcomes."""

    source: int  # index on the action axis
    target: int  # index on the action axis
    after_days: int  # 1 or more
    outcome: Outcome = "all"


def value_later(
    value_now: ArrayLike,
    response_prob: ArrayLike,
    follow_ups: Sequence[FollowUp],
    *,
    daily_discount: float,
    horizon_days: int,
) -> NDArray[np.float64]:
    """What each action should bring through the campaigns that it opens: (n, A), zero or more.

    value_now : (n, A) uplift less cost, in the unit of the result.
    response_prob : (n, A) P(customer responds | contacted), in [0, 1].
    daily_discount : gamma, the worth of tomorrow's unit today, in (0, 1].
    horizon_days : a follow-up counts only if it is due within this many days from now, all waits
        on the way added up. That also cuts cycles.

    With r days left and Q(f, r) = value_now_f + later(f, r),

        later(c, r) = sum over o of P(o | c) max(0, max over f of gamma^d_f Q(f, r - d_f))

    over the outcomes o in {responds, does not} and the campaigns f opened by c after o with a wait
    d_f of at most r days. Solved backwards from the states with the fewest days left (Bellman
    1957); only states that can be reached are visited, all customers at once.

    Raises ValueError on unknown values, on probabilities outside [0, 1], on a follow-up whose
    ends or wait make no sense, and on a discount outside (0, 1].
    """
    now = np.asarray(value_now, dtype=np.float64)
    p = np.asarray(response_prob, dtype=np.float64)
    if now.ndim != 2 or now.shape != p.shape:
        raise ValueError(f"shapes do not fit: values {now.shape}, probabilities {p.shape}")
    if not np.isfinite(now).all():
        raise ValueError("every value must be a finite number")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("response probabilities must lie in [0, 1]")
    _check_discount(daily_discount)
    opened: dict[int, list[FollowUp]] = {}
    for follow_up in follow_ups:
        _check_follow_up(follow_up, n_actions=now.shape[1])
        opened.setdefault(follow_up.source, []).append(follow_up)

    zero = np.zeros(len(now))
    later: dict[tuple[int, int], NDArray[np.float64]] = {}

    def best(source: int, days_left: int, outcomes: tuple[Outcome, ...]) -> NDArray[np.float64]:
        """max(0, the best discounted Q) among what opens after one of `outcomes`: (n,)."""
        found = zero
        for f in opened[source]:
            if f.outcome in outcomes and f.after_days <= days_left:
                q = now[:, f.target] + later.get((f.target, days_left - f.after_days), zero)
                found = np.maximum(found, daily_discount**f.after_days * q)
        return found

    # Every wait is at least a day, so what a state needs has fewer days left than itself.
    for action, days_left in sorted(_reachable(opened, horizon_days), key=lambda state: state[1]):
        if_responds = best(action, days_left, ("all", "responders"))
        if_not = best(action, days_left, ("all", "non_responders"))
        p_action = p[:, action]
        later[action, days_left] = p_action * if_responds + (1 - p_action) * if_not

    result = np.zeros(now.shape)
    for action in opened:
        result[:, action] = later[action, horizon_days]
    return result


def slot_cost(
    upcoming_value: ArrayLike,
    upcoming_in_days: ArrayLike,
    blocked_days: ArrayLike,
    daily_discount: float,
) -> NDArray[np.float64]:
    """What a contact today stands in the way of: (n, A), zero or more.

    upcoming_value : (n, U) value of each campaign known to open for the customer, nan where it
        does not open for this one.
    upcoming_in_days : (U,) or (n, U) days until it opens, above 0 (what is open today competes
        today and costs nothing extra), nan where it does not open.
    blocked_days : (A,) days for which contact a would keep the customer from being contacted.
    daily_discount : gamma, in (0, 1].

    cost_a = max(0, max over u with in_days_u <= blocked_days_a of gamma^in_days_u value_u).

    Just one upcoming campaign is counted, the best: the slot that is given up is one slot.
    Raises ValueError on shapes that do not fit, days out of range, discount outside (0, 1].
    """
    value = np.asarray(upcoming_value, dtype=np.float64)
    days = np.asarray(upcoming_in_days, dtype=np.float64)
    blocked = np.asarray(blocked_days, dtype=np.float64)
    if value.ndim != 2 or days.shape not in (value.shape, value.shape[1:]) or blocked.ndim != 1:
        raise ValueError(
            f"shapes do not fit: values {value.shape}, days {days.shape}, blocked {blocked.shape}"
        )
    if (days <= 0).any():
        raise ValueError("an upcoming campaign opens in more than 0 days")
    if not (blocked >= 0).all():
        raise ValueError("a contact blocks for 0 days or more")
    _check_discount(daily_discount)
    days = np.broadcast_to(days, value.shape)
    # nan, "does not open", loses every comparison and is worth nothing.
    worth = np.fmax(daily_discount**days * value, 0.0)
    cost = np.zeros((len(value), len(blocked)))
    for span in np.unique(blocked):
        in_the_way = np.where(days <= span, worth, 0.0).max(axis=1, initial=0.0)
        cost[:, blocked == span] = in_the_way[:, None]
    return cost


def _reachable(opened: dict[int, list[FollowUp]], horizon_days: int) -> set[tuple[int, int]]:
    """The states (action with follow-ups, days left) met on any way from today."""
    states: set[tuple[int, int]] = set()
    waiting = [(source, horizon_days) for source in opened]
    while waiting:
        state = waiting.pop()
        if state in states:
            continue
        states.add(state)
        action, days_left = state
        waiting += [
            (f.target, days_left - f.after_days)
            for f in opened[action]
            if f.after_days <= days_left and f.target in opened
        ]
    return states


def _check_follow_up(follow_up: FollowUp, *, n_actions: int) -> None:
    if not (0 <= follow_up.source < n_actions and 0 <= follow_up.target < n_actions):
        raise ValueError(f"{follow_up} names an action outside 0 to {n_actions - 1}")
    if follow_up.after_days < 1:
        raise ValueError(f"{follow_up} must wait at least one day")
    if follow_up.outcome not in ("all", "responders", "non_responders"):
        raise ValueError(f"{follow_up} has an unknown outcome")


def _check_discount(daily_discount: float) -> None:
    if not 0 < daily_discount <= 1:
        raise ValueError(f"the daily discount must lie in (0, 1], got {daily_discount}")

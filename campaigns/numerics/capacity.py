"""Budgets and volumes: their periods, what an action uses of them, and whether they go together."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapacityEntry

FROM_THE_BEGINNING = "whole"
BEGINNING = date(1970, 1, 1)
MILLS = 1000  # money is counted in thousandths of a cent: whole numbers add up exactly


def period_of(period: str, day: date) -> tuple[date, date | None]:
    """The first day of a period and the day after its last one; None: it has no end."""
    if period == "day":
        return day, day + timedelta(days=1)
    if period == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    if period == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    if period == FROM_THE_BEGINNING:
        return BEGINNING, None
    raise ValueError(f"there is no period “{period}”")


def unit_of(entry: CapacityEntry) -> int:
    """Counted units in one that people speak of: a cent has a thousand, a message is one."""
    return MILLS if entry.measure == "money" else 1


def counts(book: Rulebook, entry: CapacityEntry) -> NDArray[np.bool_]:
    """(A,) whether a limit counts each action."""
    return np.array(
        [
            (entry.channel in ("", action.channel))
            and (entry.tag is None or entry.tag in book.campaigns[action.campaign].tags)
            and (entry.campaign in (None, book.campaigns[action.campaign].id))
            and (entry.action in (None, action.id))
            for action in book.actions
        ],
        dtype=bool,
    )


def use_of(book: Rulebook) -> NDArray[np.int64]:
    """(L, A) counted units that one message by each action uses of each limit."""
    mills = np.rint(book.cost_cents * MILLS).astype(np.int64)
    rows = [
        counts(book, entry) * (mills if entry.measure == "money" else 1)
        for entry in book.capacities
    ]
    return np.array(rows, dtype=np.int64).reshape(len(book.capacities), len(book.actions))


def contradiction(use: NDArray, maximum: NDArray, minimum: NDArray) -> list[tuple[str, int]]:
    """Limits that no numbers of messages can keep together, as few as explain it; [] is none.

    use : (L, A). maximum, minimum : (L,).
    Returns pairs ("minimum" or "maximum", l): without any one of them the others could be kept.
    Numbers of messages may be fractions here, and who is eligible is left out.
    Source: the deletion filter of Chinneck & Dravnieks (1991) on the linear programme.
    """
    n_actions = use.shape[1]
    rows = {("minimum", i): (-use[i], -minimum[i]) for i in range(len(use)) if minimum[i] > 0}
    if not rows:
        return []  # nothing sent keeps every maximum
    rows |= {("maximum", i): (use[i], maximum[i]) for i in range(len(use)) if maximum[i] < np.inf}

    def can_be_kept(kept: list[tuple[str, int]]) -> bool:
        if not n_actions:
            return not any(kind == "minimum" for kind, _place in kept)
        # Each row in units of its amount: budgets in cents are mixed with volumes of a few.
        scale = np.array([max(abs(rows[name][1]), 1.0) for name in kept])
        weights = np.array([rows[name][0] for name in kept]).reshape(len(kept), n_actions)
        amounts = np.array([rows[name][1] for name in kept])
        solved = linprog(np.zeros(n_actions), A_ub=weights / scale[:, None], b_ub=amounts / scale)
        return solved.status != 2

    contradicting = list(rows)
    if can_be_kept(contradicting):
        return []
    for name in list(contradicting):
        fewer = [other for other in contradicting if other != name]
        if not can_be_kept(fewer):
            contradicting = fewer
    return contradicting

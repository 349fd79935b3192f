"""The choice when budgets and volumes are nearly used up: customers take their turns."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes, Verdict, block, limit_code
from journeys.decisions.numerics.arbitration import NONE, Choice, arbitrate
from journeys.decisions.numerics.worth import Worth
from journeys.draws import keyed_uniform
from journeys.maps.numerics.due_steps import DueSteps


def arbitrate_within(
    book: Rulebook,
    codes: Codes,
    worth: Worth,
    evidence_ok: NDArray[np.bool_],
    in_baseline: NDArray[np.bool_],
    customer_ids: NDArray[np.int64],
    *,
    seed: int,
    use: NDArray[np.int64],
    left: NDArray[np.int64],
    due: DueSteps | None = None,
) -> tuple[Choice, NDArray[np.int64]]:
    """`arbitrate` such that no more is used than is left; returns the choice and its use (L,).

    use : (L, A) units that a message of each action uses. left : (L,) units, below 0 is nothing.

    Customers take turns in an order drawn for the run. An action for which too little is left of a
    limit is blocked for customers who come then; they choose among the others, so every probability
    is the exact one given what was left. A message that the control draw withholds uses nothing;
    but it is chosen only where a message could have been, so that test and control differ in
    nothing else.

    What is blocked changes only when a limit has less left than some open action uses, so all
    customers up to that turn are decided at once: there are fewer rounds than actions.
    """

    def choose(rows: NDArray[np.int64]) -> Choice:
        return arbitrate(
            book,
            codes[rows],
            worth.of(rows),
            evidence_ok,
            in_baseline[rows],
            customer_ids[rows],
            seed=seed,
            due=due and due.of(rows, len(codes)),
        )

    codes, left = codes.copy(), left.copy()
    everybody = np.arange(len(codes))
    stages = list(_stages(book))
    most = sum((use[:, columns].max(axis=1, initial=0) for columns in stages), np.zeros(len(use)))
    if (most * len(codes) > left).any():  # else nothing can run out
        turns = np.argsort(keyed_uniform(customer_ids, seed=seed, purpose="turn"), kind="stable")
        for columns in stages:
            waiting = turns
            while len(waiting):
                is_open = _block_what_is_short(codes, waiting, columns, use, left)
                if not is_open.any():
                    break
                sent = sent_messages(choose(waiting))[:, columns]
                spent = np.cumsum(sent @ use[:, columns].T, axis=0)
                dearest = use[:, columns[is_open]].max(axis=1)
                is_short = (left - spent < dearest).any(axis=1)
                n_decided = int(is_short.argmax()) + 1 if is_short.any() else len(waiting)
                left -= spent[n_decided - 1]
                waiting = waiting[n_decided:]
    choice = choose(everybody)
    return choice, use @ sent_messages(choice).sum(axis=0)


def _stages(book: Rulebook) -> Iterator[NDArray[np.int64]]:
    """Columns of which a customer gets at most one: the slot's; each campaign's in addition."""
    in_addition = np.array([c.in_addition for c in book.campaigns], dtype=bool)
    yield np.flatnonzero(~in_addition[book.campaign_of])
    for campaign in np.flatnonzero(in_addition):
        yield np.flatnonzero(book.campaign_of == campaign)


def _block_what_is_short(
    codes: Codes,
    waiting: NDArray[np.int64],
    columns: NDArray[np.int64],
    use: NDArray[np.int64],
    left: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Block, for those who wait, actions that would exceed a limit; says which are still open."""
    short = use[:, columns] > np.maximum(left, 0)[:, None]
    for index in np.flatnonzero(short.any(axis=0)):
        column = codes[waiting, columns[index]]
        limit = int(short[:, index].argmax())
        block(column, np.ones(len(column), dtype=bool), limit_code(Verdict.OVER_BUDGET, limit))
        codes[waiting, columns[index]] = column
    return np.logical_not(short.any(axis=0))


def sent_messages(choice: Choice) -> NDArray[np.int64]:
    """(n, A) messages that leave: what was chosen and is not withheld."""
    sent = (choice.additions & ~choice.addition_control).astype(np.int64)
    rows = np.flatnonzero((choice.action != NONE) & ~choice.is_control)
    sent[rows, choice.action[rows]] += 1
    return sent

"""Messages under whose influence customers are today: lost orders, discounts, orders to come."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from optiengine.example.drawing import delay_days
from optiengine.example.population import CATEGORIES
from optiengine.example.truth import DELAY_DECAY


class _Spell(NamedTuple):
    """One action, received on one day by the customers in `rows`, at work before `until_day`."""

    rows: np.ndarray
    p_lost: np.ndarray
    discount: float
    category: int  # the discount holds for this one; -1: for all
    until_day: int


class _Due(NamedTuple):
    rows: np.ndarray
    option: int
    sent_day: int


class Influence:
    """What messages of the last days still do. Memory follows the messages in their windows."""

    def __init__(self, n_customers: int):
        self._n_customers = n_customers
        self._spells: list[_Spell] = []
        self._due: dict[int, list[_Due]] = defaultdict(list)

    def add(
        self,
        rows: np.ndarray,
        p_lost: np.ndarray,
        discount: float,
        category: int,
        until_day: int,
    ) -> None:
        self._spells.append(_Spell(rows, p_lost, discount, category, until_day))

    def expect(
        self, rows: np.ndarray, option: int, day: int, window_days: int, u: np.ndarray
    ) -> None:
        """These customers will place one additional order each, on a day of the window."""
        due_day = day + delay_days(u, window_days, DELAY_DECAY)
        for when in np.unique(due_day):
            self._due[int(when)].append(_Due(rows[due_day == when], option, day))

    def due(self, day: int) -> Iterator[_Due]:
        """Additional orders of this day: (rows, option, day of the message)."""
        yield from self._due.get(day, ())

    def p_lost(self, rows: np.ndarray) -> np.ndarray:
        """Probability that an own order today is lost; several messages act independently."""
        p_kept = np.ones(self._n_customers)
        for spell in self._spells:
            p_kept[spell.rows] *= 1 - spell.p_lost  # a customer is in a spell at most once
        return 1 - p_kept[rows]

    def discount(self, rows: np.ndarray, category: np.ndarray) -> np.ndarray:
        """The best discount a customer holds for an order of this category today."""
        best = np.zeros((self._n_customers, len(CATEGORIES)))
        for spell in self._spells:
            if spell.discount:
                where = np.arange(len(CATEGORIES))
                if spell.category >= 0:
                    where = where[spell.category : spell.category + 1]
                cells = np.ix_(spell.rows, where)
                best[cells] = np.maximum(best[cells], spell.discount)
        return best[rows, category]

    def forget_before(self, day: int) -> None:
        self._spells = [spell for spell in self._spells if spell.until_day > day]
        for past in [due for due in self._due if due < day]:
            del self._due[past]

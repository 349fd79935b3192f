"""For whom a rule will hold on future days, as far as the calendar determines it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.rules.numerics.rule_tree import All, Any_, Columns, Condition, Mask, Node, Not, Rule

DAYS_IN_YEAR = 365

Shift = Callable[[NDArray[np.float64], int], NDArray[np.float64]]


def _later(column: NDArray[np.float64], days: int) -> NDArray[np.float64]:
    return column + days


def _nearer(column: NDArray[np.float64], days: int) -> NDArray[np.float64]:
    """Days to a birthday; after it, to the next one, which a leap year may put a day later."""
    return np.where(column >= days, column - days, column - days + DAYS_IN_YEAR)


CALENDAR: Mapping[str, Shift] = {"registered_days": _later, "days_to_birthday": _nearer}


class RuleAhead:
    """A rule on columns (n,) each, as they will be if nothing happens until then.

    ageing : names of fields that grow by one a day until the next event, as days since the last
    order do. These, days since registration and days to the birthday move; all others stay.
    Conditions that stay are looked at once, whatever the number of days.
    Raises RuleError where a field of the rule has no column.
    """

    def __init__(self, rule: Rule, columns: Columns, n: int, ageing: Collection[str] = ()) -> None:
        self._shifts = {**CALENDAR, **dict.fromkeys(ageing, _later)}
        self._columns, self._n = columns, n
        self.moves = any(condition.field in self._shifts for condition in rule.root.conditions())
        self._root = self._settled(rule.root)

    def mask(self, days: int) -> Mask:
        """For which customers it holds in so many days: (n,)."""
        if not self.moves:
            return self._root.mask(self._columns, self._n)
        fields = {condition.field for condition in self._root.conditions()}
        shifted = {
            name: self._shifts[name](self._columns[name], days)
            for name in fields & set(self._shifts)
        }
        return self._root.mask(shifted, self._n)

    def _settled(self, node: Node) -> Any:  # a Node or _Known
        """The tree with all that stays replaced by who it holds for."""
        if not any(condition.field in self._shifts for condition in node.conditions()):
            return _Known(node.mask(self._columns, self._n))
        match node:
            case All(parts):
                return All(tuple(self._settled(part) for part in parts))
            case Any_(parts):
                return Any_(tuple(self._settled(part) for part in parts))
            case Not(part):
                return Not(self._settled(part))
        return node


@dataclass(frozen=True)
class _Known:
    """A part of a rule whose answer does not change."""

    holds: Mask

    def conditions(self) -> "tuple[Condition, ...]":
        return ()

    def mask(self, columns: Columns, n: int) -> Mask:
        return self.holds.copy()

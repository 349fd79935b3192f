"""A rule about customers as a tree, and its compiler to a numpy mask.

Logic is two-valued: a comparison with an unknown value is False, so its negation is True. The
other compiler, to SQL, is `segments.rules.rule_sql`; a test holds the two to each other.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Columns = Mapping[str, NDArray]
RulePath = tuple[str | int, ...]

# Attributes are free JSON, often text from a CSV file; these are read as numbers where a rule
# compares with one. The bounds keep the cast to a double from overflowing in PostgreSQL.
NUMBER_PATTERN = r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?$"
_LAST_CASED = 0x1F000  # no letter above this code point has an upper or lower case


class Kind(StrEnum):
    """What a condition compares: the type of its column and of its value."""

    NUMBER = "number"  # float64, NaN unknown
    TEXT = "text"  # object of str, None unknown
    BOOLEAN = "boolean"  # bool, never unknown


class Op(StrEnum):
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    BETWEEN = "between"
    CONTAINS = "contains"
    IS_KNOWN = "is_known"
    IS_UNKNOWN = "is_unknown"


class RuleError(ValueError):
    """What is wrong with a rule, and where: “all → 2 → value: “abc” is not a number”.

    path : the keys and positions (from 1) on the way to the fault. template and data : the
    sentence in English with its `%(name)s` filled in later, so that it can be translated.
    """

    def __init__(self, path: RulePath, template: str, **data: object) -> None:
        self.path = path
        self.template = template
        self.data = data
        where = " → ".join(map(str, path))
        super().__init__(f"{where}: {template % data}" if where else template % data)


def gettext_noop(text: str) -> str:
    """Marks a sentence for translation, which happens outside: numerics know nothing of Django."""
    return text


NOT_ON_THAT_DAY = gettext_noop("“%(field)s” is not part of that day's customer data.")


@dataclass(frozen=True)
class Condition:
    """A field compared with a value, which `parse_rule` has brought into the kind's type.

    value : float, str or bool; a tuple of them for IN and NOT_IN; (low, high), both included, for
    BETWEEN; None for IS_KNOWN and IS_UNKNOWN.
    """

    field: str
    op: Op
    value: Any
    kind: Kind

    def conditions(self) -> "Iterator[Condition]":
        yield self

    def mask(self, columns: Columns, n: int) -> Mask:
        if self.field not in columns:
            raise RuleError((), NOT_ON_THAT_DAY, field=self.field)
        column = columns[self.field]
        if self.kind is Kind.NUMBER:
            return _number_mask(_as_numbers(column), self.op, self.value)
        if self.kind is Kind.BOOLEAN:
            return _boolean_mask(column.astype(bool), self.op, self.value)
        return _text_mask(column, self.op, self.value)


@dataclass(frozen=True)
class All:
    """Every part holds; without parts, everyone."""

    parts: "tuple[Node, ...]"

    def conditions(self) -> Iterator[Condition]:
        for part in self.parts:
            yield from part.conditions()

    def mask(self, columns: Columns, n: int) -> Mask:
        holds = np.ones(n, dtype=bool)
        for part in self.parts:
            holds &= part.mask(columns, n)
        return holds


@dataclass(frozen=True)
class Any_:
    """At least one part holds."""

    parts: "tuple[Node, ...]"

    def conditions(self) -> Iterator[Condition]:
        for part in self.parts:
            yield from part.conditions()

    def mask(self, columns: Columns, n: int) -> Mask:
        holds = np.zeros(n, dtype=bool)
        for part in self.parts:
            holds |= part.mask(columns, n)
        return holds


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: "Node"

    def conditions(self) -> Iterator[Condition]:
        return self.part.conditions()

    def mask(self, columns: Columns, n: int) -> Mask:
        return ~self.part.mask(columns, n)


Node = Condition | All | Any_ | Not


@dataclass(frozen=True)
class Rule:
    """Who is meant: a parsed and checked rule. `All(())` is everyone."""

    root: Node

    def fields(self) -> set[str]:
        """Names of the fields that the rule reads."""
        return {condition.field for condition in self.root.conditions()}

    def mask(self, columns: Columns, n: int) -> Mask:
        """For which of n customers the rule holds: (n,) bool.

        columns : per field an array (n,): float64 with NaN unknown for numbers, str objects with
        None unknown for text and attributes, bool for consents. Raises RuleError where a field of
        the rule has no column.
        """
        return self.root.mask(columns, n)


_COMPARE: Mapping[Op, Callable[[Any, Any], Any]] = {
    Op.EQ: np.equal,
    Op.LT: np.less,
    Op.LE: np.less_equal,
    Op.GT: np.greater,
    Op.GE: np.greater_equal,
}


def _number_mask(column: NDArray[np.float64], op: Op, value: Any) -> Mask:
    known = ~np.isnan(column)
    match op:
        case Op.IS_KNOWN:
            return known
        case Op.IS_UNKNOWN:
            return ~known
        case Op.NE:
            return known & (column != value)
        case Op.IN:
            return np.isin(column, value)  # NaN is in no list
        case Op.NOT_IN:
            return known & ~np.isin(column, value)
        case Op.BETWEEN:
            low, high = value
            return (column >= low) & (column <= high)
        case _:
            return _COMPARE[op](column, value)


def _boolean_mask(column: Mask, op: Op, value: bool | None) -> Mask:
    match op:
        case Op.EQ:
            return column == value
        case Op.NE:
            return column != value
        case Op.IS_KNOWN:
            return np.ones(len(column), dtype=bool)
        case _:
            return np.zeros(len(column), dtype=bool)


def _text_mask(column: NDArray[np.object_], op: Op, value: Any) -> Mask:
    test: Callable[[str], bool]
    match op:
        case Op.IS_UNKNOWN:
            return np.fromiter((text is None for text in column), dtype=bool, count=len(column))
        case Op.IS_KNOWN:
            test = lambda text: True  # noqa: E731
        case Op.EQ:
            test = lambda text: text == value  # noqa: E731
        case Op.NE:
            test = lambda text: text != value  # noqa: E731
        case Op.IN:
            values = frozenset(value)
            test = lambda text: text in values  # noqa: E731
        case Op.NOT_IN:
            values = frozenset(value)
            test = lambda text: text not in values  # noqa: E731
        case _:
            search = re.compile(contains_pattern(value)).search
            test = lambda text: search(text) is not None  # noqa: E731
    holds = (text is not None and test(text) for text in column)
    return np.fromiter(holds, dtype=bool, count=len(column))


def _as_numbers(column: NDArray) -> NDArray[np.float64]:
    """A numeric column as it is; the texts of an attribute as numbers, NaN where they are none."""
    if column.dtype != object:
        return column.astype(np.float64, copy=False)
    number = re.compile(NUMBER_PATTERN.removesuffix("$"), re.ASCII).fullmatch
    values = (float(text) if text is not None and number(text) else np.nan for text in column)
    return np.fromiter(values, dtype=np.float64, count=len(column))


@lru_cache(maxsize=1)
def _alike() -> Mapping[str, str]:
    """Per lower-case character, all characters that become it: {"k": "Kk\u212a", …}."""
    alike: dict[str, str] = {}
    for code in range(_LAST_CASED):
        if len(low := (character := chr(code)).lower()) == 1:
            alike[low] = alike.get(low, "") + character
    return {low: characters for low, characters in alike.items() if len(characters) > 1}


def contains_pattern(text: str) -> str:
    """A regular expression that finds `text`, upper and lower case alike, in Python and PostgreSQL.

    Characters are alike when Unicode gives them the same lower case of one character: “Ã” and
    “ã”, but not “ß” and “ss”, nor “İ” and “i”. Naming the characters that match leaves nothing
    to the collation of a database or to the Unicode version of either side.
    """

    def one(character: str) -> str:
        low = character.lower()
        alike = _alike().get(low if len(low) == 1 else character, "")
        if alike:
            return f"[{alike}]"
        # A backslash takes the meaning from a sign of ASCII, and gives one to letters and digits.
        return f"\\{character}" if character.isascii() and not character.isalnum() else character

    return "".join(map(one, text))

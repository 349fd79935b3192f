"""What can be proven of rules without a look at any customer.

A rule changes its answer only where a field crosses one of the values that the rule names. So a
value on each of them, one between each two and one on either side, and "unknown", stand for all
there are: rules are tried on every combination. Fields are taken to be independent of each other,
which can only make a proof fail, never a false one succeed.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.rules.numerics.rule import Kind, Op, Rule
from segments.rules.numerics.rule_tree import All, Columns, Condition

MOST_COMBINATIONS = 50_000  # beyond, nothing is proven


def both(rule: Rule, other: Rule) -> Rule:
    return Rule(All((rule.root, other.root)))


def in_stage(stage: str) -> Rule:
    return Rule(Condition("stage", Op.EQ, stage, Kind.TEXT))


@lru_cache(maxsize=4096)
def is_contradiction(rule: Rule) -> bool:
    """Whether it is proven that the rule can hold for nobody."""
    combinations = _combinations([rule])
    if combinations is None:
        return False
    columns, n = combinations
    return not rule.mask(columns, n).any()


@lru_cache(maxsize=4096)
def is_within(part: Rule, whole: Rule) -> bool:
    """Whether it is proven that `part` implies `whole`."""
    combinations = _combinations([part, whole])
    if combinations is None:
        return False
    columns, n = combinations
    return not (part.mask(columns, n) & ~whole.mask(columns, n)).any()


def _combinations(rules: Iterable[Rule]) -> tuple[Columns, int] | None:
    """Columns that hold every combination of values that matter, and their length.

    None where there are too many, or where a condition looks inside of texts.
    """
    conditions: dict[str, list[Condition]] = {}
    for rule in rules:
        for condition in rule.root.conditions():
            if condition.op is Op.CONTAINS:
                return None
            conditions.setdefault(condition.field, []).append(condition)
    axes = {field: _values(field, some) for field, some in conditions.items()}
    n = 1
    for axis in axes.values():
        n *= len(axis)
        if n > MOST_COMBINATIONS:
            return None
    columns, before = {}, 1
    for field, axis in axes.items():
        repeats = n // before // len(axis)
        columns[field] = np.tile(np.repeat(axis, repeats), before)
        before *= len(axis)
    return columns, n


def _values(field: str, conditions: list[Condition]) -> NDArray[Any]:
    """The values of a field that stand for all others, "unknown" among them."""
    if field.startswith("consent."):
        return np.array([True, False])
    named: dict[Kind, set] = {Kind.NUMBER: set(), Kind.TEXT: set(), Kind.BOOLEAN: set()}
    for condition in conditions:
        values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        named[condition.kind] |= {value for value in values if value is not None}
    numbers = _around(sorted(named[Kind.NUMBER]))
    is_attribute = field.startswith("attribute.")  # text, from which rules read numbers
    if not is_attribute and all(condition.kind is Kind.NUMBER for condition in conditions):
        return np.array([*numbers, np.nan])
    texts = sorted(named[Kind.TEXT])
    other = "".join(texts) + "x"  # longer than any of them, and no number
    if is_attribute:
        texts = [*texts, *(format(Decimal(repr(number)), "f") for number in numbers)]
    return np.array([*texts, other, None], dtype=object)


def _around(numbers: list[float]) -> list[float]:
    """The numbers, one between each two, one below and one above all of them."""
    if not numbers:
        return [0.0]
    between = [low + (high - low) / 2 for low, high in pairwise(numbers)]
    span = max(1.0, *map(abs, numbers))
    return sorted({*numbers, *between, numbers[0] - span, numbers[-1] + span})

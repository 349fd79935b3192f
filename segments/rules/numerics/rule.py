"""Reading a rule from JSON, with a sentence and its place for everything that is wrong with it.

A rule is {} for everyone, or one of

    {"all": [rule, …]}   {"any": [rule, …]}   {"not": rule}
    {"field": name, "op": operator, "value": value}

Fields are those of FIELDS and feature.<name> (number), consent.<channel> (yes or no) and
attribute.<key>, which compares as a number where the value is one, else as text. Text compares
exactly, upper and lower case apart, but the languages pt_BR and pt-BR are one; `contains` finds a
part, upper and lower case alike.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from segments.rules.numerics.rule_tree import (
    NOT_ON_THAT_DAY,
    All,
    Any_,
    Condition,
    Kind,
    Node,
    Not,
    Op,
    Rule,
    RuleError,
    RulePath,
    gettext_noop,
)

__all__ = [
    "FEATURE",
    "FIELDS",
    "NOT_ON_THAT_DAY",
    "OPS",
    "Kind",
    "Op",
    "Rule",
    "RuleError",
    "kinds_of",
    "ops_of",
    "parse_rule",
]

FEATURE = "feature."  # what the field of a feature of the state begins with

Scalar = TypeVar("Scalar", float, str)

MAX_DEPTH = 12
MAX_CONDITIONS = 200
MAX_VALUES = 1_000  # of one list
MAX_TEXT = 200  # characters of a value or a field's name

FIELDS: Mapping[str, Kind] = {
    "stage": Kind.TEXT,
    "micro_segment": Kind.NUMBER,
    "clv_cents": Kind.NUMBER,
    "p_alive": Kind.NUMBER,
    "country": Kind.TEXT,
    "language": Kind.TEXT,
    "registered_days": Kind.NUMBER,
    "age_years": Kind.NUMBER,
    "days_to_birthday": Kind.NUMBER,
}
PREFIXES: Mapping[str, tuple[Kind, ...]] = {
    "feature": (Kind.NUMBER,),
    "consent": (Kind.BOOLEAN,),
    "attribute": (Kind.NUMBER, Kind.TEXT),
}
CHOICE_FIELDS = {"stage", "micro_segment"}  # names and numbers without an order

_KNOWN = (Op.IS_KNOWN, Op.IS_UNKNOWN)
_CHOICE_OPS = (Op.EQ, Op.NE, Op.IN, Op.NOT_IN, *_KNOWN)
OPS: Mapping[Kind, tuple[Op, ...]] = {
    Kind.NUMBER: (
        Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.BETWEEN, Op.IN, Op.NOT_IN, *_KNOWN,
    ),
    Kind.TEXT: (Op.EQ, Op.NE, Op.CONTAINS, Op.IN, Op.NOT_IN, *_KNOWN),
    Kind.BOOLEAN: (Op.EQ, Op.NE),
}  # fmt: skip


NO_SUCH_FIELD = gettext_noop("The field “%(field)s” does not exist.")


def kinds_of(field: str) -> tuple[Kind, ...]:
    """As what a field may be compared; empty if there is no such field."""
    prefix, dot, rest = field.partition(".")
    if dot:
        return PREFIXES.get(prefix, ()) if rest else ()
    return (FIELDS[field],) if field in FIELDS else ()


def ops_of(field: str) -> tuple[Op, ...]:
    """The operators that fit a field, each once."""
    if field in CHOICE_FIELDS:
        return _CHOICE_OPS
    return tuple(dict.fromkeys(op for kind in kinds_of(field) for op in OPS[kind]))


def parse_rule(
    json: object,
    *,
    fields: Collection[str] | None = None,
    choices: Mapping[str, Collection[float | str]] | None = None,
) -> Rule:
    """The rule that a JSON value states. Raises RuleError, with the path to the fault.

    fields : names of the fields; attributes may have any name. choices : per field
    the values that exist. Others are refused; without these arguments, all that could exist pass.
    """
    return _Parser(fields, choices or {}).rule(json)


class _Parser:
    """Reads one rule, and counts its conditions on the way."""

    def __init__(
        self, fields: Collection[str] | None, choices: Mapping[str, Collection[float | str]]
    ) -> None:
        self.fields = fields
        self.choices = choices
        self.n_conditions = 0

    def rule(self, json: object) -> Rule:
        return Rule(All(()) if json == {} else self.node(json, (), 1))

    def node(self, json: object, path: RulePath, depth: int) -> Node:
        if not isinstance(json, dict):
            raise RuleError(
                path, gettext_noop("A rule must be an object, not “%(got)s”."), got=_short(json)
            )
        if depth > MAX_DEPTH:
            raise RuleError(
                path, gettext_noop("Groups are nested more than %(n)s levels deep."), n=MAX_DEPTH
            )
        if "field" in json or "op" in json:
            return self.condition(json, path)
        if len(json) != 1 or (key := next(iter(json))) not in ("all", "any", "not"):
            raise RuleError(
                path,
                gettext_noop(
                    "A rule must have “all”, “any” or “not”, or a “field” with “op” and “value”."
                ),
            )
        here = (*path, key)
        if key == "not":
            return Not(self.node(json[key], here, depth + 1))
        parts = json[key]
        if not isinstance(parts, list):
            raise RuleError(here, gettext_noop("A group must be a list of conditions."))
        if not parts:
            raise RuleError(here, gettext_noop("The group has no conditions."))
        nodes = tuple(self.node(p, (*here, i), depth + 1) for i, p in enumerate(parts, start=1))
        return All(nodes) if key == "all" else Any_(nodes)

    def condition(self, json: dict, path: RulePath) -> Condition:
        self.n_conditions += 1
        if self.n_conditions > MAX_CONDITIONS:
            raise RuleError(
                path, gettext_noop("A rule can have at most %(n)s conditions."), n=MAX_CONDITIONS
            )
        if odd := set(json) - {"field", "op", "value"}:
            raise RuleError(
                path,
                gettext_noop("“%(key)s” is not allowed here."),
                key=_short(min(odd, key=str)),
            )
        field = self.field(json.get("field"), (*path, "field"))
        op = self.op(field, json.get("op"), (*path, "op"))
        value, kind = self.value(field, op, json.get("value"), (*path, "value"))
        return Condition(field, op, value, kind)

    def field(self, field: object, path: RulePath) -> str:
        if not field:
            raise RuleError(path, gettext_noop("Choose a field."))
        if not isinstance(field, str) or not kinds_of(field):
            raise RuleError(path, NO_SUCH_FIELD, field=_short(field))
        is_known = self.fields is None or field in self.fields or field.startswith("attribute.")
        if not is_known:
            raise RuleError(path, NO_SUCH_FIELD, field=_short(field))
        return _checked_text(field, path)

    def op(self, field: str, op: object, path: RulePath) -> Op:
        if not op:
            raise RuleError(path, gettext_noop("Choose a comparison."))
        if op not in ops_of(field):
            raise RuleError(
                path,
                gettext_noop("“%(op)s” cannot be used with “%(field)s”."),
                field=field,
                op=_short(op),
            )
        return Op(str(op))

    def value(self, field: str, op: Op, value: object, path: RulePath) -> tuple[Any, Kind]:
        """The value in the type of what is compared, and the kind of the comparison."""
        kinds = kinds_of(field)
        if op in _KNOWN:
            if value is not None:
                raise RuleError(path, gettext_noop("“%(op)s” does not take a value."), op=op.value)
            return None, kinds[-1]
        kinds = tuple(kind for kind in kinds if op in OPS[kind])
        if op not in (Op.IN, Op.NOT_IN, Op.BETWEEN):
            return self.scalar(field, kinds, value, path)
        if not isinstance(value, list):
            raise RuleError(path, gettext_noop("Enter a list of values."))
        if op is Op.BETWEEN and len(value) != 2:
            raise RuleError(path, gettext_noop("Enter two values: from and to."))
        if not value:
            raise RuleError(path, gettext_noop("Enter at least one value."))
        if len(value) > MAX_VALUES:
            raise RuleError(
                path, gettext_noop("A list can have at most %(n)s values."), n=MAX_VALUES
            )
        pairs = [self.scalar(field, kinds, v, (*path, i)) for i, v in enumerate(value, start=1)]
        values, (kind, *others) = tuple(v for v, _ in pairs), {k for _, k in pairs}
        if others:
            raise RuleError(path, gettext_noop("The list mixes numbers and text."))
        if op is Op.BETWEEN and float(values[0]) > float(values[1]):
            raise RuleError(path, gettext_noop("The first value is greater than the second."))
        return values, kind

    def scalar(
        self, field: str, kinds: tuple[Kind, ...], value: object, path: RulePath
    ) -> tuple[float | str | bool, Kind]:
        if value is None or value == "":
            raise RuleError(path, gettext_noop("Enter a value."))
        if Kind.TEXT in kinds and isinstance(value, str):
            text = _checked_text(value, path)
            if field == "language":  # as languages are compared
                text = text.replace("_", "-")
            return self.chosen(field, text, path), Kind.TEXT
        if Kind.NUMBER in kinds and (len(kinds) == 1 or _is_number(value)):
            return self.chosen(field, _checked_number(value, path), path), Kind.NUMBER
        if Kind.BOOLEAN in kinds:
            if not isinstance(value, bool):
                raise RuleError(
                    path, gettext_noop("“%(got)s” is not valid. Use yes or no."), got=_short(value)
                )
            return value, Kind.BOOLEAN
        raise RuleError(path, gettext_noop("“%(got)s” must be text."), got=_short(value))

    def chosen(self, field: str, value: Scalar, path: RulePath) -> Scalar:
        if field in self.choices and value not in self.choices[field]:
            raise RuleError(
                path, gettext_noop("“%(got)s” is not a valid choice."), got=_short(value)
            )
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked_number(value: object, path: RulePath) -> float:
    if not _is_number(value):
        raise RuleError(path, gettext_noop("“%(got)s” is not a valid number."), got=_short(value))
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RuleError(path, gettext_noop("The number is too large or not valid."))
    return number


def _checked_text(text: str, path: RulePath) -> str:
    if len(text) > MAX_TEXT:
        raise RuleError(path, gettext_noop("Text can have at most %(n)s characters."), n=MAX_TEXT)
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise RuleError(path, gettext_noop("The text contains characters that cannot be stored."))
    return text


def _short(value: object) -> str:
    """A value as a sentence quotes it."""
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= 40 else f"{text[:39]}…"

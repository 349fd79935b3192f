"""A rule as an SQL condition, for counts and lists.

Conditions read `c`, the customer, and `s`, the customer's state of the day. Every value and every
name that a user gave goes as a parameter. The twin is `Rule.mask`; a test holds them together.
"""

from collections.abc import Callable, Sequence
from typing import Any

from segments.models import StateBuild
from segments.rules.numerics.rule import FEATURE, NOT_ON_THAT_DAY, Kind, Op, Rule, RuleError
from segments.rules.numerics.rule_tree import (
    NUMBER_PATTERN,
    All,
    Any_,
    Condition,
    Node,
    contains_pattern,
)
from segments.shapes import YEARLESS

Sql = tuple[str, list[Any]]  # text with %s, and its parameters

_SCALARS = "('string', 'number', 'boolean')"
_SIGNS = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_TYPES = {Kind.NUMBER: "float8", Kind.TEXT: "text", Kind.BOOLEAN: "boolean"}


def rule_sql(rule: Rule, state: StateBuild) -> Sql:
    """The rule as a condition over c = segments_customer and s = segments_customerstate.

    Returns the condition, true or false and never null, and its parameters. Raises RuleError
    where the rule names a feature that was not computed on the state's day.
    """
    return _node_sql(rule.root, state)


def field_sql(field: str, state: StateBuild) -> Sql:
    """A field's value over c and s, null where unknown: float8, text or boolean.

    Attributes come as the text of their JSON scalar, whatever they are compared with. This is
    what the columns given to `Rule.mask` are read by too.
    """
    prefix, _, name = field.partition(".")
    match prefix:
        case "feature":
            return _feature_sql(name, state)
        case "consent":
            return "(%s = ANY(c.consents))", [name]
        case "attribute":
            return (
                f"(CASE WHEN jsonb_typeof(c.attributes -> %s) IN {_SCALARS}"
                " THEN NULLIF(c.attributes ->> %s, '') END)",
                [name, name],
            )
        case _:
            return _FIELDS[field](state)


def _feature_sql(name: str, state: StateBuild) -> Sql:
    names = state.feature_set.names
    if name not in names:
        raise RuleError((), NOT_ON_THAT_DAY, field=f"{FEATURE}{name}")
    return "NULLIF(s.features[%s], 'NaN')", [names.index(name) + 1]


def _registered_days(state: StateBuild) -> Sql:
    return "(%s::date - c.registered_on)::float8", [state.as_of]


def _age_years(state: StateBuild) -> Sql:
    """Whole years; who was born on 29 February turns a year older on 1 March of other years.

    Of a birthday without a year it is not known.
    """
    born = "date_part('{}', c.birth_date)"
    had_no_birthday = f"({born.format('month')} * 100 + {born.format('day')} > %s)::int"
    day = state.as_of
    year = f"NULLIF({born.format('year')}, {YEARLESS})"
    return f"(%s - {year} - {had_no_birthday})", [day.year, day.month * 100 + day.day]


def _days_to_birthday(state: StateBuild) -> Sql:
    """Days from the state's day, 0 on the birthday itself."""

    def birthday(year: str) -> str:  # 29 February becomes 1 March where there is none
        month = f"make_date({year}, date_part('month', c.birth_date)::int, 1)"
        return f"({month} + date_part('day', c.birth_date)::int - 1)"

    this, following = birthday("%s"), birthday("%s")
    day, year = state.as_of, state.as_of.year
    statement = f"((CASE WHEN {this} >= %s THEN {this} ELSE {following} END) - %s)::float8"
    return statement, [year, day, year, year + 1, day]


_FIELDS: dict[str, Callable[[StateBuild], Sql]] = {
    "stage": lambda state: ("s.stage", []),
    "micro_segment": lambda state: ("s.micro_segment_id::float8", []),
    "clv_cents": lambda state: ("NULLIF(s.clv_cents, 'NaN')", []),
    "p_alive": lambda state: ("NULLIF(s.p_alive, 'NaN')", []),
    "country": lambda state: ("NULLIF(c.country, '')", []),
    "language": lambda state: ("NULLIF(replace(c.language, '_', '-'), '')", []),
    "registered_days": _registered_days,
    "age_years": _age_years,
    "days_to_birthday": _days_to_birthday,
}


def _node_sql(node: Node, state: StateBuild) -> Sql:
    if isinstance(node, Condition):
        return _condition_sql(node, state)
    if isinstance(node, All):
        return _joined([_node_sql(part, state) for part in node.parts], " AND ", "TRUE")
    if isinstance(node, Any_):
        return _joined([_node_sql(part, state) for part in node.parts], " OR ", "FALSE")
    text, params = _node_sql(node.part, state)
    return f"(NOT {text})", params


def _joined(parts: Sequence[Sql], word: str, empty: str) -> Sql:
    text = f"({word.join(text for text, _ in parts)})" if parts else empty
    return text, [param for _, params in parts for param in params]


def _condition_sql(condition: Condition, state: StateBuild) -> Sql:
    column, params = field_sql(condition.field, state)
    if condition.op is Op.IS_KNOWN:
        return f"({column} IS NOT NULL)", params
    if condition.op is Op.IS_UNKNOWN:
        return f"({column} IS NULL)", params
    if condition.kind is Kind.NUMBER and condition.field.startswith("attribute."):
        column, params = (
            f"(CASE WHEN {column} ~ %s THEN {column}::float8 END)",
            [*params, NUMBER_PATTERN, *params],
        )
    text, values = _comparison(condition)
    return f"COALESCE({column} {text}, FALSE)", [*params, *values]


def _comparison(condition: Condition) -> Sql:
    """What follows the column: an operator and its value, as a parameter."""
    type_ = _TYPES[condition.kind]
    match condition.op:
        case Op.IN:
            return f"= ANY(%s::{type_}[])", [list(condition.value)]
        case Op.NOT_IN:
            return f"<> ALL(%s::{type_}[])", [list(condition.value)]
        case Op.BETWEEN:
            return "BETWEEN %s::float8 AND %s::float8", list(condition.value)
        case Op.CONTAINS:
            return "~ %s", [contains_pattern(condition.value)]
        case op:
            return f"{_SIGNS[op]} %s::{type_}", [condition.value]

"""A rule, and what is wrong with one, in the reader's language."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from segments.rules.numerics.rule import Kind, Op, Rule, RuleError
from segments.rules.numerics.rule_tree import All, Condition, Node, Not
from segments.rules.rule_fields import RuleField, RuleFields

OP_LABELS: Mapping[Op, str | Promise] = {
    Op.EQ: gettext_lazy("is"),
    Op.NE: gettext_lazy("is not"),
    Op.LT: gettext_lazy("less than"),
    Op.LE: gettext_lazy("maximum"),
    Op.GT: gettext_lazy("more than"),
    Op.GE: gettext_lazy("minimum"),
    Op.IN: gettext_lazy("is one of"),
    Op.NOT_IN: gettext_lazy("is not one of"),
    Op.BETWEEN: gettext_lazy("from … to"),
    Op.CONTAINS: gettext_lazy("contains"),
    Op.IS_KNOWN: gettext_lazy("is known"),
    Op.IS_UNKNOWN: gettext_lazy("is unknown"),
}
_SIGNS = {Op.EQ: "=", Op.NE: "≠", Op.LT: "<", Op.LE: "≤", Op.GT: ">", Op.GE: "≥"}
_WORDS: Mapping[str | int, str | Promise] = {
    "all": gettext_lazy("all"),
    "any": gettext_lazy("any"),
    "not": gettext_lazy("not"),
    "field": gettext_lazy("field"),
    "op": gettext_lazy("comparison"),
    "value": gettext_lazy("value"),
}


def describe(rule: Rule, fields: RuleFields | None = None) -> str:
    """A rule as a sentence: “days since last order > 41 and category = shoes”.

    fields : the catalogue, for labels of fields and choices; without it names stand for labels.
    """
    if rule.root == All(()):
        return _("all customers")
    return _node(rule.root, fields or {}, within=False)


def problem_in_words(error: RuleError) -> str:
    """What is wrong with a rule, translated, behind its place."""
    where = " → ".join(str(_WORDS.get(step, step)) for step in error.path)
    sentence = _(error.template) % error.data
    return f"{where}: {sentence}" if where else sentence


def _node(node: Node, fields: RuleFields, *, within: bool) -> str:
    """within : the text becomes part of a larger one, so that “and” and “or” need brackets."""
    if isinstance(node, Condition):
        return _condition(node, fields)
    if isinstance(node, Not):
        return _("not (%(rule)s)") % {"rule": _node(node.part, fields, within=False)}
    word = _("and") if isinstance(node, All) else _("or")
    several = len(node.parts) > 1
    parts = [_node(part, fields, within=several or within) for part in node.parts]
    text = f" {word} ".join(parts)
    return f"({text})" if within and several else text


def _condition(condition: Condition, fields: RuleFields) -> str:
    field = fields.get(condition.field)
    label = _within_sentence(field.label) if field else _plain_label(condition.field)
    if condition.kind is Kind.BOOLEAN and condition.op in (Op.EQ, Op.NE):
        holds = condition.value == (condition.op is Op.EQ)
        return label if holds else _("no %(what)s") % {"what": label}
    match condition.op:
        case Op.IS_KNOWN | Op.IS_UNKNOWN:
            return f"{label} {OP_LABELS[condition.op]}"
        case Op.BETWEEN:
            low, high = (_value(v, field) for v in condition.value)
            return _("%(field)s from %(low)s to %(high)s") % {
                "field": label,
                "low": low,
                "high": high,
            }
        case Op.IN | Op.NOT_IN:
            values = ", ".join(_value(v, field) for v in condition.value)
            return f"{label} {OP_LABELS[condition.op]} {values}"
        case Op.CONTAINS:
            return f"{label} {OP_LABELS[condition.op]} “{condition.value}”"
        case op:
            return f"{label} {_SIGNS[op]} {_value(condition.value, field)}"


def _within_sentence(label: str) -> str:
    """Without its capital, unless it begins with an abbreviation: “CLV”."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _plain_label(name: str) -> str:
    prefix, _dot, rest = name.partition(".")
    return f"{prefix} {rest}" if prefix == "consent" else (rest or name).replace("_", " ")


def _value(value: float | str, field: RuleField | None) -> str:
    if field and (label := dict(field.choices).get(value)):
        return label
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return value

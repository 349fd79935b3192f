"""A change of rules as people read it: which rows, which fields, from what to what."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db.models import Field, ForeignKey, JSONField, ManyToManyField, Model
from django.utils.formats import localize
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _

from campaigns.services.rule_rows import differences, values_of
from campaigns.services.rule_tables import RowChange
from segments.rules.describe_rule import describe, problem_in_words
from segments.rules.numerics.rule import RuleError, parse_rule
from segments.rules.rule_fields import newest_state, rule_fields

NOTHING = "–"
LONGEST = 600  # characters of a value that are shown


@dataclass(frozen=True)
class ChangedRow:
    """`verb` is add, change or delete; fields are (label, before, after)."""

    title: str
    verb: str
    fields: list[tuple[str, str, str]]


def describe_changes(changes: Iterable[RowChange]) -> list[ChangedRow]:
    """Rows in the order of the changes; fields that say nothing on either side are left out."""
    return [_row(change) for change in changes]


def describe_rows(rows: Iterable[Model]) -> list[ChangedRow]:
    """Rows as they are, in the same words: fields are (label, nothing, value)."""
    return describe_changes(differences({}, values_of(rows)))


def _row(change: RowChange) -> ChangedRow:
    old, new = change.old or {}, change.new or {}
    verb = "change" if change.old and change.new else "add" if change.new else "delete"
    fields = []
    order = [field.name for field in change.model._meta.get_fields()]
    for name in sorted(new or old, key=order.index):
        field: Any = change.model._meta.get_field(name)
        before = in_words(field, old.get(name)) if old else NOTHING
        after = in_words(field, new.get(name)) if new else NOTHING
        if before != after:
            fields.append((capfirst(str(field.verbose_name)), before, after))
    return ChangedRow(f"{capfirst(change.model._meta.verbose_name)}: {change.name}", verb, fields)


def in_words(field: Any, value: Any) -> str:
    """A stored value of a field as its form would show it."""
    if value in (None, "", []):
        return NOTHING
    if isinstance(field, ManyToManyField):
        return ", ".join(_named(field, pk) for pk in value)
    if isinstance(field, ForeignKey):
        return _named(field, value)
    if isinstance(field, JSONField):
        return _rule(value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(field, ArrayField):
        chosen = dict(getattr(field.base_field, "flatchoices", ()))
        return ", ".join(str(chosen.get(item, item)) for item in field.to_python(value)) or NOTHING
    if field.flatchoices:
        return str(dict(field.flatchoices).get(value, value))
    return Truncator(_plain(field, value)).chars(LONGEST)


def _plain(field: Field, value: Any) -> str:
    try:
        python = field.to_python(value)
    except ValidationError:
        return str(value)
    return str(localize(python))


def _named(field: Any, pk: Any) -> str:
    row = field.related_model._default_manager.filter(pk=pk).first()
    return str(row) if row is not None else f"{field.verbose_name} {pk}"


def _rule(value: Any) -> str:
    try:
        return describe(parse_rule(value), rule_fields(newest_state()))
    except RuleError as error:
        return f"{problem_in_words(error)} {json.dumps(value)}"

"""The rows that rules are made of: as values that can be kept, compared, and put in place again."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256

from django.apps import apps
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, connection, models, transaction
from django.utils.translation import gettext as _

from campaigns.errors import ApprovalRefused
from campaigns.services.rule_tables import (
    RULE_TABLES,
    RowChange,
    Values,
    approved_tables,
)

Rows = dict[tuple[str, int], Values]  # by name of the table and id


def values_of(rows: Iterable[models.Model]) -> Rows:
    """What the rows say, without what is no rule."""
    serialized = json.loads(
        json.dumps(serializers.serialize("python", rows), cls=DjangoJSONEncoder)
    )
    skipped = {table.label: table.set_by_services for table in RULE_TABLES}
    return {
        (row["model"], row["pk"]): {
            name: sorted(value) if isinstance(value, list) else value
            for name, value in row["fields"].items()
            if name not in skipped.get(row["model"], ())
        }
        for row in serialized
    }


def snapshot() -> Rows:
    """All rows of all tables whose changes are approved; they are few."""
    tables: Rows = {}
    for table in approved_tables():
        prefetched = [field.name for field in table.model._meta.many_to_many]
        rows = table.model._default_manager.order_by("pk").prefetch_related(*prefetched)
        tables |= values_of(rows)
    return tables


def differences(before: Rows, after: Rows) -> list[RowChange]:
    """What turns one into the other, with all fields."""
    return [
        RowChange(
            table=key[0],
            pk=key[1] if key in before else None,
            name=_name(key[0], after.get(key) or before[key]),
            old=before.get(key),
            new=after.get(key),
        )
        for key in [*before, *(key for key in after if key not in before)]
        if before.get(key) != after.get(key)
    ]


def content_hash(content: object) -> str:
    """The same for the same content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, cls=DjangoJSONEncoder)
    return sha256(text.encode()).hexdigest()


def lock_rules() -> None:
    """Until the transaction ends, nobody else changes rules in force or launches anything."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('campaigns.rules'))")


def misfit(changes: Sequence[RowChange]) -> str:
    """Which row is no longer as it was when the changes were made; empty where all fit."""
    for change in changes:
        if change.old is None or change.pk is None:
            continue
        present = _present(change)
        if present is None:
            return _("“%s” no longer exists.") % change.name
        if any(present.get(name) != value for name, value in change.old.items()):
            return _("“%s” has been changed since.") % change.name
    return ""


def put_in_place(changes: Sequence[RowChange]) -> None:
    """Make the changes, inside the caller's transaction. Raises ApprovalRefused if they cannot be.

    The caller has locked the rules and seen that the changes fit.
    """
    order = [table.label for table in RULE_TABLES]
    ordered = sorted(changes, key=lambda change: order.index(change.table))
    try:
        with transaction.atomic():
            for change in reversed(ordered):
                if change.new is None:
                    change.model._default_manager.filter(pk=change.pk).delete()
            for change in ordered:
                if change.new is not None:
                    _write(change)
    except ValidationError as error:
        raise ApprovalRefused(" ".join(error.messages)) from error
    except (IntegrityError, models.ProtectedError, serializers.base.DeserializationError) as error:
        text = _("The change can no longer be applied: something it depends on has changed.")
        raise ApprovalRefused(text) from error


def _write(change: RowChange) -> None:
    fields = dict(change.new or {})
    if change.pk is not None:  # what is no rule, and what did not change, stays
        present = change.model._default_manager.get(pk=change.pk)
        (row,) = serializers.serialize("python", [present])
        fields = {**row["fields"], **fields}
    data = [{"model": change.table, "pk": change.pk, "fields": fields}]
    (made,) = serializers.deserialize("python", data)
    made.object._state.adding = change.pk is None
    made.object.full_clean()
    made.save()


def _present(change: RowChange) -> Values | None:
    rows = change.model._default_manager.filter(pk=change.pk)
    return next(iter(values_of(rows).values()), None)


def _name(table: str, values: Values) -> str:
    if values.get("name"):
        return str(values["name"])
    return str(apps.get_model(table)._meta.verbose_name)

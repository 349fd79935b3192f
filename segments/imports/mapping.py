"""Which column of a file is which of our fields."""

import re
from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.imports.fields import Field
from segments.imports.values.headings import normal

# Of our own files of rejected rows, corrected.
IGNORED = {"rejected_line", "rejected_level", "rejected_reason"}


def suggest_mapping(columns: tuple[str, ...], fields: list[Field]) -> dict[str, str]:
    """Our field → the file's column, by the fields' names and synonyms; each column once,
    unless fields share it."""
    free = [column for column in columns if column not in IGNORED]
    mapping = {}
    for field in fields:
        exact = [c for c in free if c == field.name]
        if matching := exact or [c for c in free if field.answers_to(c)]:
            mapping[field.name] = matching[0]
            if not field.shares_column:
                free.remove(matching[0])
    return mapping


def complete_mapping(
    columns: tuple[str, ...],
    fields: list[Field],
    chosen: Mapping[str, str],
    suggest_for: Collection[str] | None = None,
) -> dict[str, str]:
    """The chosen mapping, and suggestions for fields that it does not name.

    An empty column in `chosen` leaves the field out. Only `amount` may be a product: "A*B".
    suggest_for : the columns for which there are suggestions, by default all. Raises ImportRefused
    for names that do not exist.
    """
    names = {field.name for field in fields}
    for name, column in chosen.items():
        if name not in names:
            raise ImportRefused(
                _("“%(name)s” is not a known field. Use one of: %(fields)s.")
                % {"name": name, "fields": ", ".join(sorted(names))}
            )
        parts = [column] if name != "amount" or column in columns else factors(column)
        for part in filter(None, parts):
            if part not in columns:
                raise ImportRefused(
                    _("The file has no column “%(column)s”. Its columns: %(columns)s.")
                    % {"column": part, "columns": ", ".join(columns)}
                )
    taken = set(chosen.values())
    suggested = suggest_mapping(
        tuple(c for c in columns if c not in taken and (suggest_for is None or c in suggest_for)),
        [f for f in fields if f.name not in chosen],
    )
    return suggested | {name: column for name, column in chosen.items() if column}


def say_the_same(
    columns: tuple[str, ...],
    fields: list[Field],
    mapping: Mapping[str, str],
    ignored: Collection[str],
) -> dict[str, tuple[str, ...]]:
    """Field → further columns that say the same as the one that it is mapped to: they have its
    heading once more, or another one that means the field. Only where one of them could contradict.
    """
    free = [c for c in columns if c not in {*mapping.values(), *ignored, *IGNORED}]
    also = {}
    for field in fields:
        if not field.counts_first or field.name not in mapping:
            continue
        heading = normal(without_number(mapping[field.name]))
        also[field.name] = tuple(
            c
            for c in free
            if normal(without_number(c)) == heading or field.answers_to(without_number(c))
        )
    return {name: others for name, others in also.items() if others}


def without_number(column: str) -> str:
    """The heading of a column that has it once more: Tags (2)."""
    return re.sub(r" \(\d+\)$", "", column)


def factors(column: str) -> list[str]:
    """The columns of a product such as "Quantity*UnitPrice"; of anything else, itself."""
    parts = [part.strip() for part in column.split("*")]
    return parts if len(parts) == 2 and all(parts) else [column]


def require_fields(
    mapping: Mapping[str, str], fields: list[Field], columns: tuple[str, ...]
) -> None:
    missing = [field.name for field in fields if field.is_required and field.name not in mapping]
    if missing:
        raise ImportRefused(
            _("No column is mapped to %(missing)s. Columns in the file: %(columns)s.")
            % {"missing": ", ".join(missing), "columns": ", ".join(columns)}
        )

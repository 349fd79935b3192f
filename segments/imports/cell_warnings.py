"""Cells that could not be read, in rows that were imported without them."""

from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from psycopg.sql import quote

from segments.imports.fields import UNREADABLE, Field, is_error
from segments.imports.spec import ImportPlan, ImportSpec
from segments.imports.staging import (
    CHECKED,
    STAGED,
    WARNED,
    as_written,
    cell_name,
    cells_read,
    sentence_of,
    source_of,
    too_long,
)

N_SAMPLES = 5


@dataclass(frozen=True)
class CellWarnings:
    """Of one column: how many cells were left out or cut, and the first of them."""

    column: str
    n_cells: int
    samples: tuple[tuple[int, str], ...]  # line and cell, cut to 60 characters

    def as_json(self) -> dict[str, Any]:
        samples = [{"line": line, "cell": cell} for line, cell in self.samples]
        return {"column": self.column, "n_cells": self.n_cells, "samples": samples}


# One row per warned cell: its line, and the name of its field or, of an extra column, its cell.
WARNED_CELLS = f"SELECT v.line, w.name FROM {WARNED} v CROSS JOIN unnest(v.warned) AS w (name)"


def gather_warned(cursor: CursorWrapper) -> None:
    """Set the rows with warnings aside that are still in CHECKED: they are looked at repeatedly."""
    cursor.execute(f"DROP TABLE IF EXISTS {WARNED}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {WARNED} AS SELECT s.*, v.warned FROM {STAGED} s "
        f"JOIN {CHECKED} v USING (line) WHERE v.warned IS NOT NULL"
    )
    cursor.execute(f"ANALYZE {WARNED} (line)")


def count_warnings(cursor: CursorWrapper, spec: ImportSpec, plan: ImportPlan) -> list[CellWarnings]:
    """What was left out of the rows that were gathered, by column in the file's order."""
    columns, shown = {}, []
    for field in _fields(spec, plan):
        columns[field.name] = plan.mapping[field.name]
        cells = ", ".join(as_written(cell, plan) for cell in cells_read(field, plan))
        shown.append(f"WHEN {quote(field.name)} THEN concat_ws(' * ', {cells})")
    for column in plan.extras if spec.extras else ():
        cell = plan.cells[column]
        columns[cell_name(cell)] = column
        shown.append(f"WHEN {quote(cell_name(cell))} THEN {as_written(cell, plan)}")
    if not shown:
        return []
    cursor.execute(
        f"SELECT w.name, w.n_cells, w.line, left(CASE w.name {' '.join(shown)} END, 60) FROM "
        "(SELECT line, name, count(*) OVER (PARTITION BY name) AS n_cells, "
        f"row_number() OVER (PARTITION BY name ORDER BY line) AS place FROM ({WARNED_CELLS}) w) w "
        f"JOIN {source_of(plan, WARNED)} s USING (line) "
        f"WHERE w.place <= {N_SAMPLES} ORDER BY w.line"
    )
    samples_of: dict[str, tuple[int, list[tuple[int, str]]]] = {}
    for name, n_cells, line, cell in cursor.fetchall():
        samples_of.setdefault(name, (n_cells, []))[1].append((line, cell or ""))
    index_of = {column: index for index, column in enumerate(plan.cells)}
    return sorted(
        (
            CellWarnings(columns[name], n, tuple(samples))
            for name, (n, samples) in samples_of.items()
        ),
        key=lambda warning: index_of.get(warning.column, -1),
    )


def warned_rows(spec: ImportSpec, plan: ImportPlan) -> str:
    """SQL of one row per line that was gathered: line, and what is wrong in sentences."""
    whens = []
    for field in _fields(spec, plan):
        sentence = sentence_of(field, plan)
        if field.max_length is not None:
            counts = {"field": field.label, "n": field.max_length}
            cut = quote(_("%(field)s was cut to %(n)d characters.") % counts)
            is_broken = f"strpos({cells_read(field, plan)[0]}, '{UNREADABLE}') > 0"
            sentence = f"CASE WHEN {is_broken} THEN {sentence} ELSE {cut} END"
        whens.append(f"WHEN {quote(field.name)} THEN {sentence}")
    for column in plan.extras if spec.extras else ():
        cell = as_written(plan.cells[column], plan)
        broken = quote(_("“%s” contains unreadable bytes.") % column)
        failed = quote(_("“%s” is the error of a formula in a spreadsheet.") % column)
        sentence = f"CASE WHEN strpos({cell}, '{UNREADABLE}') > 0 THEN {broken} "
        sentence += f"WHEN {is_error(cell)} THEN {failed} "
        sentence += f"ELSE {too_long(column)} END"
        whens.append(f"WHEN {quote(cell_name(plan.cells[column]))} THEN {sentence}")
    if not whens:
        return "SELECT NULL::bigint AS line, NULL::text AS reason WHERE false"
    return (
        f"SELECT w.line, string_agg(CASE w.name {' '.join(whens)} END, ' ') AS reason "
        f"FROM ({WARNED_CELLS}) w JOIN {source_of(plan, WARNED)} s USING (line) "
        "GROUP BY w.line"
    )


def _fields(spec: ImportSpec, plan: ImportPlan) -> list[Field]:
    strict = plan.options.strict
    return [
        field
        for field in spec.fields(plan)
        if field.name in plan.used and not field.rejects_row(strict=strict)
    ]

"""A file's rows as text in a temporary table, and what is typed and valid of them in another.

Temporary tables belong to the connection: a worker that dies leaves nothing behind, and nothing
is written to the log that a crash would need. They cost no transaction while the file is read.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from psycopg.sql import quote

from segments.imports.fields import (
    Field,
    cut,
    in_utc,
    is_error,
    is_readable,
    json_value,
    says_utc,
)
from segments.imports.file_format import FileFormat
from segments.imports.mapping import IGNORED, factors
from segments.imports.open_file import OpenFile
from segments.imports.read_rows import RowReader
from segments.imports.spec import ImportPlan, ImportSpec
from segments.shapes import MAX_EXTRA

STAGED, CHECKED, REJECTED = "import_staged", "import_checked", "import_rejected"
REPEATED, RESPELT = "import_repeated", "import_respelt_"
WARNED = "import_warned"  # rows of STAGED that lost cells
KEPT = "import_kept"  # lines with a yes that does not bring a consent back, and why
STATISTICS_TARGET = 10  # joins need the number of rows, not how each column's values are spread
WORK_MEM = "256MB"  # for the hash tables of one import; imports of one kind merge one at a time


KEPT_TOO = ("currency",)  # fields whose columns are kept as they are written, too


def cells_of(file_format: FileFormat) -> dict[str, str]:
    """SQL of each column's cell in the staged rows."""
    return {name: f"s.c{number}" for number, name in enumerate(file_format.columns)}


def extras_of(columns: Iterable[str], plan: ImportPlan) -> tuple[str, ...]:
    """Columns that no field uses as they are; those of a product are kept, too."""
    kept_too = {plan.mapping[name] for name in KEPT_TOO if name in plan.mapping}
    left_out = (set(plan.mapping.values()) - kept_too) | IGNORED | set(plan.options.ignore)
    left_out |= {column for others in plan.also.values() for column in others}
    return tuple(column for column in columns if column not in left_out)


@contextmanager
def staging_session(plan: ImportPlan) -> Iterator[CursorWrapper]:
    """A cursor that reads dates without a zone in the organisation's, with room for big joins."""
    with connection.cursor() as cursor:
        wanted = {
            "TimeZone": plan.zone,
            "DateStyle": "ISO, YMD",
            "work_mem": WORK_MEM,
            "default_statistics_target": str(STATISTICS_TARGET),
        }
        before = {}
        for name, value in wanted.items():
            cursor.execute("SELECT current_setting(%s)", [name])
            before[name] = cursor.fetchone()[0]
            cursor.execute("SELECT set_config(%s, %s, false)", [name, value])
        try:
            yield cursor
        finally:
            if connection.is_usable() and not connection.needs_rollback:
                drop_staging(cursor)
                for name, value in before.items():
                    cursor.execute("SELECT set_config(%s, %s, false)", [name, value])


def stage(
    cursor: CursorWrapper,
    path: Path,
    file_format: FileFormat,
    *,
    strict: bool = False,
    on_bytes: Callable[[int], None] = lambda n: None,
    max_rows: int | None = None,
) -> tuple[int, str]:
    """COPY a file into the staging table; returns the number of rows and the file's SHA-256.

    max_rows : stop reading once there are so many, for a preview; the rows beyond are removed.
    """
    make_staging(cursor, file_format)
    reader = RowReader(file_format, strict=strict)
    with OpenFile(path, sheet=file_format.sheet) as file:
        with transaction.atomic(), cursor.copy(copy_statement(file_format)) as copy:
            for block in reader.blocks(file.chunks()):
                copy.write(block)
                on_bytes(file.n_bytes_read)
                if max_rows and reader.n_rows >= max_rows:
                    break
        while not max_rows and file.read(1 << 20):  # what may follow the end of the packed data
            pass
    if max_rows:
        cursor.execute(
            f"DELETE FROM {STAGED} WHERE line NOT IN "
            f"(SELECT line FROM {STAGED} ORDER BY line LIMIT %s)",
            [max_rows],
        )
    return reader.n_rows, file.sha256


def make_staging(cursor: CursorWrapper, file_format: FileFormat) -> None:
    drop_staging(cursor)
    cells = ", ".join(f"c{number} text" for number in range(len(file_format.columns)))
    cursor.execute(f"CREATE TEMPORARY TABLE {STAGED} (line bigint, problem text, {cells})")
    cursor.execute(f"CREATE TEMPORARY TABLE {REJECTED} (line bigint, reason text)")
    cursor.execute(f"CREATE TEMPORARY TABLE {KEPT} (line bigint, reason text)")


def copy_statement(file_format: FileFormat) -> str:
    return (
        f"COPY {STAGED} FROM STDIN (FORMAT csv, DELIMITER {quote(file_format.delimiter)}, "
        f"QUOTE {quote(file_format.quote)}, ESCAPE {quote(file_format.quote)})"
    )


def leave_rows_out(cursor: CursorWrapper, plan: ImportPlan) -> int:
    """Take out the rows that are not wanted, by what a column says; returns how many.

    Cells are compared without regard to case and blanks; an empty one is compared as ''.
    """
    unwanted = [_says(column, cells, plan) for column, cells in plan.options.leave_out.items()]
    unwanted += [
        f"NOT {_says(column, cells, plan)}" for column, cells in plan.options.take_only.items()
    ]
    if not unwanted:
        return 0
    cursor.execute(f"DELETE FROM {STAGED} s WHERE s.problem IS NULL AND ({' OR '.join(unwanted)})")
    return cursor.rowcount


def _says(column: str, cells: Iterable[str], plan: ImportPlan) -> str:
    words = ", ".join(quote(" ".join(cell.split()).lower()) for cell in cells)
    said = f"lower(btrim(regexp_replace(coalesce({plan.cells[column]}, ''), '\\s+', ' ', 'g')))"
    return f"{said} = ANY (ARRAY[{words}]::text[])"


def drop_staging(cursor: CursorWrapper) -> None:
    cursor.execute(
        f"DROP TABLE IF EXISTS {STAGED}, {CHECKED}, {REJECTED}, {KEPT}, {REPEATED}, {WARNED}, "
        "import_changes"
    )
    cursor.execute(
        "SELECT relname FROM pg_class WHERE starts_with(relname, %s) AND relpersistence = 't' "
        "AND pg_table_is_visible(oid)",
        [RESPELT],
    )
    for (table,) in cursor.fetchall():
        cursor.execute(f"DROP TABLE {table}")


def respelt_table(cell: str) -> str:
    """Of a column's cell (s.c5): cell, the spelling that is read instead, and why there is none."""
    return RESPELT + cell_name(cell)


def source_of(plan: ImportPlan, rows: str = STAGED) -> str:
    """SQL of staged rows with their cells as they are to be read; rows : a table or query of them.

    Of a column with other spellings raw_c5 is the cell as it is written, and why_c5 why it cannot
    be read, in a sentence, where that has one of its own.
    """
    if not plan.respelt:
        return rows
    columns, joins = ["s.line", "s.problem"], []
    for cell in plan.cells.values():
        name, table = cell_name(cell), respelt_table(cell)
        if cell not in plan.respelt:
            columns.append(cell)
            continue
        columns.append(
            f"CASE WHEN {table}.cell IS NULL THEN {cell} ELSE {table}.respelt END AS {name}"
        )
        columns += [f"{cell} AS raw_{name}", f"{table}.reason AS why_{name}"]
        joins.append(f"LEFT JOIN {table} ON {table}.cell = {cell}")
    return f"(SELECT {', '.join(columns)} FROM {rows} s {' '.join(joins)})"


def as_written(cell: str, plan: ImportPlan) -> str:
    """SQL of a cell of `source_of` as it is in the file."""
    return f"s.raw_{cell_name(cell)}" if cell in plan.respelt else cell


def check(cursor: CursorWrapper, spec: ImportSpec, plan: ImportPlan) -> None:
    """Read all cells and refuse what has no value: CHECKED keeps the valid rows, REJECTED the rest.

    Cells that cannot be read and do not decide their row are NULL and named in `warned`. The
    fence (OFFSET 0) keeps the planner from computing each value twice.
    """
    strict = plan.options.strict
    fields = [field for field in spec.fields(plan) if field.name in plan.used]
    values = [f"{value_of(field, plan)} AS {field.name}" for field in fields]
    reasons = [_refusal(field, plan) for field in fields if field.rejects_row(strict=strict)]
    warned = [_warning(field, plan) for field in fields if not field.rejects_row(strict=strict)]
    reasons += [_repeats_headings(plan), *spec.refusals(plan)]
    if spec.extras and plan.extras:
        values.append(f"{_extras(plan)} AS extra_columns")
        if strict:
            reasons += [_too_long(name, plan) for name in plan.extras]
        else:
            warned += [_extra_warning(name, plan) for name in plan.extras]
    cells = ", ".join(
        [*plan.cells.values()]
        + [f"s.{kind}_{cell_name(cell)}" for cell in plan.respelt for kind in ("raw", "why")]
    )
    outputs = ", ".join(f"{sql} AS {name}" for name, sql in spec.outputs(plan).items())
    source = source_of(plan)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {CHECKED} AS SELECT s.line, "
        f"coalesce(s.problem, {_joined(reasons)}) AS reason, {outputs}, "
        f"string_to_array({_joined(warned)}, ' ') AS warned FROM "
        f"(SELECT s.line, s.problem, {cells}, {', '.join(values)} FROM {source} s OFFSET 0) s"
    )
    reject(cursor, "reason IS NOT NULL", "reason")
    spec.judge(cursor, plan)
    cursor.execute(f"ANALYZE {CHECKED}")


def _repeats_headings(plan: ImportPlan) -> str:
    """SQL of the sentence for a row that is the header again, as in files that were put together
    from several: all columns that are read have their heading, or nothing."""
    columns = {part for column in plan.mapping.values() for part in factors(column)}
    columns |= set(plan.mapping.values())
    cells = [(as_written(plan.cells[name], plan), name) for name in columns & plan.cells.keys()]
    if not cells:
        return "NULL"
    # A mark of another file's beginning may stand before its first heading.
    same = [f"(ltrim({cell}, '\ufeff') = {quote(name)}) IS NOT FALSE" for cell, name in cells]
    filled = ", ".join(cell for cell, _name in cells)
    return (
        f"CASE WHEN {' AND '.join(same)} AND num_nonnulls({filled}) > 0 "
        f"THEN {quote(_('The row repeats the headings.'))} END"
    )


def _joined(texts: list[str]) -> str:
    """SQL of the texts that are not NULL, separated by blanks; NULL where all are."""
    return f"nullif(concat_ws(' ', VARIADIC ARRAY[{', '.join(texts)}]::text[]), '')"


def reject(cursor: CursorWrapper, condition: str, reason: str) -> int:
    """Move rows of CHECKED (alias v) to REJECTED; `condition` and `reason` are SQL."""
    cursor.execute(
        f"WITH gone AS (DELETE FROM {CHECKED} v WHERE {condition} "
        f"RETURNING v.line, {reason} AS reason) INSERT INTO {REJECTED} (line, reason) "
        "SELECT line, reason FROM gone"
    )
    return cursor.rowcount


def count(cursor: CursorWrapper, query: str) -> int:
    cursor.execute(query)
    return cursor.fetchone()[0]


def set_repeats_aside(cursor: CursorWrapper, spec: ImportSpec, plan: ImportPlan) -> None:
    """Take out rows whose key an earlier row of the file has; those that say the same: REPEATED.

    The same again is no change. Something else is a contradiction that only the sender can
    resolve, so the earlier row counts and the later one is rejected: an import of the same file
    then always ends with the same values.
    """
    key, names = ", ".join(spec.key), list(spec.outputs(plan))
    joined = " AND ".join(f"v.{name} = k.{name}" for name in spec.key)
    differs = " OR ".join(f"v.{name} IS DISTINCT FROM f.{name}" for name in names)
    if plan.options.line_items:  # of an order, whose amount may be in its first row only
        differs = " OR ".join(
            f"v.{name} IS NOT NULL AND v.{name} IS DISTINCT FROM f.{name}"
            for name in names
            if name != spec.extras
        )
    cursor.execute(
        f"CREATE TEMPORARY TABLE {REPEATED} AS "
        f"SELECT v.line, f.line AS first_line, {differs} AS differs FROM "
        f"(SELECT {key}, min(line) AS line FROM {CHECKED} GROUP BY {key} HAVING count(*) > 1) k "
        f"JOIN {CHECKED} v ON {joined} AND v.line > k.line JOIN {CHECKED} f ON f.line = k.line"
    )
    reason = quote(_("Line %s has the same key with different values."))
    cursor.execute(f"DELETE FROM {CHECKED} v USING {REPEATED} r WHERE v.line = r.line")
    cursor.execute(
        f"WITH gone AS (DELETE FROM {REPEATED} WHERE differs RETURNING line, first_line) "
        f"INSERT INTO {REJECTED} SELECT line, format({reason}, first_line) FROM gone"
    )


def settle_repeats(cursor: CursorWrapper) -> int:
    """A repeated row shares the fate its first had in the merge; returns how many are unchanged."""
    n_repeats = count(cursor, f"SELECT count(*) FROM {REPEATED}")
    cursor.execute(
        f"INSERT INTO {REJECTED} SELECT r.line, f.reason FROM {REPEATED} r "
        f"JOIN {REJECTED} f ON f.line = r.first_line"
    )
    return n_repeats - cursor.rowcount


def _too_long(name: str, plan: ImportPlan) -> str:
    cell = as_written(plan.cells[name], plan)
    return f"CASE WHEN length({cell}) > {MAX_EXTRA} THEN {too_long(name)} END"


def too_long(name: str) -> str:
    counts = {"column": name, "n": MAX_EXTRA}
    return quote(_("“%(column)s” is longer than %(n)d characters.") % counts)


def _source(field: Field, plan: ImportPlan) -> str:
    cell = plan.cells.get(plan.mapping[field.name], "")
    cells = [cell, *(plan.cells[column] for column in plan.also.get(field.name, ()))]
    if len(cells) == 1:
        return cell
    first = [f"CASE WHEN {field.counts_first.replace('{x}', x)} THEN {x} END" for x in cells]
    unreadable = [f"CASE WHEN {field.sql(x)} IS NULL THEN {x} END" for x in cells]
    return f"coalesce({', '.join([*first, *unreadable, *cells])})"


def cells_read(field: Field, plan: ImportPlan) -> list[str]:
    """SQL of the cells that a field is read from: two for a product."""
    column = plan.mapping[field.name]
    columns = [column] if column in plan.cells else factors(column)
    return [plan.cells[part] for part in (*columns, *plan.also.get(field.name, ()))]


def value_of(field: Field, plan: ImportPlan) -> str:
    """SQL of a field's value in the rows of `source_of`, NULL where the cell is none."""
    x = _source(field, plan)
    if field.is_moment and says_utc(plan.mapping[field.name]):
        x = in_utc(x)
    if field.max_length is not None and _is_cut(field, plan):
        x = cut(x, field.max_length)
    return field.sql(x)


def _is_cut(field: Field, plan: ImportPlan) -> bool:
    return field.max_length is not None and not field.rejects_row(strict=plan.options.strict)


def _is_unreadable(field: Field, plan: ImportPlan) -> str:
    """SQL of whether a row has something for a field, and it is no value."""
    cells = cells_read(field, plan)
    is_filled = " OR ".join(f"{cell} IS NOT NULL" for cell in cells)
    return f"({is_filled}) AND s.{field.name} IS NULL"


def _refusal(field: Field, plan: ImportPlan) -> str:
    """SQL of the sentence that refuses a row for one field, or NULL."""
    whens = f"WHEN {_is_unreadable(field, plan)} THEN {sentence_of(field, plan)}"
    if field.is_required:
        missing = quote(_("%s is missing.") % field.label)
        whens = f"WHEN {cells_read(field, plan)[0]} IS NULL THEN {missing} {whens}"
    return f"CASE {whens} END"


def sentence_of(field: Field, plan: ImportPlan) -> str:
    """SQL of what is wrong with a row's cell of a field."""
    cells = cells_read(field, plan)
    whys = [f"s.why_{cell_name(cell)}" for cell in cells if cell in plan.respelt]
    written = ", ".join(as_written(cell, plan) for cell in cells)
    sentence = quote(f"{field.label}: {field.refusal}".replace("%s", "%1$s"))
    plain = f"format({sentence}, left(concat_ws(' * ', {written}), 60))"
    return f"coalesce({', '.join([*whys, plain])})"


def _warning(field: Field, plan: ImportPlan) -> str:
    """SQL of a field's name where its cell is left out or cut, or NULL."""
    condition = _is_unreadable(field, plan)
    if _is_cut(field, plan):
        condition += f" OR length({_source(field, plan)}) > {field.max_length}"
    return f"CASE WHEN {condition} THEN {quote(field.name)} END"


def _extra_warning(name: str, plan: ImportPlan) -> str:
    """As a field's warning; an extra column has the name of its cell: c7."""
    cell = as_written(plan.cells[name], plan)
    condition = f"length({cell}) > {MAX_EXTRA} OR NOT {is_readable(cell)} OR {is_error(cell)}"
    return f"CASE WHEN {condition} THEN {quote(cell_name(plan.cells[name]))} END"


def cell_name(cell: str) -> str:
    return cell.removeprefix("s.")


def _extras(plan: ImportPlan) -> str:
    written = {name: as_written(plan.cells[name], plan) for name in plan.extras}
    pairs = [f"{quote(name)}, {_extra(cell, plan)}" for name, cell in written.items()]
    # A function takes at most 100 arguments.
    objects = [
        f"jsonb_build_object({', '.join(pairs[i : i + 45])})" for i in range(0, len(pairs), 45)
    ]
    return f"jsonb_strip_nulls({' || '.join(objects)})"


def _extra(cell: str, plan: ImportPlan) -> str:
    if plan.options.strict:
        return json_value(cell)
    value = json_value(f"left({cell}, {MAX_EXTRA})")
    return f"CASE WHEN {is_readable(cell)} AND NOT {is_error(cell)} THEN {value} END"

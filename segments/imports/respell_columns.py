"""Columns as people write them: each distinct spelling is read once, the column as a whole.

The database reads the plain spellings itself. What is left over of a column goes through its
reader, first to find out what the column says as a whole, then to be spelt plainly. Both times it
comes in portions: memory is bounded, whatever the number of spellings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.imports.fields import UNREADABLE, Field, Respelling
from segments.imports.spec import ImportPlan, ImportSpec
from segments.imports.staging import STAGED, cells_read, count, respelt_table
from segments.imports.values.column import Reader, Unclear

PORTION = 50_000
N_SAMPLES = 3
ODD = "import_odd"  # temporary: distinct cells that the database does not read, and how many


@dataclass(frozen=True)
class ColumnRead:
    """How a column was understood, or what it leaves open."""

    column: str
    option: str  # the import's option that answers the question
    understanding: str  # in a sentence; empty where there was no choice
    question: str  # in a sentence; empty where the column leaves nothing open
    samples: tuple[tuple[str, str], ...]  # cells, and what they are read as


class OpenQuestions(ImportRefused):
    """What a file leaves open, and only a person can say."""

    def __init__(self, columns: list[ColumnRead]) -> None:
        super().__init__(" ".join(column.question for column in columns))
        self.columns = columns


def refuse_open_questions(columns: list[ColumnRead]) -> None:
    """Raises OpenQuestions where a column can be read in two ways."""
    if asking := [column for column in columns if column.question]:
        raise OpenQuestions(asking)


def respell_columns(
    cursor: CursorWrapper, spec: ImportSpec, plan: ImportPlan
) -> tuple[ImportPlan, list[ColumnRead]]:
    """Make the tables of other spellings; returns the plan that uses them, and what was found."""
    columns, respelt = [], set()
    names = {cell: name for name, cell in plan.cells.items()}
    for field in spec.fields(plan):
        if field.name not in plan.used or field.respelling is None:
            continue
        for cell in cells_read(field, plan):
            column_read = _respell(cursor, field, field.respelling, cell, names[cell])
            if column_read:
                respelt.add(cell)
                columns.append(column_read)
    return replace(plan, respelt=frozenset(respelt)), columns


def _respell(
    cursor: CursorWrapper, field: Field, respelling: Respelling, cell: str, column: str
) -> ColumnRead | None:
    """None where the database reads all cells of the column."""
    cursor.execute(f"DROP TABLE IF EXISTS {ODD}, {respelt_table(cell)}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {ODD} AS SELECT {cell} AS cell, count(*) AS n FROM {STAGED} s "
        f"WHERE s.problem IS NULL AND {cell} IS NOT NULL "
        f"AND ({respelling.is_odd.replace('{x}', cell)}) GROUP BY {cell}"
    )
    reader = respelling.reader()
    n_spellings = 0
    for portion in _odd_cells():
        n_spellings += len(portion)
        reader.look([cell for cell, _n in portion], [n for _cell, n in portion])
    if not n_spellings:
        return None
    if reader.wants_plain():
        plain = respelling.plain.replace("{x}", cell)
        reader.look_at_plain(
            count(cursor, f"SELECT count(*) FROM {STAGED} s WHERE s.problem IS NULL AND ({plain})")
        )
    samples = _spell(cursor, field, reader, respelt_table(cell))
    return ColumnRead(
        column,
        respelling.option,
        understood(reader.understanding()),
        asked(reader.question(), column),
        samples,
    )


def _spell(
    cursor: CursorWrapper, field: Field, reader: Reader, table: str
) -> tuple[tuple[str, str], ...]:
    cursor.execute(f"CREATE TEMPORARY TABLE {table} (cell text, respelt text, reason text)")
    samples: list[tuple[str, str]] = []
    for portion in _odd_cells():
        cells = [cell for cell, _n in portion]
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for cell, spelling in zip(cells, reader.spell(cells), strict=True):
                if isinstance(spelling, str):
                    copy.write_row((cell, spelling or None, None))
                    if len(samples) < N_SAMPLES:
                        samples.append((cell[:60], spelling))
                else:
                    copy.write_row((cell, UNREADABLE, _reason(field, cell, spelling)))
                    if isinstance(spelling, Unclear) and len(samples) < N_SAMPLES:
                        samples.append((cell[:60], "?"))
    cursor.execute(f"ANALYZE {table}")
    return tuple(samples)


def _odd_cells() -> Iterator[list[tuple[str, int]]]:
    with connection.chunked_cursor() as reader:
        reader.execute(f"SELECT cell, n FROM {ODD}")
        while portion := reader.fetchmany(PORTION):
            yield portion


def _reason(field: Field, cell: str, why: Unclear | None) -> str | None:
    if why is None:
        return None  # the field's own sentence
    return f"{field.label}: {unclear(why) % (why.values | {'cell': cell[:60]})}"


def unclear(why: Unclear) -> str:
    """The sentence of a reader's code."""
    return {
        "order": _("“%(cell)s” could be two dates. Choose the order of day and month."),
        "order_differs": _("“%(cell)s” contradicts the column's order of day and month."),
        "mark": _("“%(cell)s” could be thousands or decimals. Choose the decimal mark."),
        "mark_differs": _("“%(cell)s” contradicts the column's decimal mark."),
        "debit": _(
            "“%(cell)s”: it is not clear whether CR and DR add or subtract. Use a minus sign."
        ),
        "currency": _("The currency of “%(cell)s” is not clear. Use a code such as USD."),
    }[why.code]


def understood(code: str) -> str:
    return {
        "": "",
        "dmy": _("day first: 31/12/2026"),
        "mdy": _("month first: 12/31/2026"),
        "point": _("decimal point: 1,234.50"),
        "comma": _("decimal comma: 1.234,50"),
    }[code]


def asked(code: str, column: str) -> str:
    if not code:
        return ""
    return {
        "dates": _(
            "Column “%s”: it is not clear which number is the day and which the month. "
            "Choose a date format (--dates dmy or --dates mdy)."
        ),
        "decimal": _(
            "Column “%s”: it is not clear whether numbers such as 1.234 have thousands or "
            "decimals. Choose the decimal mark (--decimal . or --decimal ,)."
        ),
    }[code] % column

"""What a user is shown of a file before anything is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from segments.errors import ImportRefused
from segments.imports.cell_warnings import gather_warned, warned_rows
from segments.imports.file_format import EncodingNotClear, FileFormat, detect_format
from segments.imports.make_plan import make_plan, require_columns
from segments.imports.read_workbook import sheet_names
from segments.imports.respell_columns import ColumnRead, respell_columns
from segments.imports.spec import ImportOptions, ImportPlan, ImportSpec, spec_of
from segments.imports.staging import (
    REJECTED,
    STAGED,
    check,
    leave_rows_out,
    stage,
    staging_session,
)
from segments.imports.suggest_settings import SuggestedSettings, suggest_settings

N_LOOKED_AT = 20_000  # rows by which columns are understood


@dataclass(frozen=True)
class PreviewRow:
    line: int
    cells: tuple[str, ...]
    problem: str  # empty: the row is fine as far as can be said without the stored data
    warning: str = ""  # cells that would be left out


@dataclass(frozen=True)
class Preview:
    """What a user is shown before an import: nothing has been stored yet."""

    format: FileFormat
    columns: tuple[str, ...]
    mapping: dict[str, str]  # our field → column: what was given, completed by suggestions
    extras: tuple[str, ...]  # columns that become attributes or properties
    fields: tuple[tuple[str, str, bool], ...]  # our fields: name, label, required
    rows: tuple[PreviewRow, ...]
    problem: str  # why the import could not start with this mapping; empty: it could
    read: tuple[ColumnRead, ...] = ()  # how columns with other spellings are understood
    n_left_out: int = 0  # of the first rows, those that are not wanted
    # Those with which the rows were read.
    options: ImportOptions = field(default_factory=ImportOptions)
    settings: SuggestedSettings = field(
        default_factory=SuggestedSettings
    )  # what is known of such files
    sheets: tuple[str, ...] = ()  # of a workbook


def preview_file(
    path: Path | str,
    kind: str,
    mapping: Mapping[str, str] | None = None,
    *,
    at: datetime,
    options: ImportOptions | None = None,
    encoding: str = "",
    sheet: str = "",
    header_line: int = 0,
    n_rows: int = 20,
    as_is: bool = False,
) -> Preview:
    """The file's format, a mapping and its first rows, checked. Raises ImportRefused.

    Without a mapping and options they are suggested, also from earlier imports and from what is
    known of the exports of other systems, unless it is to be read `as_is`.
    """
    spec = spec_of(kind)
    unclear: tuple[ColumnRead, ...] = ()
    try:
        file_format = detect_format(path, encoding=encoding, sheet=sheet, header_line=header_line)
    except EncodingNotClear as refusal:
        file_format = detect_format(path, encoding=refusal.names[0], header_line=header_line)
        unclear = (ColumnRead("", "encoding", "", str(refusal), ()),)
    is_first = mapping is None and options is None
    settings = suggest_settings(kind, file_format.columns, as_is=as_is)
    if is_first:
        mapping, options = settings.mapping, settings.import_options()
    plan = make_plan(
        spec,
        file_format,
        mapping,
        options or ImportOptions(),
        at=at,
        suggest_for=settings.suggest_for if is_first else None,
    )
    problem = ""
    rows: tuple[PreviewRow, ...] = ()
    read: tuple[ColumnRead, ...] = ()
    n_left_out = 0
    try:
        require_columns(spec, plan, file_format)
    except ImportRefused as refusal:
        problem = str(refusal)
    else:
        rows, read, n_left_out = _first_rows(Path(path), file_format, spec, plan, n_rows)
    fields = tuple((f.name, str(f.label), f.is_required) for f in spec.fields(plan))
    return Preview(
        file_format,
        file_format.columns,
        dict(plan.mapping),
        plan.extras,
        fields,
        rows,
        problem,
        unclear + read,
        n_left_out,
        plan.options,
        settings,
        sheet_names(Path(path)) if file_format.sheet else (),
    )


def _first_rows(
    path: Path, file_format: FileFormat, spec: ImportSpec, plan: ImportPlan, n_rows: int
) -> tuple[tuple[PreviewRow, ...], tuple[ColumnRead, ...], int]:
    """The first rows, how their columns are understood by many more of them, and how many of
    these are left out."""
    with staging_session(plan) as cursor:
        stage(
            cursor, path, file_format, strict=plan.options.strict, max_rows=max(n_rows, N_LOOKED_AT)
        )
        n_left_out = leave_rows_out(cursor, plan)
        plan, read = respell_columns(cursor, spec, plan)
        cursor.execute(
            f"DELETE FROM {STAGED} WHERE line NOT IN "
            f"(SELECT line FROM {STAGED} ORDER BY line LIMIT %s)",
            [n_rows],
        )
        check(cursor, spec, plan)
        gather_warned(cursor)
        cells = ", ".join(cell for cell in plan.cells.values())
        cursor.execute(
            f"SELECT s.line, coalesce(r.reason, ''), coalesce(w.reason, ''), {cells} "
            f"FROM {STAGED} s LEFT JOIN {REJECTED} r USING (line) "
            f"LEFT JOIN ({warned_rows(spec, plan)}) w USING (line) ORDER BY s.line"
        )
        rows = tuple(
            PreviewRow(line, tuple(cell or "" for cell in row), problem, warning)
            for line, problem, warning, *row in cursor.fetchall()
        )
        return rows, tuple(read), n_left_out

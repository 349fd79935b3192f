"""The rows that were refused, as a file to correct and send again."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from django.db.backends.utils import CursorWrapper

from optiengine.lib.csv_cell import safe_cell
from segments.imports.file_format import BAD_BYTES, FileFormat
from segments.imports.staging import REJECTED, STAGED


def write_rejected(cursor: CursorWrapper, path: Path, file_format: FileFormat) -> int:
    """Write all rejected rows with line and reason first, in the file's order; returns how many.
    None, no file.

    UTF-8 with a byte order mark, which spreadsheets need to see that it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    cells = ", ".join(f"s.c{number}" for number in range(len(file_format.columns)))
    query = (
        f"COPY (SELECT r.line, r.reason, s.problem IS NOT NULL, {cells} "
        f"FROM {REJECTED} r JOIN {STAGED} s USING (line) ORDER BY r.line) TO STDOUT"
    )
    n_rows = 0
    with unfinished.open("w", encoding="utf-8-sig", newline="") as file, cursor.copy(query) as copy:
        writer = csv.writer(file)
        writer.writerow(["rejected_line", "rejected_reason", *map(safe_cell, file_format.columns)])
        for line, reason, is_raw, *row in copy.rows():
            original: Iterable[str] = json.loads(row[0]) if is_raw == "t" else row
            writer.writerow([line, safe_cell(reason), *(safe_cell(_shown(c)) for c in original)])
            n_rows += 1
    if n_rows:
        unfinished.replace(path)
    else:
        unfinished.unlink()
    return n_rows


def _shown(cell: str | None) -> str:
    return (cell or "").replace(BAD_BYTES, "�")

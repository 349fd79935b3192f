"""Rows that were refused or lost a cell, as a file to correct and send again."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from optiengine.lib.safe_text import safe_cell
from segments.imports.file_format import BAD_BYTES, FileFormat
from segments.imports.staging import KEPT, REJECTED, STAGED

PORTION = 5_000  # rows that are in memory at a time
# The row was rejected; or imported without some cells; or its consents stayed withdrawn.
ERROR, WARNING, WITHDRAWN = "error", "warning", "kept withdrawn"


def write_rejected(path: Path, file_format: FileFormat, warned_rows: str) -> dict[str, int]:
    """Write all rejected rows, those with warnings and those whose consents were kept withdrawn,
    in the file's order, with line, level and reason first; returns how many by level. None, no
    file.

    warned_rows : SQL of the lines with warnings, and their sentences.

    UTF-8 with a byte order mark, which spreadsheets need to see that it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    cells = ", ".join(f"s.c{number}" for number in range(len(file_format.columns)))
    query = (
        f"SELECT r.line, r.level, r.reason, s.problem IS NOT NULL, {cells} "
        f"FROM (SELECT line, '{ERROR}' AS level, reason FROM {REJECTED} "
        f"UNION ALL SELECT line, '{WARNING}', reason FROM ({warned_rows}) w "
        f"UNION ALL SELECT line, '{WITHDRAWN}', string_agg(reason, ' ') FROM {KEPT} "
        "GROUP BY line) r "
        f"JOIN {STAGED} s USING (line) ORDER BY r.line"
    )
    n_rows = {ERROR: 0, WARNING: 0, WITHDRAWN: 0}
    with unfinished.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        head = ["rejected_line", "rejected_level", "rejected_reason"]
        writer.writerow([*head, *map(safe_cell, file_format.columns)])
        for line, level, reason, is_raw, *row in _portions(query):
            original: Iterable[str] = json.loads(row[0]) if is_raw else row
            cells_shown = (safe_cell(_shown(cell)) for cell in original)
            writer.writerow([line, level, safe_cell(reason), *cells_shown])
            n_rows[level or ERROR] += 1
    if any(n_rows.values()):
        unfinished.replace(path)
    else:
        unfinished.unlink()
    return n_rows


def _portions(query: str) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(PORTION):
            yield from rows


def _shown(cell: str | None) -> str:
    if cell and BAD_BYTES in cell:
        return cell.replace(BAD_BYTES, "�")
    return cell or ""

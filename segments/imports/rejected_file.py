"""Rows that were refused or lost a cell, as a file to correct and send again."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from optiengine.lib.safe_text import safe_cell
from segments.imports.file_format import BAD_BYTES, FileFormat
from segments.imports.staging import KEPT, REJECTED, STAGED, WARNED

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
    columns = ", ".join(f"s.c{number}" for number in range(len(file_format.columns)))
    columns = f"r.line, r.level, r.reason, s.problem IS NOT NULL, {columns}"
    query = (
        f"SELECT {columns} FROM (SELECT line, '{ERROR}' AS level, reason FROM {REJECTED} "
        f"UNION ALL SELECT line, '{WITHDRAWN}', string_agg(reason, ' ') FROM {KEPT} "
        f"GROUP BY line) r JOIN {STAGED} s USING (line) UNION ALL "
        f"SELECT {columns} FROM (SELECT w.line, '{WARNING}' AS level, w.reason "
        f"FROM ({warned_rows}) w) r JOIN {WARNED} s USING (line) ORDER BY 1"
    )
    n_rows = {ERROR: 0, WARNING: 0, WITHDRAWN: 0}
    with unfinished.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        head = ["rejected_line", "rejected_level", "rejected_reason"]
        writer.writerow([*head, *map(safe_cell, file_format.columns)])
        for line, level, reason, is_raw, *row in _portions(query):
            original: Iterable[str] = json.loads(row[0]) if is_raw else row
            cells = (safe_cell(_shown(cell)) for cell in original)
            writer.writerow([line, level, safe_cell(reason), *cells])
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
    return (cell or "").replace(BAD_BYTES, "�")

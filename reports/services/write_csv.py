"""Figures as a CSV file that is safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from optiengine.lib.safe_text import safe_cell


def write_csv(rows: Iterable[Mapping[str, Any]], file: TextIO) -> None:
    """One line per row; the columns are all names that occur, in order of appearance.

    Numbers stay numbers. Text that a spreadsheet would take for a formula, such as a campaign
    named "=1+1", starts with an apostrophe (OWASP, CSV injection). Unknown is an empty cell.
    """
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def _cell(value: Any) -> Any:
    return safe_cell(value) if isinstance(value, str) else value

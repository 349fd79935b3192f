"""A sheet of a workbook as the lines of a CSV file: what follows needs to know of one format only.

Each row of the sheet is one line, so line numbers are the sheet's row numbers. Cells are written as
a reader of the sheet means them: a date as ISO 8601, a whole number without decimals, an id with
all the digits that the workbook holds. Rows are read one by one; only the texts that the workbook
shares among its cells are in memory as a whole.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook import Workbook

from segments.errors import ImportRefused
from segments.imports.values.currencies import currency_code

CONTENTS = "xl/workbook.xml"  # what an Excel workbook has, and other archives have not
SHARED = "sharedStrings.xml"
CHUNK_CHARACTERS = 1 << 17
MAX_UNPACKED = 16 << 30
MAX_SHARED = 128 << 20  # bytes of the texts that cells share; in memory they take four times that
MAX_WIDTH = 1_000  # cells of a row that are looked at: more than an import takes
MAX_RATIO = 200  # unpacked to packed; sheets reach 10 to 30
RATIO_COUNTS_FROM = 16 << 20
THREE_DECIMALS = re.compile(r"\.\d{3}$")
ONLY_ZEROS = re.compile(r"^0+$")  # a number format for codes with leading zeros
# In brackets with a locale, in quotes, or by itself.
SIGN_SHOWN = re.compile(r'\[\$([^\]-]*)(?:-[^\]]*)?\]|"([^"]+)"|\\?([$€£¥₹])')
LOOKED_AT_BYTES = 4 << 20  # of a sheet, for formulas
# Text that is empty is a result: its cell has the type str.
UNSAVED_FORMULA = re.compile(
    rb"<c (?![^>]*\bt=\"str\")[^>]*?\br=\"([A-Z]+[0-9]+)\"[^>]*>\s*"
    rb"<f\b[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>"
)
TIME_OF_DAY = re.compile(r"[hs]|AM/PM", re.IGNORECASE)  # in a number format: more than a date


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook by its content, whatever its name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return CONTENTS in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def sheet_names(path: Path) -> tuple[str, ...]:
    """The sheets that a reader of the workbook sees, in its order. Raises ImportRefused."""
    with _opened(path) as workbook:
        sheets = workbook.worksheets
        visible = tuple(s.title for s in sheets if s.sheet_state == "visible")
        return visible or tuple(s.title for s in sheets)


def first_sheet(path: Path) -> str:
    """The first sheet with a table: a cover has one column. Else the first with a cell."""
    names = sheet_names(path)
    with_cells = [(name, head) for name in names if (head := next(csv_chunks(path, name), b""))]
    tables = (name for name, head in with_cells if _is_table(head.decode()))
    return next(tables, with_cells[0][0] if with_cells else names[0])


def _is_table(text: str) -> bool:
    return any(len(row) > 1 for row in csv.reader(text.splitlines()))


def counts_from_1904(path: Path) -> bool:
    """Whether the workbook counts days from 1904. Raises ImportRefused."""
    with _opened(path) as workbook:
        return workbook.epoch == CALENDAR_MAC_1904


def refuse_unsaved_formulas(path: Path, sheet: str) -> None:
    """Raises ImportRefused where formulas have no stored result: they would read as empty cells.

    Programs that write workbooks leave the results to Excel, which stores them when it saves. The
    beginning of the sheet says it: such a program stores none at all.
    """
    with _opened(path) as workbook, zipfile.ZipFile(path) as archive:
        worksheet: Any = workbook[sheet] if sheet in workbook.sheetnames else None
        if worksheet is None:
            return
        with archive.open(worksheet._worksheet_path) as file:
            cell = UNSAVED_FORMULA.search(file.read(LOOKED_AT_BYTES))
    if cell:
        raise ImportRefused(
            _("The formula in cell %s has no stored result. Save the workbook in Excel first.")
            % cell[1].decode()
        )


def csv_chunks(
    path: Path,
    sheet: str,
    on_share: Callable[[float], None] = lambda share: None,
    *,
    home: str = "",
) -> Iterator[bytes]:
    """The sheet as CSV with commas in UTF-8, some rows at a time. Raises ImportRefused.

    home : the organisation's currency, which amounts are in that are shown in no other one.

    on_share : is told how much of the sheet has been read, from 0 to 1, as far as it says how long
    it is.
    """
    with _opened(path) as workbook:
        if sheet not in workbook.sheetnames:
            raise ImportRefused(
                _("The workbook has no sheet “%(sheet)s”. Its sheets: %(sheets)s.")
                % {"sheet": sheet, "sheets": ", ".join(workbook.sheetnames)}
            )
        worksheet: Any = workbook[sheet]
        n_rows = worksheet.max_row or 0
        worksheet.reset_dimensions()  # some programs write a range that is too small
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        n_blank = 0  # rows at the end of a sheet are often blank: they are written once it goes on
        try:
            for number, row in enumerate(worksheet.iter_rows(max_col=MAX_WIDTH), start=1):
                cells = [_written(cell, home) for cell in row]
                while cells and not cells[-1]:
                    cells.pop()
                if not cells:
                    n_blank += 1
                    continue
                buffer.write("\n" * n_blank)
                n_blank = 0
                writer.writerow(cells)
                if buffer.tell() >= CHUNK_CHARACTERS:
                    yield buffer.getvalue().encode()
                    buffer.seek(0)
                    buffer.truncate()
                    on_share(min(number / n_rows, 1.0) if n_rows else 0.0)
        except (
            OSError,
            ValueError,
            KeyError,
            IndexError,
            SyntaxError,
            zipfile.BadZipFile,
        ) as fault:
            raise ImportRefused(_damaged(fault)) from None
        if text := buffer.getvalue():
            yield text.encode()


@contextmanager
def _opened(path: Path) -> Iterator[Workbook]:
    with path.open("rb") as file, closing(_workbook(path, file)) as workbook:
        yield workbook


def _workbook(path: Path, file: BinaryIO) -> Workbook:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        sizes = [(entry.file_size, entry.compress_size) for entry in entries]
        shared = sum(entry.file_size for entry in entries if entry.filename.endswith(SHARED))
        if shared > MAX_SHARED:
            raise ImportRefused(
                _("The workbook holds too much text to be read. Save the sheet as CSV.")
            )
        unpacked, packed = (sum(column) for column in zip(*sizes, strict=True))
        is_bomb = unpacked > RATIO_COUNTS_FROM and unpacked > MAX_RATIO * packed
        if unpacked > MAX_UNPACKED or is_bomb:
            raise ImportRefused(
                _("The workbook expands to far more data than a sheet would. Reading was stopped.")
            )
        return load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, zipfile.BadZipFile) as fault:
        raise ImportRefused(_damaged(fault)) from None


def _damaged(fault: Exception) -> str:
    return _("The workbook is damaged or incomplete: %s. Save it again.") % fault


def _written(cell: Any, home: str) -> str:
    """A cell as text in one line; an amount that is shown in another currency than home with it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.splitlines())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        has_time = value.time() != time.min or TIME_OF_DAY.search(cell.number_format or "")
        return value.isoformat(" ", "seconds") if has_time else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float):
        number_format = cell.number_format or ""
        currency = _shown_currency(number_format, home)
        number = _number(value, number_format)
        return f"{number} {currency}" if currency else number
    return str(value)


@lru_cache(maxsize=1024)
def _shown_currency(number_format: str, home: str) -> str:
    """The code of the currency that a number format shows: [$€-407] #,##0.00, "$"#,##0.00.

    Nothing where it shows none, the organisation's own or one that is not clear.
    """
    signs = [sign for pair in SIGN_SHOWN.findall(number_format) for sign in pair if sign]
    codes = [currency_code(sign, home) for sign in signs if sign.strip()]
    code = next(filter(None, codes), "")
    return code if isinstance(code, str) and code != home else ""


def _number(value: float, number_format: str) -> str:
    if value == int(value) and abs(value) < 1e21:
        text = str(int(value))
        return text.zfill(len(number_format)) if ONLY_ZEROS.match(number_format) else text
    text = format(value, ".15g") if 1e-6 < abs(value) < 1e15 else repr(value)
    # A number of a workbook has no thousands marks: four decimals say so of three.
    return f"{text}0" if THREE_DECIMALS.search(text) else text

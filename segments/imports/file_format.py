"""How a file is written: encoding, delimiter, quotes and header, found out from its beginning."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from charset_normalizer import from_bytes
from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.imports.east_asian import east_asian
from segments.imports.open_file import OpenFile
from segments.imports.read_workbook import counts_from_1904, refuse_unsaved_formulas
from segments.imports.values.likely_letters import alike, better_encoding, is_latin

SAMPLE_BYTES = 8 << 20  # looked at for the encoding
MAX_COLUMNS = 400  # what a row of a PostgreSQL table holds, whatever the cells' lengths
DELIMITERS = ",;\t|"
MAX_TITLE_LINES = 20  # above a header
NO_HEADING = re.compile(r"@|:$|^[+-]?[\d.,]+$|^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
SINGLE_BYTE = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859_2", "mac_roman"]
BOMS = [  # longest first: UTF-32 begins like UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
# HTML and XML (also under the name of .xls), PDF, RTF and JSON.
OTHER_DOCUMENT = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*(?:<(?:!doctype|!--|html|\?xml|table|head|body|meta|workbook)|%PDF-"
    rb"|\{\\rtf|\{\s*\"|\[\s*[\[{])",
    re.IGNORECASE,
)
BAD_BYTES = "\udcff"  # replaces bytes in decoded text that were not of the encoding


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD_BYTES, error.end


codecs.register_error("mark_bad_bytes", _mark_bad_bytes)


@dataclass(frozen=True)
class FileFormat:
    """What has to be known to read a file's rows, and what a user is shown of it."""

    encoding: str
    delimiter: str
    quote: str
    n_head_lines: int  # lines up to and with the header
    columns: tuple[str, ...]
    is_gzip: bool = False
    sheet: str = ""  # of a workbook: the one that is read
    title: str = ""  # the first of the lines above the header
    is_1904: bool = False  # a workbook whose days are counted from 1904

    def dialect(self) -> dict:
        """What ImportJob.dialect stores: everything but the encoding."""
        stored = asdict(self)
        del stored["encoding"]
        return stored | {"columns": list(self.columns)}

    @classmethod
    def from_job(cls, encoding: str, dialect: dict) -> "FileFormat":
        names = ("delimiter", "quote", "n_head_lines", "is_gzip")
        return cls(
            encoding=encoding,
            columns=tuple(dialect["columns"]),
            sheet=dialect.get("sheet", ""),
            title=dialect.get("title", ""),
            is_1904=dialect.get("is_1904", False),
            **{name: dialect[name] for name in names},
        )


class EncodingNotClear(ImportRefused):
    """The file is text in several encodings, and only a person can say which is right."""

    def __init__(self, names: list[str], telling: bytes) -> None:
        line = telling.strip().splitlines()[-1]
        shown = [f"{name} ({line.decode(name, 'replace')[:40]})" for name in names]
        super().__init__(
            _("The encoding is not clear. Choose the one that reads well (--encoding): %s.")
            % "; ".join(shown)
        )
        self.names = names


def detect_format(
    path: Path | str, *, encoding: str = "", sheet: str = "", header_line: int = 0
) -> FileFormat:
    """The format of a CSV file, plain or gzip, or of a sheet of a workbook.

    What is said is taken at its word: encoding, sheet, and the number of the header's line, from 1.
    Raises ImportRefused with what is wrong with the file as a whole.
    """
    with OpenFile(Path(path), sheet=sheet) as file:
        sample, is_whole = b"", True
        for chunk in file.chunks():
            sample += chunk
            if len(sample) >= (1 << 20 if file.is_workbook else SAMPLE_BYTES):
                is_whole = False
                break
        is_gzip, is_workbook, sheet = file.is_gzip, file.is_workbook, file.sheet
    if sheet and not is_workbook:
        raise ImportRefused(_("The file is not a workbook, so it has no sheets."))
    if not sample.strip():
        raise ImportRefused(_("The file is empty."))
    if is_workbook:
        encoding = "utf-8"
        refuse_unsaved_formulas(Path(path), sheet)
    elif OTHER_DOCUMENT.match(sample[:1024]):
        raise ImportRefused(
            _("This is a web page, PDF or other document, not a table. Save it as CSV or .xlsx.")
        )
    encoding = _known_encoding(encoding) if encoding else detect_encoding(sample)
    text = codecs.getincrementaldecoder(encoding)("mark_bad_bytes").decode(sample[: 1 << 20])
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > 1 and not (is_whole and len(sample) <= 1 << 20):
        lines.pop()  # cut off in the middle
    n_before = next((i for i, line in enumerate(lines) if line.strip()), 0)
    delimiter = "," if is_workbook else ""
    hint = re.fullmatch(r"sep=(.)", lines[n_before].strip(" "))  # written for Excel
    if hint and not is_workbook:
        delimiter, n_before = hint[1], n_before + 1
    if n_before >= len(lines):
        raise ImportRefused(_("The file is empty."))
    if header_line > len(lines):
        raise ImportRefused(_("The file has no line %d.") % header_line)
    quote = "'" if re.match(r"'[^']*'[,;\t|]'", lines[n_before]) else '"'
    n_title = n_before
    if header_line:
        n_before = header_line - 1
    delimiter = delimiter or detect_delimiter(lines[n_before : n_before + 200], quote)
    if not header_line:
        n_before += n_title_lines(
            lines[n_before : n_before + 2 * MAX_TITLE_LINES], delimiter, quote
        )
    header, n_lines = _read_header(lines[n_before:], delimiter, quote)
    return FileFormat(
        encoding,
        delimiter,
        quote,
        n_before + n_lines,
        _columns(header),
        is_gzip,
        sheet,
        lines[n_title].strip(f"{delimiter}{quote} ") if n_title < n_before else "",
        is_workbook and counts_from_1904(Path(path)),
    )


def detect_encoding(sample: bytes) -> str:
    """A byte order mark; else UTF-8 where it fits; else what the bytes look like most.

    A few stray bytes do not make a UTF-8 file something else: they cost their cells. Raises
    EncodingNotClear where several are as likely.
    """
    for mark, encoding in BOMS:
        if sample.startswith(mark):
            return encoding
    n_zeros = sample.count(0)
    if n_zeros > len(sample) // 5:  # Latin text in UTF-16 has a zero in every second byte
        return "utf-16-le" if sample[1::2].count(0) > n_zeros // 2 else "utf-16-be"
    text = codecs.getincrementaldecoder("utf-8")("mark_bad_bytes").decode(sample)
    n_bad = text.count(BAD_BYTES)
    if n_bad == 0 or len(re.findall(r"[^\x00-\x7f]", text)) > 5 * n_bad:
        return "utf-8"
    if encoding := _utf_16(sample):
        return encoding
    lines = sample[: 1 << 20].splitlines()
    if len(sample) > 1 << 20:
        lines.pop()  # cut off in the middle
    telling = _first_bytes([line for line in lines if not line.isascii()], 64 << 10)
    telling = telling or sample[-(64 << 10) :]
    names = [] if is_latin(telling) else east_asian(telling)
    if len(names) > 1:
        raise EncodingNotClear(names, telling)
    if names:
        return names[0]
    encoding = better_encoding(telling, _single_byte(telling))
    if names := alike(telling, encoding):
        raise EncodingNotClear(names, telling)
    return encoding


def _utf_16(sample: bytes) -> str:
    """UTF-16 without a mark, of text with few Latin letters; empty where it is none.

    Its line ends have a zero byte each, all of them in the same half of a character.
    """
    halves = [sample[0::2].count(0), sample[1::2].count(0)]
    if min(halves) or max(halves) < 2:
        return ""
    encoding = "utf-16-le" if halves[1] else "utf-16-be"
    try:
        text = sample[: len(sample) // 2 * 2].decode(encoding)
    except UnicodeDecodeError:
        return ""
    return encoding if "\n" in text or "\r" in text else ""


def _first_bytes(lines: list[bytes], n_bytes: int) -> bytes:
    """Whole lines, as many as fit; a character of two bytes is not cut in half."""
    n_lines = next(
        (n for n, size in enumerate(accumulate(map(len, lines)), start=1) if size > n_bytes),
        len(lines),
    )
    return b"\n".join(lines[:n_lines])


def _single_byte(telling: bytes) -> str:
    """Short names rarely distinguish Western from Central Europe: in doubt it is the commoner.

    The encoding is shown in the preview, and can be given instead.
    """
    matches = from_bytes(telling, cp_isolation=SINGLE_BYTE)
    best = matches.best()
    if best is None or "cp1252" in best.could_be_from_charset:
        return "cp1252"
    for match in matches:
        as_good = match.chaos <= best.chaos and match.coherence >= best.coherence
        if match.encoding == "cp1252" and as_good:
            return "cp1252"
    return codecs.lookup(best.encoding).name


def n_title_lines(lines: list[str], delimiter: str, quote: str) -> int:
    """How many lines stand above the header, such as the name of a report and its period.

    A title has one cell; or two, if the first ends with a colon or a blank line follows. The header
    has at least two, all of them words, and most lines after it have about as many cells. Where
    nothing is like that, the first line is the header.
    """
    rows = [_cells(line, delimiter, quote) for line in lines]
    filled = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    for n, cells in enumerate(filled[:MAX_TITLE_LINES]):
        if _is_header(rows, filled, n) and (len(cells) > 2 or all(len(a) < 2 for a in filled[:n])):
            return _wider_below_gap(rows, filled, n)
        is_title = len(cells) < 2 or (len(cells) == 2 and _is_labelled(filled, n))
        if not is_title:
            return 0
    return 0


def _is_header(rows: list[list[str]], filled: list[list[str]], n: int) -> bool:
    cells = filled[n]
    after = [row for row in rows[n + 1 : n + 1 + MAX_TITLE_LINES] if any(row)]
    n_alike = sum(len(row) >= max(2, len(cells) / 2) for row in after)
    return len(cells) > 1 and _are_words(cells) and n_alike > 0.7 * len(after) > 0


def _wider_below_gap(rows: list[list[str]], filled: list[list[str]], n: int) -> int:
    """A wider header below a blank line: what stands above it is a title with several cells."""
    for m in range(n + 2, min(len(filled), MAX_TITLE_LINES)):
        is_wider = len(filled[m]) > len(filled[n])
        if is_wider and not all(filled[n + 1 : m]) and _is_header(rows, filled, m):
            return m
    return n


def _cells(line: str, delimiter: str, quote: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:  # a cell that is too long
        return []


def _are_words(cells: list[str]) -> bool:
    """Whether cells may be headings: each once, and none a number, a date or an address."""
    return len(set(cells)) == len(cells) and not any(NO_HEADING.search(cell) for cell in cells)


def _is_labelled(filled: list[list[str]], n: int) -> bool:
    return filled[n][0].endswith(":") or (n + 1 < len(filled) and not filled[n + 1])


def detect_delimiter(lines: list[str], quote: str) -> str:
    """The delimiter that cuts most lines into as many cells as the header, at least two.

    Where there is none, lines above the header may be in its way: they are passed over.
    """
    for n in range(min(len(lines), MAX_TITLE_LINES)):
        best, share = _best_delimiter(lines[n:], quote)
        if share >= 0.5:
            return best
    best, share = _best_delimiter(lines, quote)
    return best if share else ","


def _best_delimiter(lines: list[str], quote: str) -> tuple[str, float]:
    """The delimiter that fits best if the first line is the header, and the share of lines."""

    def score(delimiter: str) -> tuple[float, int]:
        reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, quotechar=quote)
        try:
            widths = [len(row) for row in reader if row]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    best = max(DELIMITERS, key=score)
    return best, score(best)[0] if score(best)[1] else 0.0


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ImportRefused(_("“%s” is not a valid encoding.") % name) from None


def _read_header(lines: list[str], delimiter: str, quote: str) -> tuple[list[str], int]:
    reader = csv.reader(
        (f"{line}\n" for line in lines),
        delimiter=delimiter,
        quotechar=quote,
        skipinitialspace=True,
        strict=True,
    )
    try:
        return next(reader), reader.line_num
    except (csv.Error, StopIteration):
        raise ImportRefused(_("The header line cannot be read. Check its quotes.")) from None


def _columns(header: list[str]) -> tuple[str, ...]:
    columns = [
        name.strip() or _("column %d") % number for number, name in enumerate(header, start=1)
    ]
    if len(columns) > MAX_COLUMNS:
        raise ImportRefused(
            _("The file has %(n)d columns. At most %(most)d are supported.")
            % {"n": len(columns), "most": MAX_COLUMNS}
        )
    if any(BAD_BYTES in name or "\0" in name for name in columns):
        raise ImportRefused(_("The header line is not readable text. Check the encoding."))
    return tuple(_each_once(columns))


def _each_once(columns: list[str]) -> Iterator[str]:
    """Of columns with one name the later ones are numbered: Tags, Tags (2)."""
    taken, times = set(columns), Counter[str]()
    for name in columns:
        times[name] += 1
        unique = name
        while times[name] > 1 and unique in taken:
            unique = f"{name} ({times[name]})"
            times[name] += unique in taken
        taken.add(unique)
        yield unique

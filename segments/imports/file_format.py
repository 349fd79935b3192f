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

SAMPLE_BYTES = 8 << 20  # looked at for the encoding
MAX_COLUMNS = 400  # what a row of a PostgreSQL table holds, whatever the cells' lengths
DELIMITERS = ",;\t|"
SINGLE_BYTE = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859_2", "mac_roman"]
BOMS = [  # longest first: UTF-32 begins like UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
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


def detect_format(path: Path | str, *, encoding: str = "") -> FileFormat:
    """The format of a CSV file, plain or gzip. `encoding`, when given, is taken at its word.

    Raises ImportRefused with what is wrong with the file as a whole.
    """
    with OpenFile(Path(path)) as file:
        sample, is_whole = b"", True
        for chunk in file.chunks():
            sample += chunk
            if len(sample) >= SAMPLE_BYTES:
                is_whole = False
                break
        is_gzip = file.is_gzip
    if not sample.strip():
        raise ImportRefused(_("The file is empty."))
    encoding = _known_encoding(encoding) if encoding else detect_encoding(sample)
    text = codecs.getincrementaldecoder(encoding)("mark_bad_bytes").decode(sample[: 1 << 20])
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > 1 and not (is_whole and len(sample) <= 1 << 20):
        lines.pop()  # cut off in the middle
    n_before = next((i for i, line in enumerate(lines) if line.strip()), 0)
    delimiter = ""
    if hint := re.fullmatch(r"sep=(.)", lines[n_before].strip(" ")):  # a hint written for Excel
        delimiter, n_before = hint[1], n_before + 1
    if n_before >= len(lines):
        raise ImportRefused(_("The file is empty."))
    quote = "'" if re.match(r"'[^']*'[,;\t|]'", lines[n_before]) else '"'
    delimiter = delimiter or detect_delimiter(lines[n_before : n_before + 200], quote)
    header, n_lines = _read_header(lines[n_before:], delimiter, quote)
    return FileFormat(encoding, delimiter, quote, n_before + n_lines, _columns(header), is_gzip)


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
    lines = sample[: 1 << 20].splitlines()
    if len(sample) > 1 << 20:
        lines.pop()  # cut off in the middle
    telling = _first_bytes([line for line in lines if not line.isascii()], 64 << 10)
    telling = telling or sample[-(64 << 10) :]
    names = east_asian(telling)
    if len(names) > 1:
        raise EncodingNotClear(names, telling)
    return names[0] if names else _single_byte(telling)


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


def detect_delimiter(lines: list[str], quote: str) -> str:
    """The delimiter that cuts most lines into as many cells as the header, at least two."""

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
    return best if score(best)[1] else ","


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

"""The rows of a file as lines for COPY: what is well formed goes through as it is.

Parsing each cell in Python would cost more than PostgreSQL's whole COPY. So a chunk of about a
MiB without quotes and other hazards is only cut into lines, whose delimiters are counted; the
`csv` module only looks at the other chunks. Either way one bad row costs one row.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from segments.imports.fields import UNREADABLE
from segments.imports.file_format import BAD_BYTES, FileFormat

MAX_ROW = 131_072  # characters; also the csv module's own limit for a cell
BLANK = " \t"  # taken off both ends of every cell
MADE_TEXT = re.compile(r"'(?=\s*[=+\-@＝＋－＠\t\r\n])")  # an apostrophe of a file of rejected rows
# What databases and data tools write for a cell without a value. Null as a name is spelt otherwise.
NULLS = ("NULL", "\\N", "(null)", "<null>", "#N/A", "NaT", "<NA>")
csv.field_size_limit(MAX_ROW)


class _Lines:
    """Lines of a chunk, which can be read again from a given one."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.next = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.next >= len(self.lines):
            raise StopIteration
        self.next += 1
        return self.lines[self.next - 1] + "\n"


class RowReader:
    """Turns decoded chunks of a file into blocks of COPY lines, and counts the rows.

    A COPY line is: line number, problem, cells. The format is CSV with the file's own delimiter
    and quote; an empty cell is NULL. Of a row with a problem the first cell holds all its cells
    as a JSON list and the others are empty. Lines are counted as an editor does: from 1.

    A row with fewer cells than the header is filled up with empty ones, and one with empty cells
    beyond the header loses them. In a strict import both are a problem, as are characters that
    cannot be read; else these cost their cell, which says so by UNREADABLE.
    """

    def __init__(self, file_format: FileFormat, *, strict: bool = False) -> None:
        self.format = file_format
        self._is_strict = strict
        self.n_rows = 0
        self._n_columns = len(file_format.columns)
        self._line = 1  # the number of the next line to look at
        self._is_returned = "rejected_reason" in file_format.columns  # corrected and sent again
        self._n_head = file_format.n_head_lines
        space = BLANK.replace(file_format.delimiter, "")
        d = file_format.delimiter
        self._space = space
        edge, words = f"\n{re.escape(d)}", "|".join(map(re.escape, NULLS))
        self._null = re.compile(f"(?<![^{edge}])(?:{words})(?![^{edge}])")
        self._blanks = {s: (s + d, d + s, s + "\n", "\n" + s) for s in space}

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """COPY lines, a chunk at a time. Memory is bounded by a chunk and one row."""
        decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(self.format.encoding)("mark_bad_bytes"), translate=True
        )
        rest, is_skipping = "", False
        for chunk in chunks:
            text = decoder.decode(chunk)
            if is_skipping:  # inside a line that was too long
                _skipped, newline, text = text.partition("\n")
                if not newline:
                    continue
            body, newline, tail = (rest + text).rpartition("\n")
            is_skipping = len(tail) > MAX_ROW  # no row: do not gather it up in memory
            unread = ""
            if newline:
                block, unread = self._block(body, is_last=is_skipping)
                yield block
            rest = unread + tail
            if is_skipping:
                yield self._problem(self._line, _("The line is too long."), [tail[:200]])
                self._line += 1
                rest = ""
        rest += "" if is_skipping else decoder.decode(b"", final=True)
        if rest:
            yield self._block(rest.removesuffix("\n"), is_last=True)[0]

    def _block(self, body: str, *, is_last: bool) -> tuple[str, str]:
        """COPY lines of whole lines, and the text of a row that goes on in the next chunk."""
        lines = body.split("\n")
        if self._line <= self._n_head:
            n_head = min(self._n_head - self._line + 1, len(lines))
            del lines[:n_head]
            self._line += n_head
            body = "\n".join(lines)
        if not lines:
            return "", ""
        if self._is_returned or self._has_hazard(f"\n{body}\n"):
            return self._parsed(lines, is_last=is_last)
        if any(word in body for word in NULLS):
            without = self._null.sub("", body).split("\n")
            # A row of nothing else stays as it is: it is a row, and what it says is looked at.
            lines = [
                new if new.strip(self.format.delimiter) else old
                for old, new in zip(lines, without, strict=True)
            ]
        return self._passed(lines), ""

    def _has_hazard(self, text: str) -> bool:
        """Whether cells have to be looked at: quotes, broken characters, blanks at an edge."""
        if any(character in text for character in (self.format.quote, "\0", BAD_BYTES)):
            return True
        return any(
            blank in text and any(edge in text for edge in edges)
            for blank, edges in self._blanks.items()
        )

    def _passed(self, lines: list[str]) -> str:
        """The fast way, for lines without quotes: count the delimiters, put the number before."""
        d, n_delimiters, first = self.format.delimiter, self._n_columns - 1, self._line
        ready = [
            f"{number}{d}{d}{line}"
            for number, line in enumerate(lines, first)
            if line.count(d) == n_delimiters and n_delimiters < len(line) <= MAX_ROW
        ]
        self._line += len(lines)
        self.n_rows += len(ready)
        if len(ready) < len(lines):
            for number, line in enumerate(lines, first):
                if line.count(d) != n_delimiters or len(line) > MAX_ROW:
                    row = line.split(d)
                    if any(row):  # a line of delimiters only is not a row
                        ready.append(self._line_of(number, row).rstrip("\n"))
        return "\n".join(ready) + "\n" if ready else ""

    def _parsed(self, lines: list[str], *, is_last: bool) -> tuple[str, str]:
        """The careful way, by the csv module, which also says where a quote is not closed."""
        source = _Lines(lines)
        reader = csv.reader(
            source,
            delimiter=self.format.delimiter,
            quotechar=self.format.quote,
            skipinitialspace=True,
            strict=True,
        )
        first = self._line
        ready: list[str] = []
        while source.next < len(lines):
            start = source.next
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:
                size = sum(map(len, lines[start:]))
                if source.next >= len(lines) and not is_last and size <= MAX_ROW:
                    self._line = first + start
                    return "".join(ready), "\n".join(lines[start:]) + "\n"
                # A quote without its partner would swallow good rows: only its line is lost.
                source.next = start + 1
                reason = _("A quote is misplaced or not closed, or the cell is too long.")
                ready.append(self._problem(first + start, reason, [lines[start][:MAX_ROW]]))
                continue
            row = [cell.strip(self._space) for cell in row]
            without = ["" if cell in NULLS else cell for cell in row]
            row = without if any(without) else row
            if self._is_returned:
                row = [
                    MADE_TEXT.sub("", cell, count=1) if cell[:1] == "'" else cell for cell in row
                ]
            if not any(row):
                continue  # a blank line, or one of delimiters only, is not a row
            ready.append(self._line_of(first + start, row))
        self._line = first + len(lines)
        return "".join(ready), ""

    def _line_of(self, number: int, row: list[str]) -> str:
        if not self._is_strict:
            row = [cell.replace("\0", UNREADABLE).replace(BAD_BYTES, UNREADABLE) for cell in row]
            if not any(row[self._n_columns :]):
                row = [*row[: self._n_columns], *[""] * (self._n_columns - len(row))]
        if len(row) != self._n_columns or sum(map(len, row)) > MAX_ROW:
            return self._problem(number, *self._misfit(row))
        d = self.format.delimiter
        text = d.join(row)
        if "\0" in text:
            return self._problem(number, _("The row contains a NUL character."), row)
        if BAD_BYTES in text:
            reason = _("The row contains bytes that are not valid %s.") % self.format.encoding
            return self._problem(number, reason, row)
        self.n_rows += 1
        if self.format.quote in text or "\n" in text or text.count(d) != self._n_columns - 1:
            return self._quoted([number, "", *row])
        return f"{number}{d}{d}{text}\n"

    def _misfit(self, row: list[str]) -> tuple[str, list[str]]:
        if len(row) == self._n_columns:
            return _("The row is longer than %d characters.") % MAX_ROW, [c[:200] for c in row]
        counts = {"n": len(row), "columns": self._n_columns}
        return _("The row has %(n)d cells, but the header has %(columns)d.") % counts, row

    def _problem(self, number: int, reason: str, row: list[str]) -> str:
        self.n_rows += 1
        # Escaped to ASCII, so that NUL and broken characters can be stored and shown.
        return self._quoted([number, reason, json.dumps(row), *[""] * (self._n_columns - 1)])

    def _quoted(self, cells: list) -> str:
        buffer = io.StringIO()
        csv.writer(
            buffer,
            delimiter=self.format.delimiter,
            quotechar=self.format.quote,
            lineterminator="\n",
        ).writerow(cells)
        return buffer.getvalue()

"""The bytes of an uploaded file: plain or gzip, hashed, counted and limited while they are read."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.imports.read_workbook import csv_chunks, first_sheet, is_workbook
from segments.models import Organisation

CHUNK_BYTES = 1 << 20
MAX_BYTES = 64 << 30  # of the unpacked file
MAX_RATIO = 200  # unpacked to packed; CSV reaches 5 to 30, a file of zeros 1,000
RATIO_COUNTS_FROM = 16 << 20  # unpacked bytes below which a high ratio does no harm
ZIP, OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
ARCHIVES = (
    ZIP,
    OLD_OFFICE,
    b"7z\xbc\xaf",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
GZIP = b"\x1f\x8b"


class OpenFile:
    """Reads a file from its beginning to its end, once.

    `sha256` and `n_bytes_read` speak of the bytes on disk, also where the file is packed. Of a
    workbook, `chunks` are the lines of a sheet, by default of the first with a table.
    """

    def __init__(self, path: Path, *, sheet: str = "") -> None:
        self._path = path
        self.sheet = sheet
        self._hash = hashlib.sha256()
        self.n_bytes_read = 0
        try:
            self._file = path.open("rb")
            head = self._file.read(8)
            self._file.seek(0)
        except OSError as error:
            raise ImportRefused(
                _("The file cannot be read: %s.") % (error.strerror or error)
            ) from None
        self.is_workbook = head.startswith(ZIP) and is_workbook(path)
        # Asked here: while the lines are read, the database is busy with them.
        self._home = Organisation.current().currency if self.is_workbook else ""
        if head.startswith(ARCHIVES) and not self.is_workbook:
            self._file.close()
            if head.startswith(OLD_OFFICE):
                raise ImportRefused(
                    _(
                        "This is a workbook with a password or in the old format (.xls). Save it "
                        "as .xlsx without a password, or as CSV."
                    )
                )
            raise ImportRefused(
                _("This is an archive or another kind of document. Use CSV, gzip or .xlsx.")
            )
        self.is_gzip = head.startswith(GZIP)

    def read(self, size: int = -1) -> bytes:
        """Bytes on disk; `gzip` reads through here as well."""
        data = self._file.read(size)
        self._hash.update(data)
        self.n_bytes_read += len(data)
        return data

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes, about a MiB at a time. Raises ImportRefused, also in the middle."""
        if self.is_workbook:
            yield from self._lines_of_sheet()
            return
        unpacked: Any = gzip.GzipFile(fileobj=self, mode="rb") if self.is_gzip else self  # type: ignore[call-overload]
        n_bytes = 0
        try:
            while chunk := unpacked.read(CHUNK_BYTES):
                if n_bytes == 0 and self.is_gzip and chunk.startswith((GZIP, *ARCHIVES)):
                    raise ImportRefused(_("The gzip file contains another archive."))
                n_bytes += len(chunk)
                self._refuse_bomb(n_bytes)
                yield chunk
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise ImportRefused(_("The gzip file is damaged or incomplete.")) from None
        except OSError as error:
            raise ImportRefused(_("The file cannot be read: %s.") % error) from None

    def _lines_of_sheet(self) -> Iterator[bytes]:
        self.sheet = self.sheet or first_sheet(self._path)
        n_bytes = self._path.stat().st_size

        def show(share: float) -> None:
            self.n_bytes_read = int(share * n_bytes)

        yield from csv_chunks(self._path, self.sheet, show, home=self._home)
        self.n_bytes_read = 0  # the bytes on disk are read, and hashed, after the sheet

    def _refuse_bomb(self, n_bytes: int) -> None:
        is_bomb = n_bytes > RATIO_COUNTS_FROM and n_bytes > MAX_RATIO * self.n_bytes_read
        if n_bytes > MAX_BYTES or is_bomb:
            raise ImportRefused(
                _("The file expands to far more data than a CSV file would. Reading was stopped.")
            )

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file as it lies on disk."""
    with OpenFile(path) as file:
        while file.read(CHUNK_BYTES):
            pass
        return file.sha256, file.n_bytes_read


def modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)

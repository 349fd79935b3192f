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

CHUNK_BYTES = 1 << 20
MAX_BYTES = 64 << 30  # of the unpacked file
MAX_RATIO = 200  # unpacked to packed; CSV reaches 5 to 30, a file of zeros 1,000
RATIO_COUNTS_FROM = 16 << 20  # unpacked bytes below which a high ratio does no harm
ARCHIVES = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"7z\xbc\xaf",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
GZIP = b"\x1f\x8b"


class OpenFile:
    """Reads a file from its beginning to its end, once.

    `sha256` and `n_bytes_read` speak of the bytes on disk, also where the file is packed.
    """

    def __init__(self, path: Path) -> None:
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
        if head.startswith(ARCHIVES):
            self._file.close()
            raise ImportRefused(
                _("This is an archive or a spreadsheet. Save it as CSV, plain or gzip.")
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

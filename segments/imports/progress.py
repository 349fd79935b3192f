"""Progress of an import: passed to a callback and stored in the job's row."""

import time
from collections.abc import Callable

from django.db import OperationalError, connection

from segments.models import ImportJob

EVERY_SECONDS = 1.0


class Progress:
    """Writes the bytes read to the job about once a second, over a connection of its own.

    The import itself is not committed until it is done; a progress page reads committed rows.
    """

    def __init__(self, job: ImportJob, tell: Callable[[int, int], None] | None = None) -> None:
        self._job, self._tell = job, tell
        self._written_at = time.monotonic()
        self._side = connection.copy()

    def update(self, n_bytes: int) -> None:
        if self._tell:
            self._tell(n_bytes, self._job.n_bytes)
        if time.monotonic() - self._written_at >= EVERY_SECONDS:
            self._written_at = time.monotonic()
            self._write(n_bytes)

    def _write(self, n_bytes: int) -> None:
        try:
            with self._side.cursor() as cursor:
                # Rather no news than an import that waits for a lock on its own job.
                cursor.execute("SET lock_timeout = '200ms'")
                cursor.execute(
                    "UPDATE segments_importjob SET n_bytes_read = %s WHERE id = %s",
                    [n_bytes, self._job.pk],
                )
        except OperationalError:
            self._side.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exc: object) -> None:
        self._side.close()

"""CSV files for another system to pick up: one file a batch, complete as soon as it is there.

What is in it: journeys.delivery.channels.csv_file.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from django.conf import settings

from journeys.delivery.channels.base import Message, Receipt, Send, SendResult, Unreachable
from journeys.delivery.channels.csv_file import as_csv, file_name


class FileDrop:
    takes_key = True
    batch_size = 5_000
    group_size = at_once = 5_000  # the whole batch is one file

    @contextmanager
    def open(self, _peer_id: int | None) -> Iterator[Send]:
        folder = Path(settings.FILE_DROP_DIR)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable.because(error) from error
        yield lambda batch, messages, _now: _send(folder, batch, messages)


def _send(folder: Path, batch: UUID, messages: Sequence[Message]) -> Iterator[Receipt]:
    try:
        _write(folder, file_name(batch, messages), as_csv(messages))
    except OSError as error:
        raise Unreachable.because(error) from error
    _sync(folder)
    for message in messages:
        yield Receipt(message.delivery_id, SendResult.SENT)


def _write(folder: Path, name: str, content: bytes) -> None:
    """Put the file in its place at once: under a name nobody looks for, then renamed."""
    # A worker that was given up may still be writing this batch: without its file it cannot
    # rename an older version over ours.
    for leftover in folder.glob(f".{name}.*"):
        leftover.unlink(missing_ok=True)
    with NamedTemporaryFile(dir=folder, prefix=f".{name}.", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            part.chmod(0o640)  # readable by our group, which picks it up; it holds personal data
            part.rename(folder / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _sync(folder: Path) -> None:
    """Make the rename outlive a power cut: we are about to say that the file was handed over."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

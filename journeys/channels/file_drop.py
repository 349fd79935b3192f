"""CSV files for another system to pick up: one file a batch, complete as soon as it is there.

Name: `<channel>_<batch>.csv`. A batch that is repeated after a crash has the same name and
replaces its file. RFC 4180 with CRLF, UTF-8, one header line:

| column      | meaning                                                               |
|-------------|-----------------------------------------------------------------------|
| key         | of the message; a system that has seen it before must drop the row    |
| day         | for which it was decided, YYYY-MM-DD                                  |
| channel     | email, sms, push, call or post                                        |
| customer_id | the customer, as your own systems know them                           |
| address     | e-mail or phone; empty for push and post                              |
| campaign, action, offer | their names                                               |
| subject, text | the message, filled in                                              |

A cell that a spreadsheet would take for a formula starts with an apostrophe. Phone numbers do
not: digits behind a plus sign can do no harm, and the apostrophe would.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from django.conf import settings

from journeys.channels.base import Message, Outcome, Receipt, Send, Unreachable
from optiengine.lib.csv_cell import safe_cell

COLUMNS = [
    "key",
    "day",
    "channel",
    "customer_id",
    "address",
    "campaign",
    "action",
    "offer",
    "subject",
    "text",
]


class FileDrop:
    takes_key = True
    batch_size = 5_000
    group_size = 5_000  # the whole batch is one file

    @contextmanager
    def open(self) -> Iterator[Send]:
        folder = Path(settings.FILE_DROP_DIR)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(f"{error}") from error
        yield lambda batch, messages, _now: _send(folder, batch, messages)


def _send(folder: Path, batch: UUID, messages: Sequence[Message]) -> Iterator[Receipt]:
    name = f"{messages[0].channel}_{batch}.csv"
    try:
        _write(folder, name, messages)
    except OSError as error:
        raise Unreachable(f"{error}") from error
    _sync(folder)
    for message in messages:
        yield Receipt(message.delivery_id, Outcome.SENT)


def _write(folder: Path, name: str, messages: Sequence[Message]) -> None:
    """Put the file in its place at once: under a name nobody looks for, then renamed."""
    # A worker that was given up may still be writing this batch: without its file it cannot
    # rename an older version over ours.
    for leftover in folder.glob(f".{name}.*"):
        leftover.unlink(missing_ok=True)
    with NamedTemporaryFile(
        "w", dir=folder, prefix=f".{name}.", delete=False, encoding="utf-8", newline=""
    ) as file:
        part = Path(file.name)
        try:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(COLUMNS)
            writer.writerows(_row(message) for message in messages)
            file.flush()
            os.fsync(file.fileno())
            part.chmod(0o640)  # whoever picks it up is of our group; it names people
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


def _row(message: Message) -> list[str]:
    cells = (
        str(message.key),
        message.as_of.isoformat(),
        message.channel,
        message.customer_id,
        message.address,
        message.campaign,
        message.action,
        message.offer,
        message.subject,
        message.text,
    )
    return [safe_cell(cell) for cell in cells]

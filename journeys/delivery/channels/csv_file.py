"""A batch of messages as a CSV file, wherever it is put.

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
from collections.abc import Sequence
from io import StringIO
from uuid import UUID

from journeys.delivery.channels.base import Message
from optiengine.lib.safe_text import safe_cell

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


def file_name(batch: UUID, messages: Sequence[Message]) -> str:
    return f"{messages[0].channel}_{batch}.csv"


def as_csv(messages: Sequence[Message]) -> bytes:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(message) for message in messages)
    return text.getvalue().encode()


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

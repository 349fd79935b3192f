"""E-mail, through the mail back end that the settings name.

SMTP knows no key by which a server drops a repeat, so a message is handed over at most once:
what is unclear stays unclear until a person settles it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import format_datetime, parseaddr
from functools import partial
from smtplib import (
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email

from journeys.delivery.channels.base import (
    Message,
    Receipt,
    Send,
    SendResult,
    SessionOver,
    Unreachable,
    receipt_of,
)
from journeys.models import Reason, ReasonCode, make_reason

ENHANCED = re.compile(r"^\d{3}[ -]5\.(\d{1,3})\.(\d{1,3})\b")
POLICY = re.compile(
    r"relay|spam|block|listed|\blist\b|polic|authen|denied|reputation|spf|dkim|dmarc|sender", re.I
)
CLOSING = 421  # the server says goodbye with this reply, whatever the command was


class EmailServer:
    takes_key = False
    batch_size = 500
    group_size = 20
    at_once = 1

    @contextmanager
    def open(self, _peer_id: int | None) -> Iterator[Send]:
        connection = get_connection()
        try:
            connection.open()
        except OSError as error:  # smtplib's errors are OSErrors too
            raise Unreachable.because(error) from error
        try:
            yield partial(_send, connection)
        finally:
            with suppress(OSError):  # every receipt is in: how we part changes none of them
                connection.close()


def _send(
    connection: BaseEmailBackend, _batch: UUID, messages: Sequence[Message], now: datetime
) -> Iterator[Receipt]:
    for message in messages:
        receipt, is_usable = _hand_over(connection, message, now)
        yield receipt
        if not is_usable:
            raise SessionOver


def _hand_over(
    connection: BaseEmailBackend, message: Message, now: datetime
) -> tuple[Receipt, bool]:
    """What came of it, and whether the session is good for another message."""
    receipt = partial(Receipt, message.delivery_id)
    answered = partial(receipt_of, message.delivery_id)
    try:
        validate_email(message.address)
        n_taken = connection.send_messages([as_email(message, now)])
    except ValidationError:
        return receipt(SendResult.FAILED, Reason(ReasonCode.ADDRESS_INVALID)), True
    except (ValueError, SMTPNotSupportedError) as error:  # raised before anything is handed over
        reason = make_reason(ReasonCode.MESSAGE_INVALID, fault=f"{error}")
        return receipt(SendResult.FAILED, reason), True
    except SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        reply = _reply(code, text)
        result, is_usable = _read_code(code)
        return answered(result, reply, is_bounce=refuses_address(code, reply)), is_usable
    except SMTPSenderRefused as error:  # says nothing about the customer: the server wants none
        return answered(SendResult.LATER, _reply(error.smtp_code, error.smtp_error)), False
    except SMTPResponseException as error:
        result, is_usable = _read_code(error.smtp_code)
        return answered(result, _reply(error.smtp_code, error.smtp_error)), is_usable
    except OSError as error:
        reason = make_reason(ReasonCode.CONNECTION_LOST, fault=f"{error}")
        return receipt(SendResult.UNKNOWN, reason), False
    if not n_taken:
        return receipt(SendResult.UNKNOWN, Reason(ReasonCode.NOT_CONFIRMED)), True
    return receipt(SendResult.SENT), True


def _read_code(code: int) -> tuple[SendResult, bool]:
    """By the class of the reply (RFC 5321, 4.2.1): 4 is for now, 5 is for good."""
    result = {4: SendResult.LATER, 5: SendResult.FAILED}.get(code // 100, SendResult.UNKNOWN)
    return result, code != CLOSING and result != SendResult.UNKNOWN


def refuses_address(code: int, reply: str) -> bool:
    """Whether a reply to RCPT says for good that the address takes no messages from any sender.

    By its enhanced status code where it has one: x.1.y is about the recipient's address but for
    5 (valid), 7, 8 (the sender's) and 9 (RFC 3463, 3.2; RFC 5248), 5.2.1 a mailbox that is switched
    off. Else by 550, 551 and 553 (RFC 5321, 4.2.3), which are sent for reasons of policy, too: what
    the words name as one is about us, and must not empty the list of whom we may write to.
    """
    if enhanced := ENHANCED.search(reply):
        subject, detail = int(enhanced[1]), int(enhanced[2])
        return (subject == 1 and detail not in {5, 7, 8, 9}) or (subject, detail) == (2, 1)
    return code in {550, 551, 553} and not POLICY.search(reply)


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {words}"


def unsubscribe_headers(message: Message) -> dict[str, str]:
    """How a mail program offers the way out (RFC 2369), by one click (RFC 8058)."""
    if not message.unsubscribe_url:
        return {}
    ways = [f"<{message.unsubscribe_url}>"]
    if settings.UNSUBSCRIBE_MAILBOX:
        token = message.unsubscribe_url.rstrip("/").rpartition("/")[2]
        ways.append(f"<mailto:{settings.UNSUBSCRIBE_MAILBOX}?subject={token}>")
    return {
        "List-Unsubscribe": ", ".join(ways),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def as_email(message: Message, now: datetime) -> EmailMultiAlternatives:
    """The text; with HTML, both parts as multipart/alternative, of which one is shown."""
    sender = settings.DEFAULT_FROM_EMAIL
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    email = EmailMultiAlternatives(
        message.subject,
        message.text,
        sender,
        [message.address],
        # The same message has the same id, wherever it turns up in a log.
        headers={
            "Message-ID": f"<{message.key}@{domain}>",
            "Date": format_datetime(now),
            **unsubscribe_headers(message),
        },
    )
    if message.html:
        email.attach_alternative(message.html, "text/html")
    return email

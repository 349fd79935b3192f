"""What a way of sending has to offer, and what it has to say about each message."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from journeys.models import Reason, ReasonCode, make_reason


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to be handed over."""

    delivery_id: int  # 0 and below: a proof or a test, of no delivery
    key: UUID  # the other side may drop what it has seen under this key
    as_of: date
    channel: str
    customer_id: str  # as the customer's own systems know it
    address: str  # e-mail or phone; empty where the channel has none
    campaign: str
    action: str
    offer: str
    subject: str  # one line
    text: str
    unsubscribe_url: str = ""  # where one click ends the consent (RFC 8058); empty for none
    html: str = ""  # in addition to the text, where the channel shows it

    @property
    def is_test(self) -> bool:
        return self.delivery_id <= 0


class SendResult(StrEnum):
    """What is known of a message after the attempt to hand it over."""

    SENT = "sent"
    FAILED = "failed"  # refused for good
    LATER = "later"  # not taken this time: worth another attempt
    AGAIN = "again"  # perhaps taken, by a side that drops repeats of a key: worth a repeat
    UNKNOWN = "unknown"  # perhaps taken
    UNTOUCHED = "untouched"  # not tried, for a reason that lies elsewhere


@dataclass(frozen=True, slots=True)
class Receipt:
    delivery_id: int
    result: SendResult
    reason: Reason | None = None
    is_bounce: bool = False  # the address takes no messages: a hard bounce of its customer


ANSWERED = {
    SendResult.FAILED: ReasonCode.MESSAGE_REFUSED,
    SendResult.LATER: ReasonCode.NOT_TAKEN,
    SendResult.AGAIN: ReasonCode.UNCLEAR_ANSWER,
    SendResult.UNKNOWN: ReasonCode.UNCLEAR_ANSWER,
}


def receipt_of(
    delivery_id: int, result: SendResult, answer: str, *, is_bounce: bool = False
) -> Receipt:
    """What the other side answered, where that is not that it took the message."""
    code = ReasonCode.ADDRESS_REFUSED if is_bounce else ANSWERED[result]
    return Receipt(delivery_id, result, make_reason(code, answer=answer), is_bounce)


class Unreachable(Exception):
    """Nothing of the group was handed over; the reason says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @classmethod
    def because(cls, fault: object) -> "Unreachable":
        return cls(make_reason(ReasonCode.UNREACHABLE, fault=f"{fault}"))


class NotReady(Unreachable):
    """Nothing was sent: the other system is switched off here, or not set up."""

    @classmethod
    def because(cls, fault: object) -> "NotReady":
        return cls(make_reason(ReasonCode.NOT_SET_UP, fault=f"{fault}"))


class SessionOver(Exception):
    """The session is of no more use; messages without a receipt were not touched."""


# Hands over a batch's messages at a moment and yields each receipt as soon as it is known. Raises
# SessionOver or Unreachable; any other exception leaves messages without a receipt unclear.
Send = Callable[[UUID, Sequence[Message], datetime], Iterator[Receipt]]


class Transport(Protocol):
    """A way of sending. No transaction is open while it works."""

    takes_key: bool  # a repeat under the same keys has one effect: it may follow a crash
    batch_size: int  # messages claimed together
    group_size: int  # messages attempted together: what a crash leaves unclear, at most
    at_once: int  # of those on their way at one moment; they leave in the order given

    def open(self, peer_id: int | None) -> AbstractContextManager[Send]:
        """A session for one batch. Raises Unreachable, of which NotReady counts as no attempt.

        peer_id : which of several other sides, as the channel's route says (ChannelRoute.peer_id).
        """

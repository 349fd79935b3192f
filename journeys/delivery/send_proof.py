"""A message as one customer would read it, to people who want to see it where it arrives.

It takes the way that the channel's messages take, and leaves no trace in what is counted or
learned: no contact, no delivery.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.utils.translation import gettext as _

from campaigns.models import Action
from journeys.delivery.channels import (
    TRANSPORTS,
    Message,
    Receipt,
    SendResult,
    SessionOver,
    Unreachable,
)
from journeys.delivery.channels.base import receipt_of
from journeys.delivery.render_message import Links, Recipient, Words, render_message
from journeys.errors import ProofRefused
from journeys.models import ChannelRoute, Reason, ReasonCode, make_reason
from optiengine.lib.text_scan import TextError
from segments.channel_labels import channel_label
from segments.channels import CHANNELS, address_field
from segments.customers.address_hash import compared
from segments.customers.suppress_addresses import find_suppression
from segments.models import Customer, Organisation

MOST_ADDRESSES = 10
MARK = "[Proof]"
NO_DELIVERY = 0  # the delivery_id of a message that is none of ours
# A proof is read by somebody else: nothing in it may act for the customer.
SAMPLE_LINKS = Links("https://example.com/unsubscribe", "https://example.com/preferences")

_validate_phone = RegexValidator(r"^\+?[0-9][0-9 ()./-]{3,38}$")
# What checks the form of a typed address, by the column that it belongs to.
VALIDATORS: Mapping[str, Callable[[str], object]] = {
    "email": validate_email,
    "phone": _validate_phone,
}


def send_proof(
    action: Action, customer: Customer, addresses: Sequence[str], *, as_of: date, now: datetime
) -> list[tuple[str, Receipt]]:
    """Send an action's message, filled in for a customer, to other addresses.

    Returns what became of each. Raises ProofRefused, with the reason, before anything is sent.
    """
    addresses = _checked(action.channel, addresses)
    route = ChannelRoute.for_channel(action.channel)
    if Organisation.current().sending_stopped:
        raise ProofRefused(_("Sending is stopped for all messages."))
    if not route.is_open:
        raise ProofRefused(_("The channel's route is closed."))
    try:
        words = render_message(action, Recipient.of(customer), SAMPLE_LINKS)
    except TextError as error:
        raise ProofRefused(str(error)) from error
    messages = [_message(action, customer, words, address, as_of) for address in addresses]
    return list(zip(addresses, _hand_over(route, messages, now), strict=True))


def _checked(channel: str, addresses: Sequence[str]) -> list[str]:
    """The addresses, each once by what it reaches. Raises ProofRefused."""
    field = address_field(channel)
    if field is None or not CHANNELS[channel].can_be_typed:
        text = _(
            "Test sends are not available for this channel (%s): it has no "
            "addresses that you could enter."
        )
        raise ProofRefused(text % channel_label(channel))
    by_key: dict[str, str] = {}
    for address in filter(None, (address.strip() for address in addresses)):
        by_key.setdefault(compared(field, address) or address, address)
    addresses = list(by_key.values())
    if not 1 <= len(addresses) <= MOST_ADDRESSES:
        raise ProofRefused(
            _("Enter between one and %s addresses for a test send.") % MOST_ADDRESSES
        )
    for address in addresses:
        try:
            VALIDATORS[field](address)
        except ValidationError as error:
            text = _("“%(address)s” is not a valid address for this channel (%(channel)s).")
            words = {"address": address, "channel": channel_label(channel)}
            raise ProofRefused(text % words) from error
        if find_suppression(channel, address):
            text = _("“%s” is on the suppression list: nothing is sent there.")
            raise ProofRefused(text % address)
    return addresses


def _message(
    action: Action, customer: Customer, words: Words, address: str, as_of: date
) -> Message:
    return Message(
        delivery_id=NO_DELIVERY,
        key=uuid4(),
        as_of=as_of,
        channel=action.channel,
        customer_id=customer.external_id,
        address=address,
        campaign=action.campaign.name,
        action=action.name,
        offer=action.offer,
        subject=f"{MARK} {words.subject}",
        text=words.text if action.has_subject else f"{MARK} {words.text}",
        html=words.html,
    )


def _hand_over(route: ChannelRoute, messages: Sequence[Message], now: datetime) -> list[Receipt]:
    """What is known of each message, in their order. Raises ProofRefused before the first."""
    receipts: list[Receipt] = []
    reason: Reason | None = None
    try:
        with TRANSPORTS[route.transport].open(route.peer_id) as send:
            for message in messages:  # each a batch of its own: one may fail without the others
                for receipt in send(uuid4(), [message], now):
                    receipts.append(receipt)
    except Unreachable as error:
        if not receipts:
            raise ProofRefused(str(error)) from error
        reason = error.reason
    except SessionOver:
        reason = Reason(ReasonCode.SESSION_OVER)
    except Exception as error:  # the user is shown any error
        words = f"{type(error).__name__}: {error}"
        receipts.append(receipt_of(NO_DELIVERY, SendResult.UNKNOWN, words))
        reason = make_reason(ReasonCode.MESSAGE_INVALID, fault=words)
    untouched = Receipt(NO_DELIVERY, SendResult.UNTOUCHED, reason)
    return (receipts + [untouched] * len(messages))[: len(messages)]

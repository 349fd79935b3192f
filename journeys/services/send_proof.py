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
from journeys.channels import TRANSPORTS, Message, Outcome, Receipt, SessionOver, Unreachable
from journeys.errors import ProofRefused
from journeys.models import ChannelRoute
from journeys.services.render import Links, Recipient, Words, render
from optiengine.lib.text_scan import TextError
from segments.models import Channel, Customer, Organisation

MOST_ADDRESSES = 10
MARK = "[Proof]"
# A proof is read by somebody else: nothing in it may act for the customer.
SAMPLE_LINKS = Links("https://example.com/unsubscribe", "https://example.com/preferences")

_validate_phone = RegexValidator(r"^\+?[0-9][0-9 ()./-]{3,38}$")
# Channels with addresses that can be typed, and what holds them to their form.
ADDRESSES: Mapping[str, Callable[[str], object]] = {
    Channel.EMAIL: validate_email,
    Channel.SMS: _validate_phone,
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
        words = render(action, Recipient.of(customer), SAMPLE_LINKS)
    except TextError as error:
        raise ProofRefused(str(error)) from error
    messages = [
        _message(action, customer, words, number, address, as_of)
        for number, address in enumerate(addresses)
    ]
    receipts = _hand_over(route.transport, messages, now)
    missing = Receipt(0, Outcome.UNKNOWN, _("Nothing is known of it."))
    return [(address, receipts.get(n, missing)) for n, address in enumerate(addresses)]


def _checked(channel: str, addresses: Sequence[str]) -> list[str]:
    """The addresses, each once. Raises ProofRefused."""
    validate = ADDRESSES.get(channel)
    if validate is None:
        text = _("There is no proof by this channel (%s): it knows no address that can be typed.")
        raise ProofRefused(text % Channel(channel).label)
    addresses = list(dict.fromkeys(filter(None, (address.strip() for address in addresses))))
    if not 1 <= len(addresses) <= MOST_ADDRESSES:
        raise ProofRefused(
            _("A proof goes to one address at least, to %s at most.") % MOST_ADDRESSES
        )
    for address in addresses:
        try:
            validate(address)
        except ValidationError as error:
            text = _("“%(address)s” is no address for this channel (%(channel)s).")
            words = {"address": address, "channel": Channel(channel).label}
            raise ProofRefused(text % words) from error
    return addresses


def _message(
    action: Action, customer: Customer, words: Words, number: int, address: str, as_of: date
) -> Message:
    is_email = action.channel == Channel.EMAIL
    return Message(
        delivery_id=number,
        key=uuid4(),  # of no delivery
        as_of=as_of,
        channel=action.channel,
        customer_id=customer.external_id,
        address=address,
        campaign=action.campaign.name,
        action=action.name,
        offer=action.offer,
        subject=f"{MARK} {words.subject}",
        text=words.text if is_email else f"{MARK} {words.text}",
        html=words.html,
    )


def _hand_over(transport: str, messages: Sequence[Message], now: datetime) -> dict[int, Receipt]:
    """What is known of each message; one without a receipt may have arrived."""
    way, batch = TRANSPORTS[transport], uuid4()
    receipts: dict[int, Receipt] = {}
    try:
        with way.open() as send:
            for start in range(0, len(messages), way.group_size):
                for receipt in send(batch, messages[start : start + way.group_size], now):
                    receipts[receipt.delivery_id] = receipt
    except Unreachable as error:
        if not receipts:
            raise ProofRefused(str(error)) from error
        _fill(receipts, messages, str(error))
    except SessionOver:
        _fill(receipts, messages, _("The other side took no more messages."))
    return receipts


def _fill(receipts: dict[int, Receipt], messages: Sequence[Message], reason: str) -> None:
    for message in messages:
        left = Receipt(message.delivery_id, Outcome.UNTOUCHED, reason)
        receipts.setdefault(message.delivery_id, left)

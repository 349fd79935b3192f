"""Every channel by which a customer is reached, and all that the engine must know of it.

A new channel is one more entry in CHANNELS and needs no migration: choices, import columns,
reachability, suppression, the last check and the preference page follow from it. Numerics read
this module, so it knows nothing of Django; labels are translated in segments.channel_labels.
"""

import re
from dataclasses import dataclass

ADDRESS_FIELDS = ("email", "phone")  # the customer's columns that hold an address
NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")

EMAIL, SMS, PUSH, CALL, POST, WEB = "email", "sms", "push", "call", "post", "web"


def gettext_noop(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


@dataclass(frozen=True)
class Channel:
    """What the engine must know of a way to reach a customer."""

    name: str  # stored in tables; part of the names of columns in files and in SQL
    title: str  # in English, marked for translation
    # Where its messages go to; such addresses can be suppressed. None: the other side finds the
    # customer by id, or the customer comes to us.
    address_field: str | None = None
    is_inbound: bool = False  # the customer came to us: an answer, which needs no consent
    can_be_typed: bool = False  # a proof can be sent to an address that somebody types
    has_subject: bool = False  # messages have a subject, and an HTML part in addition to their text
    is_sent_in_parts: bool = False  # a long text is sent, and paid for, as several SMS
    spoken: tuple[str, ...] = ()  # what headings of files call it, if not by its name alone
    default_transport: str = "file_drop"  # of journeys.models.ChannelRoute, where it has no row

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"not the name of a channel: {self.name}")
        if self.address_field not in (None, *ADDRESS_FIELDS):
            raise ValueError(f"{self.name}: no address of a customer: {self.address_field}")


CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        Channel(
            EMAIL,
            gettext_noop("e-mail"),
            address_field="email",
            can_be_typed=True,
            has_subject=True,
            default_transport="smtp",
            spoken=("email", "e-mail", "newsletter", "correo", "courriel"),
        ),
        Channel(
            SMS,
            gettext_noop("SMS"),
            address_field="phone",
            can_be_typed=True,
            is_sent_in_parts=True,
            spoken=("sms", "text message"),
        ),
        Channel(PUSH, gettext_noop("app push"), spoken=("push", "push notification")),
        Channel(
            CALL,
            gettext_noop("call"),
            address_field="phone",
            spoken=("call", "phone", "telefon", "téléphone", "teléfono", "telefone"),
        ),
        Channel(POST, gettext_noop("post")),
        Channel(WEB, gettext_noop("web page or agent"), is_inbound=True),
    )
}


def inbound_channels() -> tuple[str, ...]:
    """By which customers come to us and get an answer."""
    return tuple(name for name, channel in CHANNELS.items() if channel.is_inbound)


def outbound_channels() -> tuple[str, ...]:
    """By which messages are sent."""
    return tuple(name for name, channel in CHANNELS.items() if not channel.is_inbound)


def address_fields() -> dict[str, str]:
    """The customer's column that holds the address, by channel; those without one are left out."""
    fields = ((name, channel.address_field) for name, channel in CHANNELS.items())
    return {name: field for name, field in fields if field is not None}


def address_field(channel: str) -> str | None:
    """The customer's column that holds the address; None also for what is no channel."""
    return address_fields().get(channel)

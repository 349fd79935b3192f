"""What people read for a channel. Migrations name these functions, not what they return."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from segments.channels import CHANNELS, inbound_channels, outbound_channels

Choices = list[tuple[str, str | Promise]]


def channel_label(name: str) -> str:
    """In the reader's language; the name itself where there is no such channel any more."""
    return gettext(CHANNELS[name].title) if name in CHANNELS else name


def channel_choices() -> Choices:
    return _choices(CHANNELS)


def inbound_choices() -> Choices:
    return _choices(inbound_channels())


def outbound_choices() -> Choices:
    return _choices(outbound_channels())


def typed_choices() -> Choices:
    """Channels with an address that somebody can type."""
    return _choices(name for name, channel in CHANNELS.items() if channel.can_be_typed)


def _choices(names: Iterable[str]) -> Choices:
    return [(name, gettext_lazy(CHANNELS[name].title)) for name in names]

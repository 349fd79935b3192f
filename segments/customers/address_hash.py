"""Addresses as they are compared and, keyed, as the suppression list keeps them."""

import hmac
import re
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.utils.translation import gettext as _

from segments.channel_labels import channel_label
from segments.channels import address_field
from segments.errors import AddressRefused


def normal_email(address: str) -> str:
    """Small letters, no spaces around it, the domain in ASCII (IDNA): one spelling per mailbox.

    Dots and +tags stay: whether they name the same mailbox is each provider's own affair.
    """
    address = address.strip().lower()
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    with suppress(UnicodeError):  # else no message could reach it, and it equals itself as it is
        domain = domain.encode("idna").decode()
    return f"{local}{at}{domain}"


def normal_phone(number: str) -> str:
    """Digits, behind a + where the country code is given: +49 (170) 12 and 0049 170 12 are one."""
    digits = re.sub(r"\D", "", number)
    if number.strip().startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


NORMAL = {"email": normal_email, "phone": normal_phone}


def address_hasher(column: str) -> Callable[[str], bytes]:
    """HMAC-SHA-256 of normalised addresses of a customer's column. The database sees no key."""
    key, normal = settings.SUPPRESSION_KEY.encode(), NORMAL[column]
    return lambda address: hmac.digest(key, normal(address).encode(errors="replace"), "sha256")


def address_hash(column: str, address: str) -> bytes:
    return address_hasher(column)(address)


def address_column(channel: str) -> str:
    """The customer's column that a channel writes to. Raises AddressRefused where there is none."""
    if (field := address_field(channel)) is None:
        label = channel_label(channel)
        raise AddressRefused(_("There are no addresses for this channel: %s.") % label)
    return field

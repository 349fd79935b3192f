"""What the suppression list keeps of an address: keyed hashes. The database sees no key.

The hash is that of the address as it is compared (segments.addresses). What was suppressed before
addresses were compared so is on the list by the hash of its former normal form, and so is a number
that no country settles; so both are asked for. Nothing that was suppressed comes off by that.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from contextlib import suppress

from django.conf import settings
from django.utils.translation import gettext as _

from segments.addresses import KEYS
from segments.channel_labels import channel_label
from segments.channels import address_field
from segments.errors import AddressRefused
from segments.models import Organisation


def compared(column: str, address: str) -> str:
    """An address that somebody names, as it is compared; empty where it cannot be settled."""
    return KEYS[column](address, Organisation.current().phone_country)


def former_email(address: str) -> str:
    address = address.strip().lower()
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode()
    return f"{local}{at}{domain}"


def former_phone(number: str) -> str:
    digits = re.sub(r"\D", "", number)
    if number.strip().startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


FORMER: dict[str, Callable[[str], str]] = {"email": former_email, "phone": former_phone}


def keyed_hasher() -> Callable[[str], bytes]:
    """HMAC-SHA-256 of a text."""
    key = settings.SUPPRESSION_KEY.encode()
    return lambda text: hmac.digest(key, text.encode(errors="replace"), "sha256")


# Of lists that others hashed: how long the hash is in hexadecimal. Listed by the hash of the hash.
HASHES = {"sha256": 64, "md5": 32}


def address_hasher(column: str, forms: Collection[str] = ()) -> Callable[[str, str], list[bytes]]:
    """By what an address may be on the list: of (written, compared), the likelier hash first.

    forms : those of HASHES that the list has.
    """
    hashed, former = keyed_hasher(), FORMER[column]

    def hashes(written: str, key: str) -> list[bytes]:
        texts = dict.fromkeys((key, former(written)))
        if forms and key:  # a number's digits, an address in small letters: with or without IDNA
            for plain in {key, key.lstrip("+"), written.strip().lower()}:
                for form in forms:
                    digest = hashlib.new(
                        form, plain.encode(errors="replace"), usedforsecurity=False
                    )
                    texts[f"{form}:{digest.hexdigest()}"] = None
        return [hashed(text) for text in texts if text]

    return hashes


def address_column(channel: str) -> str:
    """The customer's column that a channel writes to. Raises AddressRefused where there is none."""
    if (field := address_field(channel)) is None:
        label = channel_label(channel)
        raise AddressRefused(_("There are no addresses for this channel: %s.") % label)
    return field

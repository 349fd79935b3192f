"""Addresses of the pages that a customer reaches from a message, without logging in.

The token in the address is all that a page asks for, so it is encrypted (nobody reads an id from
it) and authenticated (nobody makes one up), and it never ends: old mail has a working way out.
Encryption without a random part: the same link each time. Source: RFC 5297 (AES-SIV).
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha512

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

# Also where the pages are: /u/TOKEN/, /p/TOKEN/, /c/TOKEN/.
UNSUBSCRIBE, PREFERENCES, CONFIRM = "u", "p", "c"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who was written to: by which channel, and for which campaign."""

    customer_id: int
    channel: str
    campaign_id: int | None = None


def page_url(page: str, reader: Reader) -> str:
    """The whole address of a page; empty where the setting PUBLIC_URL says none."""
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL}/{page}/{make_token(page, reader)}/"


def make_token(page: str, reader: Reader) -> str:
    return seal(page, f"{reader.customer_id} {reader.channel} {reader.campaign_id or ''}")


def read_token(page: str, token: str) -> Reader | None:
    """Whose token it is; None for what was not made here, or for another page."""
    text = unseal(page, token)
    if text is None:
        return None
    customer_id, channel, campaign_id = text.split(" ")
    return Reader(int(customer_id), channel, int(campaign_id) if campaign_id else None)


def seal(page: str, text: str) -> str:
    """A token that only `unseal` reads, and only for the same page."""
    sealed = _cipher(settings.SECRET_KEY).encrypt(text.encode(), [page.encode()])
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(page: str, token: str) -> str | None:
    """The text of a token; None for what was not made here, or for another page."""
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        with suppress(InvalidTag, ValueError):
            return _cipher(key).decrypt(sealed, [page.encode()]).decode()
    return None


def _cipher(key: str) -> AESSIV:
    return AESSIV(sha512(f"optiengine customer links {key}".encode()).digest())

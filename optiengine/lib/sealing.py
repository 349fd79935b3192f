"""Secrets that we must be able to read again, such as a peer's password: encrypted at rest.

Fernet (AES-128 with HMAC-SHA-256) of the cryptography package, under keys that come from the
settings by HKDF: the first of SECRETS_KEYS seals, all of them open. To change the key, put
the new one in front and keeps the old one until every secret has been entered again.
"""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _


class SealBroken(Exception):
    """What was sealed cannot be opened with the keys that there are."""


def seal(text: str) -> str:
    """`text` as it may be stored."""
    return _keys().encrypt(text.encode()).decode()


def unseal(token: str) -> str:
    """What `seal` was given. Raises SealBroken, with a sentence for the operator."""
    try:
        return _keys().decrypt(token.encode()).decode()
    except InvalidToken:
        raise SealBroken(
            _("The secret cannot be decrypted with the current SECRETS_KEYS. Enter it again.")
        ) from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derived(phrase)) for phrase in settings.SECRETS_KEYS])


def _derived(phrase: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"optiengine.lib.sealing")
    return urlsafe_b64encode(hkdf.derive(phrase.encode()))

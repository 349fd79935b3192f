"""How many text messages a text costs."""

from collections.abc import Iterable
from dataclasses import dataclass

# 3GPP TS 23.038, 6.2.1: the default alphabet, one septet each, and its extension, two septets.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True)
class SmsLength:
    """`n_units` are septets of GSM-7 or 16-bit units of UCS-2."""

    encoding: str  # GSM-7 or UCS-2
    n_units: int
    n_parts: int
    costly: str  # the characters, each once, for which GSM-7 does not do


def sms_length(text: str) -> SmsLength:
    """The messages that a text is sent in: 160 septets or 70 units, 153 or 67 where parted.

    A character of two units is never parted. An empty text is one message.
    Source: 3GPP TS 23.038, 6.2; TS 23.040, 9.2.3.24.1 (six octets of a part name its place).
    """
    costly = "".join(dict.fromkeys(c for c in text if c not in _BASIC and c not in _EXTENSION))
    if costly:
        widths = [2 if ord(c) > 0xFFFF else 1 for c in text]
        return SmsLength("UCS-2", sum(widths), _n_parts(widths, 70, 67), costly)
    widths = [2 if c in _EXTENSION else 1 for c in text]
    return SmsLength("GSM-7", sum(widths), _n_parts(widths, 160, 153), "")


def _n_parts(widths: Iterable[int], whole: int, part: int) -> int:
    widths = list(widths)
    if sum(widths) <= whole:
        return 1
    n_parts, left = 0, 0
    for width in widths:
        if width > left:
            n_parts, left = n_parts + 1, part
        left -= width
    return n_parts

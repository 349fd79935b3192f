"""Ids as other systems mean them, whatever a spreadsheet or a clipboard made of them. No Django.

    surrounding blanks off, invisible characters off wherever they are, NFC
    １００１, C‑1   1001, C-1    full-width letters and digits, and any kind of hyphen
    ="00123"      00123      what a spreadsheet is told so that it keeps the zeros
    '7011         7011       likewise
    1001.0        1001       a number that was read as a decimal one
    1.234E+3      1234       only where no digit is lost
    1,000         none       it may be 1000 or 1

What has several readings, or stands for nobody, is no id.
"""

import re
import unicodedata

from segments.addresses import INVISIBLE, SURROUNDING

MAX_ID = 100
# What systems write where they know nobody: all guests would become one customer.
NOBODY = frozenset(
    {"0", "-", "null", "(null)", "none", "nil", "nan", "n/a", "undefined", "guest", "anonymous"}
)
FORMULA = r'^="([^"]*)"$'
MARKED_AS_TEXT = r"^'([^']+)$"
DECIMAL = r"^([1-9][0-9]{0,14})[.,]0+$"
EXPONENT = r"^[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$"
WHOLE_EXPONENT = r"^([1-9])[.,]([0-9]+)[eE]\+([0-9]{1,2})$"
# Thousands with their marks: 1,000 and 12,345.00. Of 1.000 nobody knows; 1.234 may be a code.
GROUPED = r"^[1-9][0-9]{0,2}((,[0-9]{3})+([.][0-9]+)?|([.][0-9]{3})+,[0-9]+|([.]000)+)$"
SPREADSHEET_ERROR = r"^#(N/A|NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!)$"
# Characters that look alike in any font, and what is meant by them.
LIKE = "".join(map(chr, range(0xFF01, 0xFF5F))) + "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
MEANT = "".join(map(chr, range(0x21, 0x7F))) + "-" * 7
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read_id(text: str) -> str | None:
    """The id that a text means; None where it is none, or more than one is possible."""
    text = SURROUNDING.sub("", INVISIBLE.sub("", text)).translate(str.maketrans(LIKE, MEANT))
    text = unicodedata.normalize("NFC", text)
    for wrapped in (FORMULA, MARKED_AS_TEXT):
        if inner := re.match(wrapped, text):
            text = SURROUNDING.sub("", inner[1])
    if not text or len(text) > MAX_ID or CONTROL.search(text):
        return None
    if is_nobody(text) or re.match(SPREADSHEET_ERROR, text) or re.match(GROUPED, text):
        return None
    if decimal := re.match(DECIMAL, text):
        return decimal[1]
    if re.match(EXPONENT, text):
        parts = re.match(WHOLE_EXPONENT, text)
        is_whole = parts and len(parts[2]) == int(parts[3])
        return parts[1] + parts[2] if parts and is_whole else None
    return text


def is_nobody(text: str) -> bool:
    """Whether a cell of ids says that the customer has none."""
    return text.strip().lower() in NOBODY

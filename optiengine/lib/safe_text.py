"""Text that can do no harm where it is written: in a mail header, in a spreadsheet."""

import re

_CONTROL_CHARACTERS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
# Plain and full-width signs, and the white space that hides them (OWASP, CSV Injection).
_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9][0-9 ()./,-]*")  # also a phone number


def one_line(value: str) -> str:
    """`value` without line breaks and control characters; what they part is parted by a space."""
    if value.isprintable():
        return value
    return " ".join(value.split()).translate(_CONTROL_CHARACTERS)


def safe_cell(cell: str) -> str:
    """Text that a spreadsheet would take for a formula starts with an apostrophe.

    Numbers and phone numbers stay as they are: they can do no harm, and the apostrophe would.
    """
    if cell[:1].isalnum():  # nearly all cells
        return cell
    is_formula = _FORMULA.match(cell) and not _PLAIN_NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell

"""Values on one line of plain text: no line break can start a mail header."""

_CONTROL_CHARACTERS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])


def one_line(value: str) -> str:
    """`value` without line breaks and control characters; what they part is parted by a space."""
    if value.isprintable():
        return value
    return " ".join(value.split()).translate(_CONTROL_CHARACTERS)

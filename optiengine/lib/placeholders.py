"""Texts with placeholders: $name, ${name}, or ${name|what to say when it is blank}."""

from collections.abc import Collection, Mapping
from string import Template

# A placeholder's value stands on one line of plain text: no line break can start a mail header.
_CONTROL_CHARACTERS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])


class _Text(Template):
    braceidpattern = r"(?a:[_a-z][_a-z0-9]*)(?:\|[^{}$\r\n]*)?"


class _Values(dict[str, str]):
    """Knows `name|fallback` for every name it knows."""

    def __missing__(self, placeholder: str) -> str:
        name, bar, fallback = placeholder.partition("|")
        if not bar:
            raise KeyError(placeholder)
        return self[name] or fallback


def unknown_placeholders(text: str, known: Collection[str]) -> list[str]:
    """Names that `text` asks for and nobody can fill in, in order, each once."""
    names = (placeholder.partition("|")[0] for placeholder in _Text(text).get_identifiers())
    return [name for name in dict.fromkeys(names) if name not in known]


def one_line(value: str) -> str:
    """`value` without line breaks and control characters; what they part is parted by a space."""
    if value.isprintable():
        return value
    return " ".join(value.split()).translate(_CONTROL_CHARACTERS)


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders filled in; what is unknown, and a lone $, stays as it is.

    Values are taken literally, on one line each: a $ in a value is a $ in the result.
    """
    return _Text(text).safe_substitute(
        _Values((name, one_line(value)) for name, value in values.items())
    )

"""Exports of widely used systems: recognised by their headings, read as these systems mean them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segments.imports.values.headings import normal

Headings = str | tuple[str, ...]  # one heading, or its spellings in several versions


@dataclass(frozen=True)
class KnownExport:
    """What a system writes into a file, and what it means by it.

    name : of the system and its export, as its users know it. kind : of the import. headings :
    those by which it is recognised, all of which a file must have. mapping : our field → its
    column; the fields that are not named are left out. options : of the import, as ImportOptions
    """

    name: str
    kind: str
    headings: tuple[Headings, ...]
    mapping: Mapping[str, Headings]
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str = "file"

    def is_of(self, columns: Iterable[str]) -> bool:
        names = {normal(column) for column in columns}
        return all(any(normal(h) in names for h in spellings(wanted)) for wanted in self.headings)

    def mapping_of(self, columns: Sequence[str]) -> dict[str, str]:
        """Our field → the file's column, for the columns that this file has."""
        by_name = {normal(column): column for column in reversed(columns)}
        mapping = {}
        for name, headings in self.mapping.items():
            for heading in spellings(headings):
                parts = [by_name.get(normal(part)) for part in heading.split("*")]
                if all(parts):
                    mapping[name] = "*".join(filter(None, parts))
                    break
        return mapping

    def options_of(self, columns: Sequence[str]) -> dict[str, Any]:
        """The options, with this file's names of columns, for the columns that it has."""
        by_name = {normal(column): column for column in reversed(columns)}
        options = dict(self.options)
        for name in ("leave_out", "take_only"):
            if name in options:
                options[name] = {
                    by_name[normal(heading)]: tuple(cells)
                    for heading, cells in options[name].items()
                    if normal(heading) in by_name
                }
        if headings := options.get("return_column"):
            here = [by_name[normal(h)] for h in spellings(headings) if normal(h) in by_name]
            options["return_column"] = here[0]
        return options


def spellings(heading: Headings) -> tuple[str, ...]:
    return (heading,) if isinstance(heading, str) else heading

"""Base class of our commands: they print figures for people, or as one JSON object."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class FiguresHelpFormatter(DjangoHelpFormatter):
    """Keeps the line breaks of the table of columns in `--help`."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in text.splitlines())


class FiguresCommand(BaseCommand):
    """A command whose result is figures.

    `compute` returns them; they are printed a line each, or, with `--json`, as one object on the
    last line of output. `columns` names every figure for `--help`. A command that fails raises
    CommandError, and the process exits with a status other than zero. A figure may be a list of
    rows with the same names: printed as a table.
    """

    columns: Mapping[str, str] = {}

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        lines = [self.help, "", "Figures:"]
        lines += [f"  {name:<24} {meaning}" for name, meaning in self.columns.items()]
        kwargs["formatter_class"] = FiguresHelpFormatter
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = "\n".join(lines)
        parser.add_argument(
            "--json",
            action="store_true",
            help="Print the figures as one JSON object on the last line.",
        )
        return parser

    if TYPE_CHECKING:  # each command names the options that it takes
        compute: Callable[..., Mapping[str, Any]]

    def show(self, figures: Mapping[str, Any]) -> None:
        """Print the figures for people; commands with a table override this."""
        width = max((len(name) for name in figures), default=0)
        for name, value in figures.items():
            if isinstance(value, list) and value and isinstance(value[0], Mapping):
                self.stdout.write(f"\n{name}")
                self.stdout.writelines(f"  {line}\n" for line in _table(value))
            else:
                self.stdout.write(f"{name:<{width}}  {value}")

    def handle(self, *args: Any, **options: Any) -> None:
        figures = self.compute(**options)
        if options["json"]:
            self.stdout.write(json.dumps(figures, default=str, allow_nan=False))
        else:
            self.show(figures)


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A header and the rows, in columns: numbers right-aligned; unknown values stay empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names] + [["" if row.get(n) is None else str(row[n]) for n in names] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    is_number = [isinstance(rows[0].get(name), int | float) for name in names]
    return [
        "  ".join(
            f"{cell:>{width}}" if right else f"{cell:<{width}}"
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in cells
    ]


def iso_date(text: str) -> date:
    """Type of an argument: argparse turns its ValueError into a clear error message."""
    return date.fromisoformat(text)

"""What our commands have in common: figures for people, or as one JSON object."""

import json
from collections.abc import Callable, Mapping
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
    CommandError, and the process exits with a status other than zero.
    """

    columns: Mapping[str, str] = {}

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        lines = [self.help, "", "Figures:"]
        lines += [f"  {name:<24} {meaning}" for name, meaning in self.columns.items()]
        kwargs["formatter_class"] = FiguresHelpFormatter
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = "\n".join(lines)
        parser.add_argument(
            "--json", action="store_true", help="Print the figures as one JSON object, last line."
        )
        return parser

    if TYPE_CHECKING:  # each command names the options that it takes
        compute: Callable[..., Mapping[str, Any]]

    def show(self, figures: Mapping[str, Any]) -> None:
        """For people; a command whose figures are a table says here how it looks."""
        width = max((len(name) for name in figures), default=0)
        for name, value in figures.items():
            self.stdout.write(f"{name:<{width}}  {value}")

    def handle(self, *args: Any, **options: Any) -> None:
        figures = self.compute(**options)
        if options["json"]:
            self.stdout.write(json.dumps(figures, default=str, allow_nan=False))
        else:
            self.show(figures)


def iso_date(text: str) -> date:
    """An argument's type: argparse turns its ValueError into a clear refusal."""
    return date.fromisoformat(text)

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from django.core.management.base import CommandParser

from segments.channels import CHANNELS
from segments.management.import_command import ImportCommand
from segments.models.customer import PROFILE

COLUMNS = ", ".join(name for name in PROFILE if name != "attributes")


class Command(ImportCommand):
    kind = "customers"
    help = f"""Import customers from a CSV file.

One row per customer, with a column for the customer's id and any of these:
{fill(COLUMNS, 95)}
and consent_<channel> (yes or no; empty leaves it as it is). All other columns become attributes.
Fields without a column do not change, nor do those with an empty cell (--empty clear: they are
cleared). Importing the same file again changes nothing. A second row of a customer counts as
unchanged if it is identical, and is rejected otherwise."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--consented",
            action="append",
            choices=list(CHANNELS),
            default=[],
            help="Everyone in the file has consented to this channel, where no column says it. May "
            "be repeated.",
        )

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return super().options_of(options) | {"consented": tuple(options["consented"])}

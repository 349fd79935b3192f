from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from segments.channels import EMAIL, address_fields
from segments.management.import_command import ImportCommand


class Command(ImportCommand):
    kind = "suppressions"
    help = """Import a suppression list from a CSV file.

One row per address that is never written to: email, phone, or hash (SHA-256 or MD5 in hexadecimal
of the address in lower case, or of the number in E.164), and any of channel and why (bounce,
complaint or request). Only keyed hashes are stored. Customers with one of the addresses are
suppressed at once, and those who come with it later, in any spelling. Importing the same file
again changes nothing."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--channel",
            choices=list(address_fields()),
            default=EMAIL,
            help="Channel of hashes whose row names none (email).",
        )

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return super().options_of(options) | {"channel": options["channel"]}

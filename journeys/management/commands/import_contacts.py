from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from segments.channels import CHANNELS, EMAIL
from segments.management.import_command import ImportCommand


class Command(ImportCommand):
    kind = "contacts"
    help = """Import the messages that another system sent from a CSV file.

Columns: customer (id), campaign (name), date, and any of action (name; not needed where the
campaign has one), group (test or control; without it all are test), assignment_prob (with which
this action was chosen) or probability (with which the customer came into this very group, which
needs control_share too), control_share (of this action's messages). A date alone means the day's
first moment. Stored messages never change: a row that contradicts one is rejected. Imported
messages belong to the baseline group."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--create-campaigns",
            action="store_true",
            help="Make campaigns and actions that are not known, as ended.",
        )
        parser.add_argument(
            "--channel",
            choices=CHANNELS,
            default=EMAIL,
            help="Of the actions made by --create-campaigns.",
        )
        parser.add_argument(
            "--create-customers", action="store_true", help="Make customers that are not known."
        )

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = ("create_campaigns", "channel", "create_customers")
        return super().options_of(options) | {name: options[name] for name in names}

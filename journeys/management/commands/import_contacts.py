from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from segments.channels import CHANNELS, EMAIL
from segments.management.import_command import ImportCommand


class Command(ImportCommand):
    kind = "contacts"
    help = """Import the messages that another system sent from a CSV file.

Columns: customer (id), campaign (name), date, and any of action (name; not needed where the
campaign has only one), group (test or control; without this column all are test), assignment_prob
(probability of choosing this action) or probability (of being assigned to this group; needs
control_share, too), control_share (share of this action's messages). A date without a time means
the start of the day. Stored messages never change: a row that contradicts one is rejected.
Imported messages belong to the baseline group."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--create-campaigns",
            action="store_true",
            help="Create campaigns and actions that do not exist yet, as ended.",
        )
        parser.add_argument(
            "--channel",
            choices=CHANNELS,
            default=EMAIL,
            help="Channel of the actions that --create-campaigns creates.",
        )
        parser.add_argument(
            "--create-customers",
            action="store_true",
            help="Create customers that do not exist yet.",
        )
        parser.add_argument(
            "--reject-unknown",
            action="store_true",
            help="Reject rows of customers that do not exist yet, instead of keeping them until "
            "they do.",
        )

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = ("create_campaigns", "channel", "create_customers", "reject_unknown")
        return super().options_of(options) | {name: options[name] for name in names}

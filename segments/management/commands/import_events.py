from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from segments.management.import_command import ImportCommand, pair


class Command(ImportCommand):
    kind = "events"
    help = """Import events from a CSV file.

Columns: customer (id) and occurred_at (ISO 8601; without an offset, in the organisation's time
zone), and any of kind, amount or amount_cents, external_id, properties (JSON). All other columns
become properties. Without an id column, the id is a hash of the row and its number among identical
rows. Importing the same file again changes nothing; a row with a known id replaces the stored
event.

An export of order lines:  import_events FILE --amount "Quantity*UnitPrice" \\
    --return-prefix InvoiceNo=C --create-customers"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--kind", default="order", help="Event kind of rows without one (default: order)."
        )
        parser.add_argument(
            "--kind-of",
            action="append",
            type=pair,
            default=[],
            metavar="VALUE=KIND",
            help="The event kind that a value in the column of kinds means: refund=return. May be "
            "repeated.",
        )
        parser.add_argument(
            "--order-states",
            action="store_true",
            help="The column of kinds has the status of orders (paid, cancelled ...). Only paid "
            "orders count; rows with an unknown status are rejected.",
        )
        parser.add_argument(
            "--line-items",
            action="store_true",
            help="Further rows of an event ID are items of the same order, whose amount counts "
            "once.",
        )
        parser.add_argument(
            "--amount",
            default="",
            metavar="COLUMN or A*B",
            help="The column of the amount, or two columns to multiply, rounded to the cent.",
        )
        parser.add_argument(
            "--return-prefix",
            type=pair,
            default=("", ""),
            metavar="COLUMN=PREFIX",
            help="Rows whose cell in COLUMN begins with PREFIX are returns.",
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

    def mapping_of(self, options: Mapping[str, Any]) -> dict[str, str]:
        amount = {"amount": options["amount"]} if options["amount"] else {}
        return super().mapping_of(options) | amount

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        column, prefix = options["return_prefix"]
        return super().options_of(options) | {
            "default_kind": options["kind"],
            "kinds": dict(options["kind_of"]),
            "order_states": options["order_states"],
            "line_items": options["line_items"],
            "return_column": column,
            "return_prefix": prefix,
            "create_customers": options["create_customers"],
            "reject_unknown": options["reject_unknown"],
        }

from textwrap import fill

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

from segments.management.import_command import ImportCommand


class Command(ImportCommand):
    kind = "customers"
    help = """Import customers from a CSV file.

One row per customer, with a column for the customer's id and any of email, phone, first_name,
last_name, country (ISO, 2 letters), time_zone, language, birth_date, registered_on (YYYY-MM-DD)
and consent_<channel> (yes or no; empty leaves it as it is). All other columns become attributes.
Fields without a column do not change, nor do those with an empty cell (--empty clear: they are
cleared). Importing the same file again changes nothing. A second row of a customer counts as
unchanged if it is identical, and is rejected otherwise."""

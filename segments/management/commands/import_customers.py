from segments.management.import_command import ImportCommand


class Command(ImportCommand):
    kind = "customers"
    help = """Import customers from a CSV file.

One row per customer, with a column for the customer's id and any of email, phone, first_name,
last_name, country (ISO, 2 letters), time_zone, language, birth_date, registered_on (YYYY-MM-DD)
and consent_<channel> (yes or no; empty leaves it as it is). All other columns become attributes.
What the file has no column for is left alone; an empty cell clears. The same file twice changes
nothing. A customer's second row is "unchanged" when it says the same, else rejected."""

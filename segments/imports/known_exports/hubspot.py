"""HubSpot's export of contacts.

It says who opted out, which is a no; that nobody opted out is no consent. Contacts with a legal
basis for marketing have it as a property of its own, which a person maps.
"""

from segments.imports.known_exports.known_export import KnownExport

CONTACTS = KnownExport(
    name="HubSpot: contacts",
    kind="customers",
    headings=(
        ("Record ID", "Contact ID"),
        "Email",
        ("Lifecycle Stage", "Create Date", "Contact owner"),
        ("Unsubscribed from all email", "Create Date", "Last Activity Date"),
    ),
    mapping={
        "external_id": ("Record ID", "Contact ID"),
        "email": "Email",
        "phone": ("Mobile Phone Number", "Phone Number"),
        "first_name": "First Name",
        "last_name": "Last Name",
        "country": ("Country/Region", "Country"),
        "language": "Preferred language",
        "time_zone": "Time Zone",
        "birth_date": "Date of birth",
        "registered_on": "Create Date",
        "opt_out_email": (
            "Unsubscribed from all email",
            "Opted out of all email",
            "Opted out of email: Marketing Information",
        ),
    },
)

"""Salesforce's contacts, by the names of its API (Data Loader) and by those of its reports.

It says who opted out, which is a no; that nobody opted out is no consent.
"""

from segments.imports.known_exports.known_export import KnownExport

CONTACTS = KnownExport(
    name="Salesforce: contacts",
    kind="customers",
    headings=(
        ("Id", "Contact ID"),
        ("LastName", "Last Name"),
        "Email",
        ("AccountId", "Account ID", "Account Name", "HasOptedOutOfEmail", "Email Opt Out"),
        ("MailingCountry", "Mailing Country", "HasOptedOutOfEmail", "Email Opt Out"),
    ),
    mapping={
        "external_id": ("Id", "Contact ID"),
        "email": "Email",
        "phone": ("MobilePhone", "Mobile", "Phone"),
        "first_name": ("FirstName", "First Name"),
        "last_name": ("LastName", "Last Name"),
        "country": ("MailingCountryCode", "MailingCountry", "Mailing Country"),
        "birth_date": ("Birthdate", "Birth Date"),
        "registered_on": ("CreatedDate", "Created Date"),
        "opt_out_email": ("HasOptedOutOfEmail", "Email Opt Out"),
        "opt_out_call": ("DoNotCall", "Do Not Call"),
    },
    options={"leave_out": {"IsDeleted": ("true",)}},
)

"""Mailchimp's members: one file with their status, or one each for subscribed, unsubscribed and
cleaned addresses.

The files of subscribed and of non-subscribed members have the same columns, so neither is read as
consent: a person says which it is. An unsubscribed or cleaned address is an opt-out, as of then.
"""

from segments.imports.known_exports.known_export import Headings, KnownExport

MEMBER: dict[str, Headings] = {
    "external_id": "Email Address",
    "email": "Email Address",
    "phone": ("Phone Number", "Phone"),
    "first_name": "First Name",
    "last_name": "Last Name",
    "birth_date": ("Birthday", "Birthdate"),
    "country": "CC",
    "time_zone": "TIMEZONE",
}
STATUS = KnownExport(
    name="Mailchimp: members with their status",
    kind="customers",
    headings=("Email Address", "MEMBER_RATING", "OPTIN_TIME", ("Status", "MEMBER_STATUS")),
    mapping=MEMBER | {"consent_email": ("Status", "MEMBER_STATUS")},
)
UNSUBSCRIBED = KnownExport(
    name="Mailchimp: unsubscribed members",
    kind="customers",
    headings=("Email Address", "UNSUB_TIME"),
    mapping=MEMBER | {"opt_out_email": "UNSUB_TIME", "consent_at": "UNSUB_TIME"},
)
CLEANED = KnownExport(
    name="Mailchimp: cleaned members",
    kind="customers",
    headings=("Email Address", "CLEAN_TIME"),
    mapping=MEMBER | {"opt_out_email": "CLEAN_TIME", "consent_at": "CLEAN_TIME"},
)
MEMBERS = KnownExport(
    name="Mailchimp: members (subscribed or not: say which)",
    kind="customers",
    headings=("Email Address", "MEMBER_RATING", "OPTIN_TIME", "CONFIRM_TIME"),
    mapping=MEMBER,
)

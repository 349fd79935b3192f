"""Mailchimp's members: one file with their status, or one each for subscribed, unsubscribed and
cleaned addresses.

The files of subscribed and of non-subscribed members have the same columns, so neither is read as
consent: a person says which it is. An unsubscribed or cleaned address is an opt-out, as of then.
"""

from segments.imports.known_exports.known_export import Headings, KnownExport
from segments.imports.values import headings

# The name that the audience's field has, in its owner's language.
ADDRESS = ("Email Address", "E-Mail", *headings.EMAIL)
MEMBER: dict[str, Headings] = {
    "external_id": ADDRESS,
    "email": ADDRESS,
    "phone": ("Phone Number", "Phone", *headings.PHONE),
    "first_name": ("First Name", *headings.FIRST_NAME),
    "last_name": ("Last Name", *headings.LAST_NAME),
    "birth_date": ("Birthday", "Birthdate", *headings.BIRTH_DATE),
    "country": "CC",
    "time_zone": "TIMEZONE",
}
# All contacts of an account, in its newer pages.
CONTACTS = KnownExport(
    name="Mailchimp: all members",
    kind="customers",
    headings=(ADDRESS, "Email Marketing Status", ("Contact Rating", "SMS Marketing Status")),
    mapping=MEMBER
    | {
        "consent_email": "Email Marketing Status",
        "consent_sms": "SMS Marketing Status",
        "registered_on": "Date Added",
    },
)
STATUS = KnownExport(
    name="Mailchimp: members with their status",
    kind="customers",
    headings=(ADDRESS, "MEMBER_RATING", "OPTIN_TIME", ("Status", "MEMBER_STATUS")),
    mapping=MEMBER | {"consent_email": ("Status", "MEMBER_STATUS")},
)
UNSUBSCRIBED = KnownExport(
    name="Mailchimp: unsubscribed members",
    kind="customers",
    headings=(ADDRESS, "UNSUB_TIME"),
    mapping=MEMBER | {"opt_out_email": "UNSUB_TIME", "consent_at": "UNSUB_TIME"},
)
CLEANED = KnownExport(
    name="Mailchimp: cleaned members",
    kind="customers",
    headings=(ADDRESS, "CLEAN_TIME"),
    mapping=MEMBER | {"opt_out_email": "CLEAN_TIME", "consent_at": "CLEAN_TIME"},
)
MEMBERS = KnownExport(
    name="Mailchimp: members (subscribed or not: say which)",
    kind="customers",
    headings=(ADDRESS, "MEMBER_RATING", "OPTIN_TIME", "CONFIRM_TIME"),
    mapping=MEMBER,
)

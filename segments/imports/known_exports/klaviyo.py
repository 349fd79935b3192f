"""Klaviyo's export of the profiles of a list or segment."""

from segments.imports.known_exports.known_export import KnownExport

PROFILES = KnownExport(
    name="Klaviyo: profiles",
    kind="customers",
    headings=(
        "Email",
        ("Klaviyo ID", "Profile Created On", "First Active", "Email Marketing Consent Timestamp"),
        ("Email Marketing Consent", "Email Marketing Status", "SMS Marketing Consent"),
    ),
    mapping={
        "external_id": ("External ID", "Klaviyo ID", "Email"),
        "email": "Email",
        "phone": "Phone Number",
        "first_name": "First Name",
        "last_name": "Last Name",
        "country": "Country",
        "time_zone": "Timezone",
        "language": ("Locale", "Language"),
        "birth_date": ("Birthday", "Date of Birth"),
        "registered_on": ("Profile Created On", "First Active"),
        "consent_email": ("Email Marketing Consent", "Email Marketing Status"),
        # Bounces, complaints and unsubscribes; [] where there are none.
        "opt_out_email": "Email Suppressions",
        "consent_sms": ("SMS Marketing Consent", "SMS Marketing Status"),
    },
)

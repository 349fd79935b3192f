"""If you add a column to Customer, this says what else it needs.

A column is personal (blanked by erasure) or kept for a reason; what is said of a person can be
imported, written and read by the API, edited in the admin, and named in messages.
"""

from dataclasses import fields
from datetime import date

import pytest

from campaigns.message_variables import ATTRIBUTES, MEANINGS
from journeys.delivery.render_message import Recipient
from segments.customers.admin.customer import CUSTOMER_FIELDS, CustomerAdmin
from segments.customers.api.customer_writes import CustomerWrite
from segments.customers.api.serializers import CustomerSerializer
from segments.customers.erase_customer import erase_customer
from segments.imports.import_customers import customer_fields
from segments.imports.spec import ImportOptions, ImportPlan
from segments.models import Customer
from segments.models.customer import (
    FROM_ADDRESSES,
    FROM_MESSAGES,
    KEPT_AFTER_ERASURE,
    PROFILE,
)
from tests.factories import NOW, make_customer

# A value of each personal column that erasure has to take away.
ANNA = {
    "email": "anna@example.com",
    "phone": "+49 170 1",
    "first_name": "Anna",
    "last_name": "Nym",
    "country": "PT",
    "time_zone": "Europe/Lisbon",
    "language": "pt",
    "birth_date": date(1971, 2, 3),
    "registered_on": date(2026, 1, 2),
    "attributes": {"club": "gold"},
    "consents": ["email"],
    "consents_unclear": ["sms"],
    "topics_declined": [7],
    "suppressed_channels": ["sms"],
}
NOT_IN_IMPORTS = {"attributes"}  # made of the columns that no field is found for
NOT_IN_MESSAGES = {
    "email",  # a message that shows its own address helps the person who finds it
    "phone",
    "time_zone",
    "registered_on",
}


def columns() -> set[str]:
    return {field.name for field in Customer._meta.get_fields() if field.concrete}


def test_every_column_is_blanked_or_kept_for_a_reason():
    declared = [*PROFILE, *FROM_ADDRESSES, *FROM_MESSAGES, *KEPT_AFTER_ERASURE]
    assert sorted(declared) == sorted(columns())
    assert all(KEPT_AFTER_ERASURE.values())


def test_a_forgotten_column_is_found(monkeypatch):
    monkeypatch.delitem(PROFILE, "birth_date")
    with pytest.raises(AssertionError, match="birth_date"):
        test_every_column_is_blanked_or_kept_for_a_reason()


@pytest.mark.django_db
def test_erasure_blanks_every_personal_column():
    assert ANNA.keys() == PROFILE.keys() | FROM_MESSAGES.keys()
    anna = make_customer(**ANNA)

    assert erase_customer(anna, source="letter", at=NOW)

    erased = Customer.objects.values(*ANNA, *FROM_ADDRESSES).get(pk=anna.pk)
    assert erased == PROFILE | FROM_ADDRESSES | FROM_MESSAGES
    assert all(erased[name] != value for name, value in ANNA.items())


@pytest.mark.django_db
def test_what_is_said_of_a_person_can_be_imported():
    plan = ImportPlan(NOW, "UTC", "test", "upsert", ImportOptions(), cells={})
    names = {field.name for field in customer_fields(plan)}
    said = {name for name in names if not name.startswith(("consent_", "opt_out_"))} - {
        "external_id"
    }
    assert said == PROFILE.keys() - NOT_IN_IMPORTS


def test_what_is_said_of_a_person_goes_through_the_api():
    assert CustomerWrite().fields.keys() == PROFILE.keys()
    shown = CustomerSerializer().fields.keys()
    assert columns() - shown == {"id", "topics_declined", *FROM_ADDRESSES}


def test_the_admins_form_has_a_place_for_each_field():
    assert PROFILE.keys() <= set(CUSTOMER_FIELDS)
    placed = []
    for _title, options in CustomerAdmin.fieldsets:
        for row in options["fields"]:
            placed += [row] if isinstance(row, str) else row
    also = [*CustomerAdmin.readonly_fields, "consent_proof"]  # kept with what is said, no column
    assert sorted(placed) == sorted([*CUSTOMER_FIELDS, *also])


def test_messages_can_name_what_is_not_left_out_on_purpose():
    known = {field.name for field in fields(Recipient)}
    assert known - {"external_id"} == PROFILE.keys() - NOT_IN_MESSAGES
    offered = {name for name in [*MEANINGS, ATTRIBUTES] if name.startswith("customer.")}
    assert offered == {f"customer.{'id' if name == 'external_id' else name}" for name in known}

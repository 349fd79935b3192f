"""Customers written, allowed and erased by partner systems."""

import json
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission, User

from segments.customers.record_consents import record_consents
from segments.customers.suppress_addresses import suppress_address
from segments.models import ConsentStatement, Customer
from segments.models.consent import ConsentSource
from segments.shapes import YEARLESS
from tests.api.conftest import client_of
from tests.factories import NOW, make_customer

pytestmark = [pytest.mark.django_db, pytest.mark.long]
WRITTEN = {
    "email": "Anna@EXAMPLE.com",
    "phone": "+49 170 1",
    "first_name": "Anna",
    "country": "pt",
    "time_zone": "Europe/Lisbon",
    "language": "pt-PT",
    "birth_date": "1971-02-03",
    "attributes": {"points": 12, "club": "gold", "is_staff": False},
}


def put(client, body, external_id="K-9"):
    address = f"/api/v1/customers/{external_id}/"
    return client.put(address, json.dumps(body), content_type="application/json")


def test_a_customer_is_made_and_then_changed_by_the_fields_that_are_given(superuser):
    made = put(superuser, WRITTEN)
    assert made.status_code == 201
    assert made.json()["email"] == "Anna@example.com"
    assert made.json()["country"] == "PT"
    assert put(superuser, WRITTEN).status_code == 200

    changed = put(superuser, {"first_name": "Berta", "phone": ""})

    customer = Customer.objects.get(external_id="K-9")
    assert changed.json()["first_name"] == customer.first_name == "Berta"
    assert (customer.phone, customer.attributes) == ("", WRITTEN["attributes"])
    assert customer.consents == []


def test_a_birthday_may_lack_its_year_and_a_country_may_be_called_uk(superuser):
    answer = put(superuser, {"birth_date": "--02-29", "country": "UK"})
    assert (answer.json()["birth_date"], answer.json()["country"]) == ("--02-29", "GB")
    assert Customer.objects.get().birth_date == date(YEARLESS, 2, 29)


def test_a_language_is_stored_in_one_spelling(superuser):
    assert put(superuser, {"language": "pt_br"}).json()["language"] == "pt-BR"


def test_a_suppressed_address_stays_so(superuser):
    suppress_address("email", "anna@example.com", reason="bounce", source="test", at=NOW)
    assert put(superuser, WRITTEN).json()["suppressed_channels"] == ["email"]
    assert put(superuser, {"email": "b@example.com"}).json()["suppressed_channels"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "anna"), ("email", "a..b@example.com"),
        ("phone", "call me"), ("country", "Portugal"), ("time_zone", "Lisbon"),
        ("language", "Portuguese"), ("birth_date", "1871-01-01"), ("birth_date", "tomorrow"),
        ("country", "XX"), ("birth_date", "--02-30"), ("registered_on", "--02-28"),
        ("first_name", "a\nb"), ("first_name", "\x00"), ("first_name", "\ud800"),
        ("attributes", {"a": {}}), ("attributes", {"a": "\x00"}), ("attributes", {"\ud800": 1}),
        ("attributes", [1]), ("consents", ["email"]), ("external_id", "K-1"),
    ],
)  # fmt: skip
def test_a_field_that_says_nothing_clear_is_refused_by_name(superuser, field, value):
    answer = put(superuser, {field: value})
    assert answer.status_code == 400
    assert field in answer.json()
    assert not Customer.objects.exists()


def test_consents_change_with_their_proof(superuser):
    make_customer(external_id="K-9", consents=["sms", "post"])
    body = {"consents": {"email": True, "sms": False}, "source": "account page, wording 4"}

    answer = superuser.patch("/api/v1/customers/K-9/consents/", body, format="json")
    again = superuser.patch("/api/v1/customers/K-9/consents/", body, format="json")

    assert answer.json()["consents"] == again.json()["consents"] == ["email", "post"]
    statement = ConsentStatement.objects.filter(channel="email").earliest("pk")
    assert statement.source == "account page, wording 4 (API: root)"


@pytest.mark.parametrize(
    "body",
    [
        {"consents": {"email": True}},
        {"consents": {}, "source": "x"},
        {"consents": {"fax": True}, "source": "x"},
        {"consents": {"email": "perhaps"}, "source": "x"},
        {"consents": {"email": True}, "source": "x", "at": "2999-01-01T00:00:00Z"},
        {"consents": {"email": True}, "source": "x", "at": "2026-01-01"},
    ],
)
def test_consents_without_a_clear_proof_are_refused(superuser, body):
    make_customer(external_id="K-9")
    answer = superuser.patch("/api/v1/customers/K-9/consents/", body, format="json")
    assert answer.status_code == 400
    assert not ConsentStatement.objects.exists()


def test_erasure_is_for_good(superuser):
    make_customer(external_id="K-9", email="anna@example.com")
    assert superuser.delete("/api/v1/customers/K-9/").status_code == 204
    assert superuser.delete("/api/v1/customers/K-9/").status_code == 204
    assert superuser.delete("/api/v1/customers/nobody/").status_code == 404

    refused = put(superuser, WRITTEN)
    assert "erased" in refused.json()["external_id"][0]
    body = {"consents": {"email": True}, "source": "x"}
    consents = superuser.patch("/api/v1/customers/K-9/consents/", body, format="json")
    assert consents.status_code == 400
    assert superuser.get("/api/v1/customers/K-9/").json()["email"] == ""


def test_who_may_change_and_not_add_makes_nobody():
    user = User.objects.create_user("changer")
    user.user_permissions.set(Permission.objects.filter(codename="change_customer"))
    client = client_of(user)
    assert put(client, WRITTEN).status_code == 403
    make_customer(external_id="K-9")
    assert put(client, WRITTEN).status_code == 200


def test_a_partner_brings_back_a_withdrawal_only_with_its_time_and_a_proof(superuser):
    anna = make_customer(external_id="K-9", consents=["email"])
    page = ConsentSource.PREFERENCE_PAGE
    record_consents(anna, {"email": False}, kind=page, source="t", said_at=NOW, at=NOW)
    address, body = "/api/v1/customers/K-9/consents/", {"consents": {"email": True}, "source": "s"}
    later = (NOW + timedelta(hours=1)).isoformat()
    proof = {"wording": "Yes, please (4)", "ip": "192.0.2.7"}

    for more in ({}, {"proof": proof}, {"by_customer": True}, {"at": later},
                 {"at": (NOW - timedelta(hours=1)).isoformat(), "proof": proof}):  # fmt: skip
        kept = superuser.patch(address, body | more, format="json").json()
        assert (kept["consents"], kept["kept_withdrawn"]) == ([], ["email"]), more
    back = superuser.patch(address, body | {"at": later, "proof": proof}, format="json").json()
    assert (back["consents"], back["kept_withdrawn"]) == (["email"], [])

    record = superuser.get(address).json()
    assert [(each["channel"], each["allowed"]) for each in record["holds"]] == [("email", True)]
    assert len(record["statements"]) == 7
    proven = [each for each in record["statements"] if each["brings_back"]]
    assert [each["proof"] for each in proven] == [proof, proof]
    assert {each["kind"] for each in record["statements"]} == {"api", "preference_page"}


@pytest.mark.parametrize(
    "proof", [[], {"wording": ""}, {"": "x"}, {"x": "y" * 1001}, {str(n): "x" for n in range(21)}]
)
def test_a_proof_that_is_none_is_refused(superuser, proof):
    make_customer(external_id="K-9")
    body = {"consents": {"email": True}, "source": "s", "proof": proof}
    answer = superuser.patch("/api/v1/customers/K-9/consents/", body, format="json")
    assert answer.status_code == 400
    assert not ConsentStatement.objects.exists()

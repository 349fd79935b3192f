"""The customer's page: what holds and why, and consents entered for a customer with their proof."""

from datetime import timedelta

import pytest

from campaigns.models import Tag
from segments.channels import EMAIL, SMS
from segments.customers.record_consents import record_consents
from segments.models import ConsentStatement
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_customer
from tests.segments.importing import import_text

pytestmark = pytest.mark.django_db


def address(customer) -> str:
    return f"/admin/segments/customer/{customer.pk}/change/"


def form(customer, shown, consents, **more):
    fields = {"external_id": customer.external_id, "email": customer.email, "attributes": "{}"}
    return fields | {"consents": consents, "initial-consents": shown} | more


def test_the_page_shows_the_statements_and_why_what_holds_holds(admin_client, tmp_path):
    anna = make_customer(external_id="K-1", consents=[])
    shoes = Tag.objects.create(name="shoes", is_topic=True, title="Shoes & more")
    text = "id,consent_email,consent_sms\nK-1,yes,perhaps\n"
    for night in range(3):
        import_text(tmp_path, text, at=NOW + night * timedelta(days=1))
    page = ConsentSource.PREFERENCE_PAGE
    record_consents(
        anna, {EMAIL: False}, {shoes.pk: False}, kind=page, source="page", said_at=NOW, at=NOW
    )

    shown = admin_client.get(address(anna)).text

    assert "Shoes &amp; more" in shown
    assert "3 times" in shown  # the nightly file
    assert "The customer withdrew" in shown
    assert "could not be read" in shown
    assert "preference page: page (the customer)" in shown


def test_a_consent_entered_for_a_customer_needs_its_proof(admin_client):
    anna = make_customer(consents=[EMAIL])
    refused = admin_client.post(address(anna), form(anna, [EMAIL], [EMAIL, SMS]))
    assert refused.status_code == 200
    assert "Enter when and how" in refused.text

    said = form(anna, [EMAIL], [EMAIL, SMS], consent_proof="By phone, 1 March")
    assert admin_client.post(address(anna), said).status_code == 302
    anna.refresh_from_db()
    assert anna.consents == [EMAIL, SMS]
    statement = ConsentStatement.objects.get()
    assert statement.proof == {"text": "By phone, 1 March", "entered_by": "admin"}
    assert (statement.channel, statement.brings_back) == (SMS, True)


def test_what_is_withdrawn_for_a_customer_no_file_brings_back(admin_client, tmp_path):
    anna = make_customer(external_id="K-1", consents=[EMAIL])
    admin_client.post(address(anna), form(anna, [EMAIL], []))
    assert ConsentStatement.objects.get().by_customer

    job = import_text(tmp_path, "id,consent_email\nK-1,yes\n")
    anna.refresh_from_db()
    assert (anna.consents, job.n_kept_withdrawn) == ([], 1)

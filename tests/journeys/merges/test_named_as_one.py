"""A person of several records is one for whoever names them: by address, by either ID."""

from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from journeys.errors import SignUpRefused
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import SignUpForm
from journeys.signups.begin_sign_up import begin_sign_up
from journeys.signups.confirm_sign_up import confirm_sign_up
from segments.customers.write_customer import write_customer
from segments.events.store_events import NewEvent, store_events
from segments.models import Customer, Event
from tests.factories import make_customer
from tests.segments.importing import counts, import_text, rejected

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ORDERS = "event_id,email,kind,occurred_at,amount\ne1,ana@example.com,order,2026-02-01T00:00Z,9.00\n"


@pytest.fixture
def records():
    emails = ("Ana@example.com", "ana@example.com")
    return [make_customer(external_id=f"K{n}", email=email) for n, email in enumerate(emails)]


@pytest.fixture
def api(admin_user) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


def test_a_file_that_names_them_by_address_is_about_the_kept_one(records, tmp_path):
    refused = import_text(tmp_path, ORDERS, kind="events")
    assert "Several customers" in rejected(refused)[2]
    merge_customers(records[1], records[0], at=AT, by=None)
    job = import_text(tmp_path, ORDERS, kind="events")
    assert counts(job) == (1, 1, 0, 0, 0)
    assert Event.objects.get().customer == records[1]


def test_an_event_of_the_api_that_names_them_by_address_is_about_the_kept_one(records, api):
    event = {
        "source": "shop",
        "events": [
            {
                "external_id": "e1",
                "email": "ana@example.com",
                "kind": "visit",
                "occurred_at": "2026-02-01T00:00:00Z",
            }
        ],
    }
    merge_customers(records[1], records[0], at=AT, by=None)
    response = api.post("/api/v1/events/", event, format="json")
    assert response.status_code in (200, 201), response.content
    assert Event.objects.get().customer == records[1]


def test_the_api_says_into_which_record_one_is_merged(records, api):
    merge_customers(records[1], records[0], at=AT, by=None)
    said = [api.get(f"/api/v1/customers/{row.external_id}/").json() for row in records]
    assert [row["merged_into"] for row in said] == ["K1", None]


def test_what_waited_for_an_address_goes_to_the_record_that_gets_it(records):
    merge_customers(records[1], records[0], at=AT, by=None)
    event = NewEvent("e1", "", "visit", AT, email="old@example.com")
    assert [each.status for each in store_events([event], source="shop", at=AT)] == ["waiting"]
    write_customer("K0", {"email": "old@example.com"}, at=AT, may_create=False)
    assert Event.objects.get().customer == records[0]


@pytest.fixture
def form(settings):
    settings.PUBLIC_URL = "http://testserver"
    return SignUpForm.objects.create(name="newsletter", title="News", language="en", wording="Yes")


def test_a_sign_up_at_the_merged_records_address_is_the_persons(form):
    kept = make_customer(email="kept@example.com", consents=[])
    alias = make_customer(email="old@example.com", consents=[])
    with pytest.raises(SignUpRefused):
        begin_sign_up(form, "old@example.com", topics=[], source="t", at=AT, customer=kept)
    merge = merge_customers(kept, alias, at=AT, by=None)
    for named in (None, kept, alias):
        sign_up = begin_sign_up(
            form, "Old@example.com", topics=[], source="t", at=AT, customer=named
        )
        assert confirm_sign_up(sign_up.pk, at=AT).customer == kept
    allowed = Customer.objects.order_by("pk").values_list("consents", flat=True)
    assert list(allowed) == [["email"], ["email"]]
    undo_merge(merge, at=AT, by=None)
    assert list(allowed.all()) == [[], ["email"]]


def test_a_sign_up_at_an_address_of_both_records_names_the_kept_one(form, records):
    merge_customers(records[1], records[0], at=AT, by=None)
    sign_up = begin_sign_up(form, "ana@example.com", topics=[], source="t", at=AT)
    assert sign_up.customer == records[1]
    assert confirm_sign_up(sign_up.pk, at=AT).customer == records[1]
    assert Customer.objects.count() == 2

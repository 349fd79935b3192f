"""Events and message history that name their customer by an address, as shops export them."""

import pytest
from django.utils import timezone

from segments.customers.suppress_addresses import suppress_address
from segments.events.store_events import NewEvent, store_events
from segments.models import Customer, Event, Suppression
from tests.factories import NOW, make_customer
from tests.segments.importing import counts, import_text, rejected

pytestmark = pytest.mark.django_db(transaction=True)


def orders() -> dict[str, str]:
    return {e.external_id: e.customer.external_id for e in Event.objects.select_related("customer")}


def test_an_order_without_an_id_is_matched_by_e_mail_in_any_spelling(tmp_path):
    make_customer(external_id="S1", email="Nora.K@Example.com")
    make_customer(external_id="S2", phone="+491701234567")
    text = (
        "event_id,email,phone,date,total\n1,nora.k@example.com,,2026-02-01,100.90\n"
        "2,,0170 1234567,2026-02-02,20.00\n3,nobody@example.com,,2026-02-02,20.00\n"
        "4,,,2026-02-02,20.00\n"
    )
    job = import_text(tmp_path, text, kind="events", country="DE", reject_unknown=True)

    assert counts(job) == (4, 2, 0, 0, 2)
    assert orders() == {"1": "S1", "2": "S2"}
    assert "no customer with the address “nobody@example.com”" in rejected(job)[4]
    assert "names no customer" in rejected(job)[5]


def test_guests_become_customers_under_their_address_and_never_one_lump(tmp_path):
    make_customer(external_id="C19-1", email="Mia.C19@example.com")
    suppress_address(
        "email",
        "guest2.c19@example.com",
        reason=Suppression.Reason.REQUEST,
        source="test",
        at=timezone.now(),
    )
    text = (
        "order_id,order_date,order_total,customer_id,customer_email\n"
        "501,2026-02-02 12:00:00,30.00,0,Guest1.C19@example.com\n"
        "502,2026-02-03 12:00:00,45.00,0,guest2.c19@example.com\n"
        "503,2026-02-04 12:00:00,99.00,7,mia.c19@example.com\n"
        "504,2026-02-05 12:00:00,99.00,0,\n"
    )
    how = {
        "kind": "events",
        "create_customers": True,
        "mapping": {
            "external_id": "order_id",
            "occurred_at": "order_date",
            "amount": "order_total",
        },
    }
    job = import_text(tmp_path, text, **how)

    assert counts(job) == (4, 3, 0, 0, 1)
    assert orders() == {
        "501": "guest1.c19@example.com",
        "502": "guest2.c19@example.com",
        "503": "C19-1",
    }
    guest = Customer.objects.get(external_id="guest2.c19@example.com")
    assert (guest.email_key, guest.suppressed_channels) == (guest.external_id, ["email"])
    assert counts(import_text(tmp_path, text, **how)) == (4, 0, 0, 3, 1)


def test_an_address_of_several_customers_names_none_of_them(tmp_path):
    for email in ("a@example.com", "A@example.com"):
        make_customer(email=email)
    for _ in range(21):
        make_customer(email="none@example.com")
    text = "email,date,amount\na@example.com,2026-02-01,1\nnone@example.com,2026-02-01,1\n"
    job = import_text(tmp_path, text, kind="events")

    assert "Several customers have the address" in rejected(job)[2]
    assert "of more than 20 customers" in rejected(job)[3]


def test_partner_systems_may_name_customers_by_an_address():
    anna = make_customer(email="Anna@müller.de")
    event = NewEvent("1", "", "product viewed", NOW, email="anna@xn--mller-kva.de")

    assert [stored.status for stored in store_events([event], source="shop", at=NOW)] == ["stored"]
    assert [stored.status for stored in store_events([event], source="shop", at=NOW)] == [
        "repeated"
    ]
    assert Event.objects.get().customer_id == anna.pk
    nobody = NewEvent("2", "0", "visit", NOW, email="x@example.com")
    (answer,) = store_events([nobody], source="shop", at=NOW, unknown="refuse")
    assert (answer.status, "x@example.com" in answer.reason) == ("refused", True)

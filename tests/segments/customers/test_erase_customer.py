"""After an erasure nothing in the database says who the person was."""

from datetime import date

import pytest
from django.db import connection

from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import ReasonCode, make_reason
from optiengine.lib.partitions import ensure_partitions
from segments.customers.erase_customer import erase_customer
from segments.customers.record_consents import record_consents
from segments.models import ConsentStatement, Customer, Event, ImportJob
from segments.models.consent import ConsentSource
from tests.factories import DAY, NOW, make_customer, make_delivery
from tests.segments.importing import counts, import_text, rejected

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "zanzibar"
PHONE = "4917099988877"


def make_canary() -> Customer:
    ensure_partitions("segments_event", DAY, DAY)
    customer = make_customer(
        external_id="K-7",
        email=f"{CANARY}@example.com",
        phone=f"+{PHONE}",
        first_name=CANARY.title(),
        last_name=CANARY.upper(),
        birth_date=date(1971, 2, 3),
        attributes={"club": CANARY, CANARY: 1},
    )
    record_consents(
        customer,
        {"email": True, "post": True},
        kind=ConsentSource.API,
        source="web form",
        said_at=NOW,
        at=NOW,
        proof={"wording": "4", "address": f"{CANARY}@example.com"},
    )
    Event.objects.create(
        customer=customer,
        kind="order",
        occurred_at=NOW,
        amount_cents=1_250,
        properties={"note": CANARY},
        source="shop",
        external_id="1",
    )
    reasons = [
        make_reason(ReasonCode.ADDRESS_REFUSED, answer=f"550 <{CANARY}@example.com> unknown"),
        make_reason(ReasonCode.TEXT_FAULT, fault=f"Line 1: “{CANARY}” is not a valid number."),
        make_reason(ReasonCode.AS_WRITTEN, text=f"550 <{CANARY}@example.com> unknown"),
    ]
    for reason in reasons:
        make_delivery(customer, status="failed", reason=reason)
    return customer


def mentions(word: str) -> list[str]:
    """Names of all tables of which a row holds a word, in any column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        tables = [table for (table,) in cursor.fetchall()]
        mentioning = []
        for table in tables:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {table} t WHERE t::text ILIKE %s)", [f"%{word}%"]
            )
            mentioning += [table] if cursor.fetchone()[0] else []
    return sorted(mentioning)


def test_no_table_mentions_an_erased_customer():
    customer = make_canary()
    assert {name.split(".")[1] for name in mentions(CANARY)} == {
        "segments_customer", "segments_consentstatement",
        "segments_event", "segments_event_2026_03",
        "journeys_delivery", "journeys_delivery_2026_03",
    }  # fmt: skip

    assert erase_customer(customer, source="letter", at=NOW)

    assert mentions(CANARY) == mentions(PHONE) == mentions("1971-02-03") == []


def test_counts_and_proofs_stay():
    customer = make_canary()
    erase_customer(customer, source="letter of 1 March", at=NOW)

    event = Event.objects.get()
    assert (event.customer_id, event.amount_cents, event.properties) == (customer.pk, 1_250, {})
    statements = ConsentStatement.objects.order_by("pk")
    said = statements.values_list("channel", "says_yes", "source", "proof")
    assert list(said[:2]) == [("email", True, "web form", {}), ("post", True, "web form", {})]
    assert {each[1:3] for each in said[2:]} == {(False, "letter of 1 March")}
    assert not erase_customer(customer, source="again", at=NOW)


def test_what_waits_is_stopped():
    waiting = make_delivery()
    erase_customer(waiting.customer, source="letter", at=NOW)

    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1
    waiting.refresh_from_db()
    assert waiting.reason_code == ReasonCode.CUSTOMER_ERASED


def test_an_import_brings_nobody_back(tmp_path):
    erase_customer(make_canary(), source="letter", at=NOW)

    job = import_text(
        tmp_path,
        "customer_id,email,phone\n"
        f"K-7,{CANARY}@example.com,+{PHONE}\n"
        f"K-8,{CANARY.upper()}@example.com,00{PHONE}\n",
    )

    assert counts(job) == (2, 1, 0, 0, 1)
    assert "erased" in rejected(job)[2]
    again = Customer.objects.get(external_id="K-8")
    assert set(again.suppressed_channels) == {"email", "sms", "call"}


def test_a_customer_without_any_address_can_be_erased():
    nobody = make_customer(email="", phone="unknown")
    assert erase_customer(nobody, source="letter", at=NOW)
    nobody.refresh_from_db()
    assert (nobody.phone, nobody.erased_at) == ("", NOW)


@pytest.mark.django_db
def test_cells_that_an_import_could_not_read_are_forgotten():
    job = ImportJob.objects.create(
        kind="customers",
        file_name="file.csv",
        n_warnings=1,
        warnings=[{"column": "phone", "n_cells": 1, "samples": [{"line": 2, "cell": "555 x 12"}]}],
        created_at=NOW,
    )
    erase_customer(make_customer(), source="test", at=NOW)
    job.refresh_from_db()
    assert job.warnings == [{"column": "phone", "n_cells": 1, "samples": []}]

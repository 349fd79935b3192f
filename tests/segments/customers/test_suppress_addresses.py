"""Suppressed addresses stay so: under other spellings, on other customers, after an import."""

import threading

import pytest
from django.db import connection, connections, transaction

from segments.channels import CHANNELS
from segments.customers.address_hash import keyed_hasher
from segments.customers.suppress_addresses import (
    SUPPRESSED_SQL,
    find_suppression,
    lift_suppression,
    mark_customer,
    suppress_address,
    suppress_addresses,
)
from segments.customers.with_address import customers_like
from segments.errors import AddressRefused
from segments.models import Customer, Suppression
from tests.factories import NOW, make_customer
from tests.segments.importing import counts, import_text

BOUNCE = {"reason": Suppression.Reason.BOUNCE, "source": "test", "at": NOW}


def marks(customer: Customer) -> list[str]:
    return Customer.objects.values_list("suppressed_channels", flat=True).get(pk=customer.pk)


def test_the_hash_is_hmac_sha_256(settings):
    # RFC 4231, test case 2, whose text is one that normalising does not change.
    settings.SUPPRESSION_KEY = "Jefe"
    assert keyed_hasher()("what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("channel", "stored", "suppressed"),
    [
        ("email", "Anna@example.com", "anna@EXAMPLE.com"),
        ("email", "anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("email", "anna@xn--bcher-kva.example", "anna@bücher.example"),
        ("sms", "+49 (170) 123", "0049 170-123"),
        ("call", "0049170123", "+49 170 123"),
    ],
)
def test_suppressing_marks_everyone_with_the_address(channel, stored, suppressed):
    column = "email" if channel == "email" else "phone"
    anna, berta = (make_customer(**{column: stored}) for _ in range(2))
    other = make_customer()

    made = suppress_address(channel, suppressed, **BOUNCE)

    assert made is not None
    assert marks(anna) == marks(berta) == [channel]
    assert marks(other) == []
    assert suppress_address(channel, stored, **BOUNCE) is None  # it was so already


@pytest.mark.django_db
def test_nobody_can_read_the_list():
    make_customer(email="anna@example.com")
    suppress_address("email", "anna@example.com", **BOUNCE)

    with connection.cursor() as cursor:
        cursor.execute("SELECT segments_suppression::text FROM segments_suppression")
        assert "anna" not in cursor.fetchone()[0]


@pytest.mark.django_db
def test_lifting_takes_the_marks_away():
    anna = make_customer(email="anna@example.com")
    suppress_addresses([("email", anna.email), ("sms", anna.phone), ("call", anna.phone)], **BOUNCE)
    assert set(marks(anna)) == {"call", "email", "sms"}

    assert lift_suppression("email", "ANNA@example.com", at=NOW)
    assert not lift_suppression("email", "anna@example.com", at=NOW)

    assert set(marks(anna)) == {"call", "sms"}
    assert find_suppression("email", "anna@example.com") is None
    assert find_suppression("sms", anna.phone).reason == "bounce"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("channel", "address"), [("push", "x"), ("email", "anna"), ("email", ""), ("sms", "call me")]
)
def test_what_is_no_address_is_refused_in_words(channel, address):
    with pytest.raises(AddressRefused):
        suppress_address(channel, address, **BOUNCE)


@pytest.mark.django_db
def test_a_new_address_brings_or_loses_the_mark():
    suppress_address("email", "anna@example.com", **BOUNCE)
    anna = make_customer()
    for email, expected in (("Anna@example.com", ["email"]), ("other@example.com", [])):
        anna.email = email
        anna.save()
        mark_customer(anna, at=NOW)
        assert anna.suppressed_channels == marks(anna) == expected


@pytest.mark.django_db(transaction=True)
def test_an_imported_address_stays_suppressed(tmp_path):
    suppress_address("email", "anna@example.com", **BOUNCE)
    suppress_address("sms", "+49 170 2", **BOUNCE)
    moved, stayed = make_customer(external_id="M"), make_customer(external_id="S")

    job = import_text(
        tmp_path,
        "customer_id,email,phone,first_name\n"
        "A,ANNA@example.com,,Anna\n"
        "B,b@example.com,0049 1702,Berta\n"
        "M,Anna@Example.com,+49 1,Moved\n"
        f"S,{stayed.email},{stayed.phone},Stayed\n",
    )

    assert counts(job) == (4, 2, 2, 0, 0)
    suppressed = dict(Customer.objects.values_list("external_id", "suppressed_channels"))
    assert suppressed == {"A": ["email"], "B": ["sms"], "M": ["email"], "S": []}
    import_text(tmp_path, "customer_id,email\nM,free@example.com\n")
    assert marks(moved) == []


@pytest.mark.django_db
def test_the_outbox_condition_names_the_channel_of_the_address():
    anna = make_customer()
    suppress_address("email", anna.email, **BOUNCE)

    query = (
        f"SELECT d.channel FROM segments_customer c, unnest(%s::text[]) AS d (channel) "
        f"WHERE {SUPPRESSED_SQL}"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [list(CHANNELS)])
        assert cursor.fetchall() == [("email",)]


@pytest.mark.django_db(transaction=True)
def test_suppressing_waits_for_who_writes_the_address_meanwhile():
    """Either sees the other: the writer the list, or the list's change the customer."""
    has_marked, is_done = threading.Event(), threading.Event()

    def write_customer():
        with transaction.atomic():
            anna = make_customer(email="anna@example.com")
            mark_customer(anna, at=NOW)  # nothing is on the list yet
            has_marked.set()
            is_done.wait(1)  # the other one comes in between, and has to wait
        connections.close_all()

    writer = threading.Thread(target=write_customer)
    writer.start()
    has_marked.wait(10)
    suppress_address("email", "anna@example.com", **BOUNCE)
    is_done.set()
    writer.join()

    assert marks(Customer.objects.get()) == ["email"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "address", "index"),
    [
        ("email", "anna@example.com", "customer_email_key"),
        ("phone", "+491701", "customer_phone_key"),
        ("phone", "1701", "customer_phone_unsettled"),
    ],
)
def test_customers_are_found_by_an_index(column, address, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert index in customers_like(column, address).explain()

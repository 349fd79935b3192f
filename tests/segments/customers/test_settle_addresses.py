"""Compared addresses follow what is written, whoever writes it; what was suppressed stays so."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from segments.addresses import phone_key
from segments.customers.address_hash import FORMER, keyed_hasher
from segments.customers.settle_addresses import plain_key_sql, settle_all
from segments.customers.suppress_addresses import find_suppression, suppress_address
from segments.models import Customer, Organisation, Suppression
from tests.factories import NOW, make_customer
from tests.segments.importing import counts, import_text

REQUEST = {"reason": Suppression.Reason.REQUEST, "source": "list", "at": NOW}


def keys() -> dict[str, tuple[str, str]]:
    rows = Customer.objects.order_by("external_id")
    return {row.external_id: (row.email_key, row.phone_key) for row in rows}


@pytest.mark.django_db
def test_a_saved_customer_is_settled_by_its_country_else_the_organisations():
    anna = make_customer(email="Anna@Müller.de", phone="0170 1234567")
    assert keys()[anna.external_id] == ("anna@xn--mller-kva.de", "")

    Organisation.objects.filter(pk=Organisation.current().pk).update(country="DE")
    assert settle_all(at=NOW, only_unsettled=True) == 1
    assert keys()[anna.external_id][1] == "+491701234567"

    anna.country = "AT"
    anna.save(update_fields=["country"])
    assert keys()[anna.external_id][1] == "+431701234567" == phone_key("0170 1234567", "AT")


@pytest.mark.django_db(transaction=True)
def test_every_spelling_that_the_country_settles_is_suppressed_in_a_file(tmp_path):
    suppress_address("sms", "+4917010000009", **REQUEST)
    text = (
        "customer_id,phone,consent_sms\nC43-1,+4917010000009,yes\nC43-2,4917010000009,yes\n"
        "C43-3,004917010000009,yes\nC43-4,017010000009,yes\nC43-5,+49 (0)170/1000-0009,yes\n"
        "C43-6,'+4917010000009,yes\n"
    )
    job = import_text(tmp_path, text, country="DE")

    assert counts(job) == (6, 6, 0, 0, 0)
    assert {key for _email, key in keys().values()} == {"+4917010000009"}
    assert all("sms" in c.suppressed_channels for c in Customer.objects.all())


@pytest.mark.django_db(transaction=True)
def test_a_number_that_no_country_settles_is_kept_and_held(tmp_path):
    text = "customer_id,phone,country\nA,017010000009,\nB,017010000009,DE\nC,12,DE\n"
    assert counts(import_text(tmp_path, text)) == (3, 3, 0, 0, 0)

    assert {name: key for name, (_mail, key) in keys().items()} == {
        "A": "",
        "B": "+4917010000009",
        "C": "",
    }
    assert Customer.objects.get(external_id="A").phone == "017010000009"

    import_text(tmp_path, "customer_id,country\nA,DE\n")
    assert keys()["A"][1] == "+4917010000009"


@pytest.mark.django_db(transaction=True)
def test_a_time_zone_of_one_country_says_where_numbers_are_read(tmp_path):
    Organisation.objects.filter(pk=Organisation.current().pk).update(time_zone="Europe/Lisbon")
    import_text(tmp_path, "customer_id,phone\nA,912 345 678\n")
    assert keys()["A"][1] == "+351912345678"


@pytest.mark.django_db(transaction=True)
def test_e_mail_addresses_with_other_letters_are_taken(tmp_path):
    text = "customer_id,email\nA,Info@Müller.de\nB,in\u200bfo@mu\u0308ller.de\nC,x@пример.рф\n"
    assert counts(import_text(tmp_path, text)) == (3, 3, 0, 0, 0)

    assert keys()["A"][0] == keys()["B"][0] == "info@xn--mller-kva.de"
    assert keys()["C"][0] == "x@xn--e1afmkfd.xn--p1ai"
    assert Customer.objects.get(external_id="A").email == "Info@müller.de"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "written", "key"),
    [
        ("email", "", ""),
        ("email", "Anna.B@Example.com", "anna.b@example.com"),
        ("email", "a@b@c", None),
        ("email", "info@müller.de", None),
        ("phone", "", ""),
        ("phone", "+4917010000009", "+4917010000009"),
        ("phone", "+490170123456", None),
        ("phone", "+49 170 10000009", None),
        ("phone", "+49", None),
        ("phone", "+99999999999999999999999", None),
        ("phone", "017010000009", None),
    ],
)
def test_plain_spellings_are_settled_in_sql(column, written, key):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {plain_key_sql(column, 's.x')} FROM (SELECT %s AS x) s", [written])
        assert cursor.fetchone() == (key,)


@pytest.mark.django_db
def test_what_was_suppressed_before_addresses_were_compared_stays_so_in_every_spelling():
    """As the migration finds it: hashes of former normal forms, and marks of those who had them."""
    hashed = keyed_hasher()
    germans = {"country": "DE"}
    anna = make_customer(phone="0170/1234567", **germans)
    berta = make_customer(phone="+49 170 1234567")
    clara = make_customer(email="clara@straße.de")
    for channel, column, written in (
        ("sms", "phone", anna.phone),
        ("email", "email", clara.email),
        ("email", "email", "nobody@faß.de"),
    ):
        Suppression.objects.create(
            channel=channel,
            address_hash=hashed(FORMER[column](written)),
            reason=Suppression.Reason.COMPLAINT,
            source="old",
            since=NOW,
        )
    Customer.objects.filter(pk=anna.pk).update(suppressed_channels=["sms"])
    Customer.objects.filter(pk=clara.pk).update(suppressed_channels=["email"])
    Customer.objects.update(email_key="", phone_key="")

    migration = import_module("segments.migrations.0030_settle_addresses")
    with connection.schema_editor() as editor:
        migration.settle(apps, editor)

    def marked() -> dict[int, list[str]]:
        return dict(Customer.objects.values_list("pk", "suppressed_channels"))

    after = {anna.pk: ["sms"], berta.pk: ["sms"], clara.pk: ["email"]}
    assert marked() == after
    assert keys()[anna.external_id][1] == keys()[berta.external_id][1] == "+491701234567"
    settle_all(at=NOW, only_unsettled=False)
    assert marked() == after
    late = make_customer(email="Nobody@faß.de")
    settle_all(at=NOW, only_unsettled=False)
    assert marked()[late.pk] == ["email"]  # by the former form of its spelling
    assert find_suppression("sms", "+49 (170) 1234567").source == "old"

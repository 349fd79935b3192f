"""A list of addresses that must never be written to, most of them of nobody known yet."""

import hashlib

import pytest
from django.core.management import call_command
from django.db import connection

from segments.customers.suppress_addresses import find_suppression, lift_suppression
from segments.models import Customer, Suppression
from tests.factories import NOW, make_customer
from tests.segments.importing import counts, import_text, rejected

pytestmark = pytest.mark.django_db(transaction=True)
LIST = {"kind": "suppressions", "source": "old system"}


def marks() -> dict[str, list[str]]:
    rows = Customer.objects.values_list("external_id", "suppressed_channels")
    return {external_id: sorted(channels) for external_id, channels in rows}


def test_customers_with_a_listed_address_are_suppressed_now_and_later(tmp_path):
    make_customer(external_id="K", email="Anna@example.com", phone="+491701234567")
    text = "email,phone\nanna@EXAMPLE.com,\nnobody@müller.de,0170 1234568\n,+49 170 1234567\n"
    job = import_text(tmp_path, text, country="DE", **LIST)

    assert counts(job) == (3, 3, 0, 0, 0)
    assert marks() == {"K": ["call", "email", "sms"]}
    assert counts(import_text(tmp_path, text, country="DE", **LIST)) == (3, 0, 0, 3, 0)

    late = "customer_id,email,phone\nL,Nobody@xn--mller-kva.de,+49 (0)170/1234568\n"
    import_text(tmp_path, late)
    assert marks()["L"] == ["call", "email", "sms"]
    assert {row.source for row in Suppression.objects.all()} == {"old system"}


@pytest.mark.parametrize("form", ["sha256", "md5"])
def test_hashes_of_others_are_matched_by_what_is_compared(tmp_path, form):
    make_customer(external_id="K", email="Anna@Example.com")
    first, second = (
        hashlib.new(form, text.encode()).hexdigest() for text in ("anna@example.com", "new@b.de")
    )
    job = import_text(
        tmp_path, f"{form},reason\n{first.upper()},complaint\n{second},\nxyz,\n", **LIST
    )

    assert counts(job) == (3, 2, 0, 0, 1)
    assert "is not a SHA-256 or MD5 hash" in rejected(job)[4]
    assert marks() == {"K": ["email"]}
    import_text(tmp_path, "customer_id,email\nL,NEW@B.de\n")
    assert marks()["L"] == ["email"]
    assert find_suppression("email", "anna@example.com").reason == "complaint"
    assert lift_suppression("email", "New@b.de", at=NOW)
    assert marks() == {"K": ["email"], "L": []}


def test_nothing_that_could_be_matched_by_others_is_stored(tmp_path):
    foreign = hashlib.sha256(b"anna@example.com").hexdigest()
    import_text(tmp_path, f"email,hash\nberta@example.com,{foreign}\n", **LIST)

    with connection.cursor() as cursor:
        cursor.execute("SELECT segments_suppression::text FROM segments_suppression")
        stored = " ".join(row for (row,) in cursor.fetchall())
    assert "berta" not in stored
    assert foreign not in stored


def test_a_row_without_an_address_or_with_a_bad_one_is_rejected(tmp_path):
    text = "email,channel\n,\nanna@,\nanna@example.com,push\nb@example.com,email\n"
    job = import_text(tmp_path, text, **LIST)

    assert sorted(rejected(job)) == [3, 4]
    assert counts(job)[:2] == (3, 1)


def test_the_command_reports_its_counts(tmp_path, capsys):
    (tmp_path / "list.csv").write_text("email\na@example.com\nb@example.com\n")
    call_command("import_suppressions", str(tmp_path / "list.csv"), "--json")
    assert '"n_created": 2' in capsys.readouterr().out

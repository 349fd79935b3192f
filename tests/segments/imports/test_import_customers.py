"""Customers from files: each row accounted for, the same file twice, modes, consents."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from segments.imports.import_file import create_import, run_import
from segments.models import Customer, FileConsents
from segments.tasks import run_import_task
from tests.segments.importing import NOW, counts, import_text, rejected, warned

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


ANNA = (
    "Customer ID,Email,timezone,birth_date,consent_email,consent_sms,points,shoe size\n"
    ",Anna.Ä@x,,,,,,\n"
    "007,Anna@Example.COM,Europe/Lisbon,1980-02-29,yes,no,120,\n"
)


def test_a_row_becomes_a_customer_with_typed_attributes_and_proof_of_consent(tmp_path):
    job = import_text(tmp_path, ANNA)

    assert counts(job) == (2, 1, 0, 0, 1)
    assert rejected(job) == {2: "customer ID is missing."}
    anna = Customer.objects.get()
    assert (anna.external_id, anna.email) == ("007", "Anna@example.com")
    assert (anna.time_zone, anna.birth_date) == ("Europe/Lisbon", date(1980, 2, 29))
    assert anna.attributes == {"points": 120}
    assert anna.consents == ["email"]
    assert anna.created_at == NOW
    said = FileConsents.objects.values_list("channel", "says_yes", "said_at", "import_job_id")
    assert sorted(said) == [("email", True, NOW, job.pk), ("sms", False, NOW, job.pk)]


def test_the_same_file_twice_changes_nothing(tmp_path):
    import_text(tmp_path, ANNA)
    job = import_text(tmp_path, ANNA, at=NOW + timedelta(days=1))

    assert counts(job) == (2, 0, 0, 1, 1)
    assert Customer.objects.get().updated_at == NOW


@pytest.mark.parametrize("empty", ["keep", "clear"])
def test_empty_cells_keep_or_clear_and_missing_columns_change_nothing(tmp_path, empty):
    import_text(
        tmp_path,
        "id,email,phone,birth_date,points,city\n1,a@b.example,+49 30 1,1980-02-29,5,Porto\n",
    )
    text = "id,phone,birth_date,points\n1,,,\n"
    job = import_text(tmp_path, text, at=NOW + timedelta(days=1), empty=empty)
    customer = Customer.objects.get()
    assert customer.email == "a@b.example"
    if empty == "keep":
        assert counts(job) == (1, 0, 0, 1, 0)
        assert (customer.phone, customer.birth_date) == ("+49 30 1", date(1980, 2, 29))
        assert customer.attributes == {"points": 5, "city": "Porto"}
        return

    assert counts(job) == (1, 0, 1, 0, 0)
    assert customer.birth_date is None
    customer = Customer.objects.get()
    assert (customer.email, customer.phone) == ("a@b.example", "")
    assert customer.attributes == {"city": "Porto"}
    assert customer.updated_at == NOW + timedelta(days=1)


def test_an_empty_consent_is_neither_consent_nor_withdrawal(tmp_path):
    text = "id,consent_email,consent_push\n1,yes,true\n2,yes,1\n3,yes,\n"
    import_text(tmp_path, text)
    job = import_text(tmp_path, "id,consent_email,consent_sms\n1,,\n2,no,yes\n3,maybe,\n")

    assert counts(job) == (3, 0, 2, 1, 0)
    assert job.n_warnings == 1
    consents = dict(Customer.objects.values_list("external_id", "consents"))
    assert consents == {"1": ["email", "push"], "2": ["sms", "push"], "3": []}
    assert Customer.objects.get(external_id="3").consents_unclear == ["email"]


def test_a_second_row_of_a_customer_counts_only_if_it_says_the_same(tmp_path):
    text = "id,first_name\n1,Anna\n1,Anna\n1,Eve\n2,Bob\n"
    for expected in [(4, 2, 0, 1, 1), (4, 0, 0, 3, 1)]:
        job = import_text(tmp_path, text)
        assert counts(job) == expected
        assert rejected(job) == {4: "Line 2 has the same key with different values."}
        assert Customer.objects.get(external_id="1").first_name == "Anna"


def test_a_repeated_row_shares_the_fate_of_the_first(tmp_path):
    import_text(tmp_path, "id,first_name\n1,Anna\n")
    job = import_text(tmp_path, "id,first_name\n1,Eve\n1,Eve\n", mode="create")
    assert counts(job) == (2, 0, 0, 0, 2)


def test_a_file_may_have_four_hundred_columns(tmp_path):
    names = [f"c{number}" for number in range(399)]
    job = import_text(tmp_path, f"id,{','.join(names)}\n1,{','.join(names)}\n")
    assert counts(job) == (1, 1, 0, 0, 0)
    assert Customer.objects.get().attributes == dict(zip(names, names, strict=True))


def test_modes_create_only_and_update_only(tmp_path):
    import_text(tmp_path, "id,first_name\n1,Anna\n")
    text = "id,first_name\n1,Eve\n2,Bob\n"

    job = import_text(tmp_path, text, mode="create")
    assert counts(job) == (2, 1, 0, 0, 1)
    assert "The row already exists, and this import only creates rows." in rejected(job)[2]

    job = import_text(tmp_path, text + "3,Cleo\n", mode="update")
    assert counts(job) == (3, 0, 1, 1, 1)
    assert "does not exist" in rejected(job)[4]
    names = dict(Customer.objects.values_list("external_id", "first_name"))
    assert names == {"1": "Eve", "2": "Bob"}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("email", "anna@"),
        ("email", "anna@exаmple.com"),  # a Cyrillic letter
        ("email", "a@b..example"),
        ("email", f"{'a' * 65}@b.example"),
        ("phone", "call me"),
        ("country", "Atlantis"),
        ("country", "XX"),
        ("time_zone", "Mars/Olympus"),
        ("language", "Portuguese please"),
        ("birth_date", "1980-02-30"),
        ("birth_date", "80-02-31"),
        ("birth_date", "31/31/1980"),
        ("birth_date", "2026-03-02"),
        ("birth_date", "1899-12-31"),
        ("birth_date", "infinity"),
        ("registered_on", "2027-01-01"),
        ("consent_email", "perhaps"),
    ],
)
def test_a_cell_that_is_no_value_costs_its_row_only_in_a_strict_import(tmp_path, column, cell):
    text = f"id,{column}\n1,{cell}\n2,\n"
    job = import_text(tmp_path, text, strict=True)
    assert counts(job) == (2, 1, 0, 0, 1)
    assert f"“{cell[:60]}”" in rejected(job)[2]

    job = import_text(tmp_path, text)
    assert counts(job) == (2, 1, 0, 1, 0)
    assert f"“{cell[:60]}”" in warned(job)[2]
    assert job.warnings == [
        {"column": column, "n_cells": 1, "samples": [{"line": 2, "cell": cell[:60]}]}
    ]


@pytest.mark.parametrize(
    ("order", "expected"), [("dmy", date(1980, 4, 3)), ("mdy", date(1980, 3, 4))]
)
def test_the_order_of_day_and_month_can_be_said(tmp_path, order, expected):
    job = import_text(
        tmp_path, "id;birth_date\n1;3/4/1980\n2;1980-12-31\n3;31/31/1980\n", dates=order
    )
    assert counts(job) == (3, 3, 0, 0, 0)
    assert list(warned(job)) == [4]
    assert Customer.objects.get(external_id="1").birth_date == expected


def test_an_erased_customer_stays_erased(tmp_path):
    import_text(tmp_path, "id,email\n1,\n")
    Customer.objects.update(erased_at=NOW, suppressed=True)
    job = import_text(tmp_path, "id,email\n1,a@b.example\n")

    assert counts(job) == (1, 0, 0, 0, 1)
    assert "erased" in rejected(job)[2]
    assert Customer.objects.get().email == ""


def test_numbers_become_numbers_and_codes_stay_text(tmp_path):
    cells = {
        "a": "12",
        "b": "-1.50",
        "c": "007",
        "d": "1e3",
        "e": "NaN",
        "f": "1234567890123456789",
    }
    import_text(tmp_path, f"id,{','.join(cells)}\n1,{','.join(cells.values())}\n")

    expected = {"a": 12, "b": -1.5, "c": "007", "d": "1e3", "e": "NaN", "f": "1234567890123456789"}
    assert Customer.objects.get().attributes == expected


def test_a_task_that_is_delivered_twice_imports_once(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("id\n1\n2\n")
    job = create_import(kind="customers", path=path, at=NOW)

    assert "2 created" in run_import_task(job.pk)
    assert "already done" in run_import_task(job.pk)


def test_a_failed_job_can_be_run_again(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("id\n1\n")
    job = create_import(kind="customers", path=path, at=NOW)
    path.unlink()
    assert "cannot be read" in run_import(job).error

    path.write_text("id\n1\n")
    assert counts(run_import(job)) == (1, 1, 0, 0, 0)


def test_given_columns_win_over_guesses_and_unwanted_ones_are_left_out(tmp_path):
    text = "id,nr,email,secret\n1,A,a@b.example,x\n"
    import_text(tmp_path, text, mapping={"external_id": "nr", "email": ""}, ignore=("secret",))

    customer = Customer.objects.get()
    assert (customer.external_id, customer.email) == ("A", "")
    assert customer.attributes == {"id": 1, "email": "a@b.example"}


def test_a_first_import_looks_nothing_up_among_the_rows_that_it_inserts(tmp_path):
    """In a table that was seen empty, as after an import that failed, PostgreSQL would plan such
    look-ups as scans: the time would grow with the square of the rows."""
    with CaptureQueriesContext(connection) as queries:
        import_text(tmp_path, "id,first_name\n1,Anna\n2,Bob\n")

    (insert,) = [q["sql"] for q in queries if "INSERT INTO segments_customer " in q["sql"]]
    assert "FROM segments_customer" not in insert

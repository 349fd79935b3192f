"""Ids as other systems mean them, in Python and in SQL alike."""

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.ids import read_id
from segments.imports.fields import identifier
from segments.models import Customer, Organisation
from tests.factories import make_customer
from tests.segments.importing import counts, import_text, rejected

READINGS = [
    ("C17-1", "C17-1"),
    ("1001.0", "1001"),
    ("1001.00", "1001"),
    ("1001,0", "1001"),
    ("1001.5", "1001.5"),
    ("0012.0", "0012.0"),  # no number has zeros before it: a code of the shop's own
    ('="00123"', "00123"),
    ("'7011000000001", "7011000000001"),
    ("1.234E+3", "1234"),
    ("7.011000000001E+12", "7011000000001"),
    ("1.23E+15", None),  # digits are lost
    ("7E+3", None),
    ("1234.5E+2", None),
    ("C11-1\u00a0", "C11-1"),
    ("\ufeffC11-1", "C11-1"),
    ("\u200bC11-1\u200d\u3000", "C11-1"),
    ("a b", "a b"),
    ("10\ufeff01", "1001"),
    ("C11\u200b-1", "C11-1"),
    ("Ｃ１１－１", "C11-1"),
    ("C11\u20111", "C11-1"),
    ("1,000", None),  # 1000, or 1 with three decimals
    ("1.000", None),
    ("12,345", None),
    ("1,234.00", None),
    ("1.234,00", None),
    ("1.234", "1.234"),
    ("10000.000", "10000"),
    ("Ange\u0301lica", "Angélica"),
    ("anna.b@example.com", "anna.b@example.com"),
    ("0", None),
    ("NULL", None),
    ("n/a", None),
    ("#N/A", None),
    ("#REF!", None),
    ("#1001", "#1001"),
    ("x" * 101, None),
    ("a\tb", None),
    ("\u200b", None),
]


@pytest.mark.parametrize(("text", "meant"), READINGS)
def test_an_id_is_read_where_one_reading_is_possible(text, meant):
    assert read_id(text) == meant


def in_sql(text: str) -> str | None:
    with connection.cursor() as cursor:
        reading = identifier(is_customer=True).replace("{x}", "s.x").replace("%", "%%")
        cursor.execute(f"SELECT {reading} FROM (SELECT %s::text AS x) s", [text])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "meant"), READINGS)
def test_files_are_read_alike(text, meant):
    assert in_sql(text) == meant


@pytest.mark.django_db
@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(
            st.sampled_from("01aZ.,E+'=\"# \u00a0\u200be\u0301-"),
            min_size=1,
            max_size=12,
        ).map(lambda text: text.strip(" ")),
        st.from_regex(r"\A[1-9][.,][0-9]{1,6}E\+[0-9]{1,2}\Z"),
    ).filter(bool)
)
def test_python_and_sql_agree(text):
    assert in_sql(text) == read_id(text)


@pytest.mark.django_db
def test_a_customer_stored_under_the_cell_as_it_is_is_meant():
    make_customer(external_id="1001.0")
    assert in_sql("1001.0") == "1001.0"


@pytest.mark.django_db(transaction=True)
def test_invisible_blanks_make_no_second_customer(tmp_path):
    import_text(tmp_path, "customer_id,first_name\nC11-1,Eva\n")
    job = import_text(tmp_path, "customer_id,first_name\nC11-1\u00a0,Eva\n\ufeffC11-1\u200b,Eva\n")

    assert counts(job) == (2, 0, 0, 2, 0)
    assert Customer.objects.get().external_id == "C11-1"


@pytest.mark.django_db(transaction=True)
def test_spreadsheet_leftovers_are_read_or_refused(tmp_path):
    text = 'customer_id,email\n1001.0,d@example.com\n"=""00123""",e@example.com\n1.23E+15,\nNULL,\n'
    job = import_text(tmp_path, text)

    assert set(Customer.objects.values_list("external_id", flat=True)) == {"1001", "00123"}
    assert sorted(rejected(job)) == [4, 5]
    assert "“1.23E+15” is not a valid ID" in rejected(job)[4]


@pytest.mark.django_db(transaction=True)
def test_an_id_that_differs_in_case_only_is_refused_with_the_first_ones_name(tmp_path):
    import_text(tmp_path, "customer_id\nK-7\n")
    job = import_text(tmp_path, "customer_id\nk-7\nx1\nX1\n")

    assert set(Customer.objects.values_list("external_id", flat=True)) == {"K-7", "x1"}
    assert "“k-7” differs from “K-7” only" in rejected(job)[2]
    assert "“X1” differs from “x1” only" in rejected(job)[4]

    Organisation.objects.update(ids_differ_by_case=True)
    assert counts(import_text(tmp_path, "customer_id\nk-7\nX1\n")) == (2, 2, 0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_number_with_marks_of_thousands_is_nobody_else(tmp_path):
    import_text(tmp_path, "customer_id,first_name\n1,Ada\n1234,Eva\n")
    text = 'customer_id,first_name\n"1,000",Ida\n1.000,Ida\n1.234,Ida\n"1,234",Ida\n2.345,Ivo\n'
    job = import_text(tmp_path, text)

    names = dict(Customer.objects.values_list("external_id", "first_name"))
    assert names == {"1": "Ada", "1234": "Eva", "2.345": "Ivo"}
    assert sorted(rejected(job)) == [2, 3, 4, 5]
    assert rejected(job)[4] == "The ID “1.234” may be “1234” with marks of thousands."

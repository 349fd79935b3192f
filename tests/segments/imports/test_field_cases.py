"""Files from the field, imported by the command as their senders would, with the right values."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command

from segments.models import Customer, Event, ExchangeRate, ImportJob, Organisation
from tests.shared_data import field_case

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def import_case(kind, relative, *arguments):
    call_command(f"import_{kind}", str(field_case(relative)), *arguments)
    return ImportJob.objects.latest("pk")


def customers(*names):
    return list(Customer.objects.order_by("external_id").values_list(*names))


def test_withdrawals_in_rows_with_bad_cells():
    import_case("customers", "withdrawal_beside_a_bad_cell/before.csv", "--at=2026-01-01T00:00Z")
    job = import_case(
        "customers", "withdrawal_beside_a_bad_cell/after.csv", "--at=2026-01-02T00:00Z"
    )
    assert [consents for (consents,) in customers("consents")] == [[], [], []]
    assert (job.n_rejected, [warning["column"] for warning in job.warnings]) == (0, ["phone"])


def test_thousands_are_not_read_as_decimals():
    import_case("customers", "thousands_read_as_decimals/customers.csv")
    job = import_case("events", "thousands_read_as_decimals/orders_de.csv")
    assert job.n_rejected == 0
    amounts = dict(Event.objects.values_list("external_id", "amount_cents"))
    assert amounts == {"d1": 123_456, "d2": 550, "d3": 123_450, "d4": 2_500_000, "d5": 700}

    job = import_case(
        *("events", "thousands_read_as_decimals/orders_de.csv"), "--decimal=.", "--source=other"
    )
    assert not Event.objects.filter(source="other", external_id="d4").exists()


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_currency_symbols(currency):
    Organisation.current()
    Organisation.objects.update(currency=currency)
    if currency == "EUR":
        ExchangeRate.objects.create(currency="USD", valid_from=date(2026, 1, 1), rate="0.5")
    import_case("customers", "thousands_read_as_decimals/customers.csv")
    job = import_case("events", "currency_symbols/orders_us.csv")
    assert job.n_rejected == 0
    amounts = dict(Event.objects.values_list("external_id", "amount_cents"))
    dollar = 1 if currency == "USD" else 0.5
    assert amounts == {
        "o1": 123_456,
        "o2": 550 * dollar,
        "o3": 1_200 * dollar,
        "o4": -300,
        "o5": 700,
    }


def test_a_chinese_spreadsheet():
    job = import_case("customers", "chinese_spreadsheet/gbk.csv")
    assert job.encoding == "gb18030"
    assert customers("last_name", "first_name")[0] == ("王", "小明")


def test_countries():
    import_case("customers", "country_uk/customers.csv")
    import_case("customers", "country_names/countries.csv")
    assert [country for (country,) in customers("country")] == ["US", "DE", "US", "DE", "GB"]


def test_consent_words():
    import_case("customers", "consent_words/customers.csv")
    assert customers("consents") == [(["email"],), ([],)]


@pytest.mark.parametrize("name", ["customers_id.csv", "magento.csv"])
def test_created_at_with_time(name):
    arguments = ["--map=external_id=entity_id"] if name == "magento.csv" else []
    job = import_case("customers", f"created_at_with_time/{name}", *arguments)
    assert (job.n_created, job.n_warnings) == (2, 0)
    assert customers("registered_on") == [(date(2024, 1, 9),), (date(2023, 11, 30),)]


def test_american_times_without_leading_zeros():
    job = import_case(
        "events",
        "us_times_without_zero/data.csv",
        "--amount=Quantity*UnitPrice",
        "--create-customers",
        "--map=external_id=",
    )
    assert (job.n_created, job.n_rejected) == (4, 1)  # one sale without a customer
    first = Event.objects.earliest("occurred_at", "amount_cents")
    assert first.occurred_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


def test_zero_dates():
    job = import_case("customers", "zero_dates/customers.csv", "--map=external_id=id_customer")
    assert (job.n_created, job.n_rejected, job.n_warnings) == (2, 0, 0)
    assert customers("birth_date") == [(None,), (date(1979, 3, 2),)]


def test_short_rows():
    job = import_case("customers", "short_rows/customers.csv")
    assert (job.n_created, job.n_rejected, job.n_warnings) == (3, 0, 0)
    assert customers("attributes") == [({},), ({},), ({"note": "likes tea"},)]


def test_a_status_of_a_mailing_list_and_a_birthday_without_a_year():
    job = import_case(
        "customers",
        "mailchimp_status/subscribed.csv",
        "--map=external_id=Email Address",
        "--map=consent_email=Status",
    )
    assert (job.n_created, job.n_rejected, job.n_warnings) == (2, 0, 0)
    assert customers("consents", "birth_date", "time_zone") == [
        (["email"], date(1604, 5, 17), "Europe/Oslo"),
        ([], None, ""),
    ]

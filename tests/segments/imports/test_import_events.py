"""Events from files: facts stored once, amounts exact, moments in the organisation's zone."""

import csv
import gzip
import json
from datetime import UTC, datetime
from itertools import islice

import pytest
from django.core.management import CommandError, call_command

from segments.models import Customer, Event, Organisation
from tests.segments.importing import counts, import_text, rejected
from tests.shared_data import shared_file

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def anna():
    return Customer.objects.create(external_id="anna")


def import_events(folder, text, **more):
    return import_text(folder, text, kind="events", **more)


def test_a_row_becomes_an_event(tmp_path, anna):
    Organisation.current()
    Organisation.objects.update(time_zone="America/New_York")
    job = import_events(
        tmp_path,
        "event_id,customer_id,date,type,amount,properties,shop\n"
        'e1,anna,2026-02-01 08:30,Order,19.90,"{""sku"": ""x""}",7\n'
        "e2,anna,2026-02-01T08:30:00+01:00,visit,,,\n",
    )

    assert counts(job) == (2, 2, 0, 0, 0)
    order, visit = Event.objects.order_by("external_id")
    assert (order.customer, order.kind, order.amount_cents) == (anna, "order", 1990)
    assert order.occurred_at == datetime(2026, 2, 1, 13, 30, tzinfo=UTC)
    assert order.properties == {"sku": "x", "shop": 7}
    assert (visit.kind, visit.amount_cents, visit.properties) == ("visit", None, {})
    assert visit.occurred_at == datetime(2026, 2, 1, 7, 30, tzinfo=UTC)


def test_identical_rows_without_ids_are_all_kept_and_never_twice(tmp_path):
    text = "customer,date,amount\n" + "anna,2026-02-01,5\n" * 3 + "anna,2026-02-01,6\n"

    assert counts(import_events(tmp_path, text)) == (4, 4, 0, 0, 0)
    assert counts(import_events(tmp_path, text)) == (4, 0, 0, 4, 0)
    more = text + "anna,2026-02-01,5\n"
    assert counts(import_events(tmp_path, more)) == (5, 1, 0, 4, 0)


def test_a_changed_fact_is_an_update_and_a_contradiction_in_the_file_is_not(tmp_path):
    head = "id,customer,date,amount\n"
    import_events(tmp_path, head + "1,anna,2026-01-31,5\n2,anna,2026-01-31,5\n")
    changed = (
        head
        + "1,anna,2026-02-01,7\n2,anna,2026-01-31,5\n2,anna,2026-01-31,5\n2,anna,2026-01-31,8\n"
    )

    job = import_events(tmp_path, changed)
    assert counts(job) == (4, 0, 1, 2, 1)
    assert list(rejected(job)) == [5]
    stored = dict(Event.objects.values_list("external_id", "amount_cents"))
    assert stored == {"1": 700, "2": 500}
    assert counts(import_events(tmp_path, changed)) == (4, 0, 0, 3, 1)


def test_modes_of_events(tmp_path):
    head = "id,customer,date,amount\n"
    import_events(tmp_path, head + "1,anna,2026-02-01,5\n")
    both = head + "1,anna,2026-02-01,6\n2,anna,2026-02-01,5\n"

    assert counts(import_events(tmp_path, both, mode="update")) == (2, 0, 1, 0, 1)
    assert counts(import_events(tmp_path, both, mode="create")) == (2, 1, 0, 0, 1)


@pytest.mark.parametrize(
    "row",
    [
        "nobody,2026-02-01,1,order",
        ",2026-02-01,1,order",
        "anna,,1,order",
        "anna,2026-02-30,1,order",
        "anna,31/31/2026,1,order",
        "anna,0000-00-00,1,order",
        "anna,2026-03-02 10:00,1,order",  # more than 24 hours after the import
        "anna,1969-12-31,1,order",
        "anna,2026-02-01,NaN,order",
        "anna,2026-02-01,1e999,order",
        "anna,2026-02-01,0.125,order",
        "anna,2026-02-01,99999999999999,order",
        "anna,2026-02-01,1,no(word)",
    ],
)
def test_a_row_that_is_no_event_is_rejected(tmp_path, row):
    text = f"customer,date,amount,kind\n{row}\nanna,2026-02-01,1.50,order\n"
    job = import_events(tmp_path, text, reject_unknown=True)

    assert counts(job) == (2, 1, 0, 0, 1)
    assert rejected(job)[2]


def test_decimal_commas_and_products_are_exact(tmp_path):
    import_events(tmp_path, "customer;date;amount\nanna;2026-02-01;-1,10\n", decimal=",")
    import_events(
        tmp_path,
        "customer,date,n,price\nanna,2026-02-01,3,0.335\n",
        mapping={"amount": "n * price"},
        source="shop",
    )
    amounts = dict(Event.objects.values_list("source", "amount_cents"))
    assert amounts == {"file": -110, "shop": 101}  # 3 × 0.335 = 1.005: half a cent, away from zero


def test_unknown_customers_can_be_created(tmp_path):
    job = import_events(
        tmp_path, "customer,date\nzoe,2026-02-01\nzoe,2026-02-02\n", create_customers=True
    )

    assert counts(job) == (2, 2, 0, 0, 0)
    assert Event.objects.filter(customer__external_id="zoe").count() == 2


def test_events_of_the_same_import_lie_in_the_partitions_of_their_months(tmp_path):
    rows = "".join(f"anna,{year}-07-31 23:59:59Z\n" for year in (1970, 1999, 2026 - 1))
    assert counts(import_events(tmp_path, f"customer,date\n{rows}")) == (3, 3, 0, 0, 0)


def test_the_online_retail_file_adds_up(tmp_path, capsys):
    """Its first 100,000 lines, many without a customer id, some of them cancellations, counted
    by a plain reading of the file. Source: UCI Machine Learning Repository, data set 352.
    """
    path = tmp_path / "online_retail.csv"
    with gzip.open(shared_file("online_retail/online_retail_2010_2011.csv.gz"), "rt") as file:
        path.write_text("".join(islice(file, 100_001)))
    with path.open() as file:
        rows = list(csv.DictReader(file))
    known = [row for row in rows if row["CustomerID"]]
    call_command(
        "import_events",
        str(path),
        "--amount=Quantity*UnitPrice",
        "--return-prefix=InvoiceNo=C",
        "--create-customers",
        "--json",
    )
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert figures["n_rows"] == len(rows)
    assert (figures["n_created"], figures["n_rejected"]) == (len(known), len(rows) - len(known))
    assert 0 < len(known) < len(rows)
    n_returns = sum(row["InvoiceNo"].startswith("C") for row in known)
    assert Event.objects.filter(kind="return").count() == n_returns > 0
    n_customers = len({row["CustomerID"] for row in known})
    assert Customer.objects.exclude(external_id="anna").count() == n_customers


def test_a_command_fails_in_a_sentence(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_events", str(tmp_path / "missing.csv"))
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="No column is mapped to customer, occurred_at"):
        call_command("import_events", str(path))
    with pytest.raises(CommandError, match="no column “x”"):
        call_command("import_events", str(path), "--map=customer=x")

"""Values as people write them: read in an import, shown in its preview."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command

from segments.errors import ImportRefused
from segments.imports.preview_file import preview_file
from segments.models import Customer, Event, ExchangeRate, Organisation
from tests.segments.importing import NOW, counts, import_text, rejected, warned

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def stored(*names):
    return list(Customer.objects.order_by("external_id").values_list(*names))


def test_countries_languages_and_zones_are_read_by_name(tmp_path):
    text = (
        "id,country,language,time_zone\n"
        "1,United Kingdom,Portuguese,W. Europe Standard Time\n"
        "2,UK,pt_BR,Lisbon\n"
        "3,de,deutsch,Europe/Berlin\n"
        "4,Atlantis,zz,Mars/Olympus\n"
        "5,,,\n"
    )
    job = import_text(tmp_path, text)

    assert counts(job) == (5, 5, 0, 0, 0)
    assert list(warned(job)) == [5]
    assert [w["n_cells"] for w in job.warnings] == [1, 1, 1]
    assert stored("country", "language", "time_zone") == [
        ("GB", "pt", "Europe/Berlin"),
        ("GB", "pt-BR", "Europe/Lisbon"),
        ("DE", "de", "Europe/Berlin"),
        ("", "", ""),
        ("", "", ""),
    ]
    assert counts(import_text(tmp_path, text)) == (5, 0, 0, 5, 0)


def test_a_preview_shows_how_spellings_are_read(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("id,country\n1,Germany\n2,PT\n")

    (column,) = preview_file(path, "customers", at=NOW).read

    assert (column.column, column.question, column.samples) == (
        "country",
        "",
        (("Germany", "DE"),),
    )


@pytest.mark.parametrize(
    ("word", "is_given"),
    [
        ("subscribed", True),
        ("Subscribed", True),
        ("opted-in", True),
        ("opted_in", True),
        ("x", True),
        ("1.0", True),
        ("oui", True),
        ("Sí", True),
        ("JA", True),
        ("sim", True),
        ("unsubscribed", False),
        ("Never subscribed", False),
        ("NEVER_SUBSCRIBED", False),
        ("non-subscribed", False),
        ("cleaned", False),
        ("opted out", False),
        ("nein", False),
        ("NÃO", False),
        ("0.0", False),
    ],
)
def test_words_for_yes_and_no_are_read(tmp_path, word, is_given):
    import_text(tmp_path, "id,consent_email,consent_sms\n1,,yes\n2,yes,yes\n")
    job = import_text(tmp_path, f"id,consent_email,consent_sms\n1,{word},\n2,{word},no\n")

    assert job.n_warnings == 0
    assert stored("consents") == [
        (["email", "sms"] if is_given else ["sms"],),
        (["email"] if is_given else [],),
    ]


def test_a_withdrawal_takes_effect_although_another_cell_cannot_be_read(tmp_path):
    head = "id,email,phone,consent_email\n"
    import_text(tmp_path, head + "1,a@b.example,+48501000001,yes\n2,c@d.example,+1555010000,yes\n")
    job = import_text(tmp_path, head + "1,a@b.example,n/a,no\n2,c@d.example,call me,no\n")

    assert counts(job) == (2, 0, 2, 0, 0)
    assert job.warnings == [
        {
            "column": "phone",
            "n_cells": 2,
            "samples": [{"line": 2, "cell": "n/a"}, {"line": 3, "cell": "call me"}],
        }
    ]
    assert stored("consents", "phone") == [([], "+48501000001"), ([], "+1555010000")]
    assert rejected(job) == {}


def test_moments_in_american_spelling_are_read_by_what_the_column_says(tmp_path):
    Organisation.current()
    Organisation.objects.update(time_zone="Europe/London")
    text = (
        "customer,date,id\n1,6/1/2025 8:26,a\n1,6/13/2025 2:05 PM,b\n1,2025-06-01T08:26:00Z,c\n"
        "1,1748766360,d\n1,0000-00-00 00:00:00,e\n1,6/31/2025 9:00,f\n"
    )
    job = import_text(tmp_path, text, kind="events", create_customers=True)

    assert counts(job) == (6, 4, 0, 0, 2)
    assert rejected(job)[6] == "occurred at is missing."
    assert "“6/31/2025 9:00” is not a valid time" in rejected(job)[7]
    moments = dict(Event.objects.values_list("external_id", "occurred_at"))
    assert moments == {
        "a": datetime(2025, 6, 1, 7, 26, tzinfo=UTC),
        "b": datetime(2025, 6, 13, 13, 5, tzinfo=UTC),
        "c": datetime(2025, 6, 1, 8, 26, tzinfo=UTC),
        "d": datetime(2025, 6, 1, 8, 26, tzinfo=UTC),
    }


def test_a_row_that_contradicts_the_order_of_the_column_is_named(tmp_path):
    rows = "".join(f"1,{day}/04/2025,{day}-{n}\n" for day in range(13, 31) for n in range(10))
    text = f"customer,date,id\n{rows}1,04/13/2025,x\n1,03/04/2025,y\n"
    job = import_text(tmp_path, text, kind="events", create_customers=True)

    assert counts(job) == (182, 181, 0, 0, 1)
    assert list(rejected(job).values()) == [
        "occurred at: “04/13/2025” contradicts the column's order of day and month."
    ]
    assert Event.objects.get(external_id="y").occurred_at == datetime(2025, 4, 3, tzinfo=UTC)


def test_an_order_that_the_column_leaves_open_is_asked_for(tmp_path, capsys):
    path = tmp_path / "file.csv"
    path.write_text("customer,date\nanna,03/04/2025\nanna,05/04/2025\n")

    (column,) = preview_file(path, "events", at=NOW).read
    assert column.option == "dates"
    assert "Choose a date format (--dates dmy or --dates mdy)" in column.question

    with pytest.raises(CommandError, match=r"Column “date”: .*--dates dmy or --dates mdy"):
        call_command("import_events", str(path), "--create-customers")
    assert not Event.objects.exists()
    call_command("import_events", str(path), "--create-customers", "--dates=mdy")
    assert Event.objects.earliest("occurred_at").occurred_at == datetime(2025, 3, 4, tzinfo=UTC)


def test_a_person_at_a_terminal_is_asked(tmp_path, monkeypatch):
    path = tmp_path / "file.csv"
    path.write_text("customer;date;amount\nanna;03/04/2025;1.234\n")
    answers = {"--dates ": "mdy", "--decimal ": ","}
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answers.__getitem__)

    call_command("import_events", str(path), "--create-customers")

    event = Event.objects.get()
    assert event.occurred_at == datetime(2025, 3, 4, tzinfo=UTC)
    assert event.amount_cents == 123_400


def test_of_a_moment_a_date_is_its_day_in_the_organisations_zone(tmp_path):
    Organisation.current()
    Organisation.objects.update(time_zone="America/New_York")
    text = (
        "id,created_at\n1,2024-01-09 12:49:00\n2,2023-11-30T03:05:17.000Z\n"
        "3,1/9/2024 11:30 PM\n4,30/1/2024\n5,0000-00-00 00:00:00\n6,1701313517\n"
    )
    job = import_text(tmp_path, text.replace("3,1/9/2024 11:30 PM\n", ""))

    assert counts(job) == (5, 5, 0, 0, 0)
    assert job.n_warnings == 0
    assert stored("registered_on") == [
        (date(2024, 1, 9),),
        (date(2023, 11, 29),),
        (date(2024, 1, 30),),
        (None,),
        (date(2023, 11, 29),),
    ]


def test_an_unknown_date_is_an_empty_cell(tmp_path):
    import_text(tmp_path, "id,birth_date\n1,1979-03-02\n")
    job = import_text(tmp_path, "id;birth_date\n1;0000-00-00\n2;00/00/0000\n3;1979-03-02\n")
    assert counts(job) == (3, 2, 0, 1, 0)
    assert job.n_warnings == 0
    assert stored("birth_date") == [(date(1979, 3, 2),), (None,), (date(1979, 3, 2),)]

    import_text(tmp_path, "id,birth_date\n1,0000-00-00\n", empty="clear")
    assert Customer.objects.get(external_id="1").birth_date is None


def import_amounts(folder, *cells, columns="amount", **more):
    """Amounts, in a file with semicolons; returns the job and the cents by line."""
    rows = "".join(f"anna;2026-01-05;{line};{cell}\n" for line, cell in enumerate(cells, start=2))
    text = f"customer;date;id;{columns}\n{rows}"
    job = import_text(folder, text, kind="events", create_customers=True, **more)
    amounts = Event.objects.values_list("external_id", "amount_cents")
    return job, {int(line): cents for line, cents in amounts}


def test_amounts_with_thousands_and_signs_are_read(tmp_path):
    cells = ("1.234,56", "5,50 €", "1 234,50", "25.000", "7,00", "(3,00)", "3,00-", "7", "")
    job, amounts = import_amounts(tmp_path, *cells)

    assert counts(job) == (9, 9, 0, 0, 0)
    assert list(amounts.values()) == [
        *(123_456, 550, 123_450, 2_500_000, 700, -300, -300, 700, None)
    ]


def test_three_digits_after_a_mark_are_never_decimals_silently(tmp_path):
    job, _amounts = import_amounts(tmp_path, "25.000", "7")
    assert job.status == "failed"
    assert "Column “amount”: it is not clear" in job.error
    assert "--decimal" in job.error

    job, amounts = import_amounts(tmp_path, "25.000", "1.234,56", decimal=".")
    assert counts(job) == (2, 0, 0, 0, 2)
    assert "could be thousands or decimals" in rejected(job)[2]

    job, amounts = import_amounts(tmp_path, "25.000", "7", decimal=",")
    assert amounts == {2: 2_500_000, 3: 700}


def test_products_are_read_column_by_column(tmp_path):
    text = "customer;date;id;n;price\nanna;2026-01-05;1;2;1.234,50\nanna;2026-01-05;2;-1;0,335\n"
    import_text(tmp_path, text, kind="events", create_customers=True, mapping={"amount": "n*price"})
    event = Event.objects.get(external_id="1")
    assert event.amount_cents == 246_900
    assert event.properties == {"n": 2, "price": "1.234,50"}
    assert Event.objects.get(external_id="2").amount_cents == -34


def test_other_currencies_need_a_rate(tmp_path):
    ExchangeRate.objects.create(currency="USD", valid_from=date(2026, 1, 1), rate="0.9")
    ExchangeRate.objects.create(currency="USD", valid_from=date(2026, 1, 5), rate="0.8")
    ExchangeRate.objects.create(currency="USD", valid_from=date(2026, 1, 6), rate="0.7")
    job, amounts = import_amounts(tmp_path, "$1,234.56", "USD 10.00", "£5.00", "€3.00", "12 kr")

    assert amounts == {2: 98_765, 3: 800, 5: 300}
    assert rejected(job) == {
        4: "amount: There is no exchange rate for GBP on 2026-01-05. Add one in the admin.",
        6: "amount: The currency of “12 kr” is not clear. Use a code such as USD.",
    }


def test_a_currency_column_says_what_the_amount_is_in(tmp_path):
    ExchangeRate.objects.create(currency="SEK", valid_from=date(2026, 1, 1), rate="0.1")
    cells = ("10.00;EUR", "10.00;sek", "10.00;", ";USD", "10.00;USD", "10.00;gold", "$1.00;SEK")
    job, amounts = import_amounts(tmp_path, *cells, columns="amount;Currency")

    assert amounts == {2: 1_000, 3: 100, 4: 1_000, 5: None}
    assert rejected(job) == {
        6: "amount: There is no exchange rate for USD on 2026-01-05. Add one in the admin.",
        7: "currency: “gold” is not a valid currency. Use an ISO 4217 code such as USD.",
        8: "amount: The row names two currencies, USD and SEK.",
    }
    assert Event.objects.get(external_id="3").properties == {"Currency": "sek"}


def test_a_heading_says_what_the_amounts_are_in(tmp_path):
    ExchangeRate.objects.create(currency="USD", valid_from=date(2026, 1, 5), rate="0.5")
    job, amounts = import_amounts(tmp_path, "10.00", "€10.00", columns="Amount (USD)")
    assert amounts == {2: 500}
    assert rejected(job) == {3: "amount: The row names two currencies, EUR and USD."}

    _job, amounts = import_amounts(tmp_path, "10.00", columns="total_eur")
    assert amounts == {2: 1_000}
    with pytest.raises(ImportRefused, match="currency in the heading “Amount"):
        import_amounts(tmp_path, "10.00", columns="Amount (¥)")


def test_what_was_refunded_is_taken_off_with_or_without_a_minus_sign(tmp_path):
    cells = ("100.00;30.00", "100.00;-30.00", "100.00;(30.00)", "100.00;-", "100.00;")
    _job, amounts = import_amounts(tmp_path, *cells, columns="amount;refunded")
    assert list(amounts.values()) == [7_000, 7_000, 7_000, 10_000, 10_000]


def test_whole_cents_may_have_decimals_of_zero(tmp_path):
    job, amounts = import_amounts(tmp_path, "1250.0", "-7.00", "7.5", columns="amount_cents")
    assert amounts == {2: 1_250, 3: -7}
    assert list(rejected(job)) == [4]


def test_an_exchange_rate_is_kept_in_the_admin(admin_client):
    address = "/admin/segments/exchangerate/add/"
    rate = {"currency": "EUR", "valid_from": "2026-01-01", "rate": "0.9"}
    assert "own currency" in admin_client.post(address, rate).text
    assert admin_client.post(address, rate | {"currency": "USD"}).status_code == 302
    assert str(ExchangeRate.objects.get()) == "USD 2026-01-01: 0.90000000"
    assert "above zero" in admin_client.post(address, rate | {"currency": "GBP", "rate": "0"}).text


def test_a_birthday_without_a_year_is_a_birthday(tmp_path):
    text = (
        "id,Birthday\n1,03/14\n2,12/25\n3,--02-29\n4,14.03.\n5,1990-05-04\n6,02/30\n7,1604-03-14\n"
    )
    job = import_text(tmp_path, text)

    assert counts(job) == (7, 7, 0, 0, 0)
    assert list(warned(job)) == [7]
    assert stored("birth_date") == [
        (date(1604, 3, 14),),
        (date(1604, 12, 25),),
        (date(1604, 2, 29),),
        (date(1604, 3, 14),),
        (date(1990, 5, 4),),
        (None,),
        (date(1604, 3, 14),),
    ]
    assert counts(import_text(tmp_path, text)) == (7, 0, 0, 7, 0)


@pytest.mark.parametrize(
    ("written", "email"),
    [
        ("mailto:ana@example.com", "ana@example.com"),
        ("<ana@example.com>", "ana@example.com"),
        ("Ana Roth <Ana@Example.com>", "Ana@example.com"),
        ("ana@example.com.", "ana@example.com"),
        ("ana@example.com;", "ana@example.com"),
        ("'ana@example.com", "ana@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("Ana <ana@example.com>, Rui <rui@example.com>", ""),
        ("ana@example.com;rui@example.com", ""),
        ("ana@example.com (work)", ""),
    ],
)
def test_what_stands_around_an_address_is_taken_off(tmp_path, written, email):
    job = import_text(tmp_path, f'customer_id|email\nK-1|"{written}"\n')
    assert Customer.objects.get().email == email
    assert job.n_warnings == (not email)


def test_addresses_with_something_around_them_are_suppressed(tmp_path):
    text = "customer_id,email\nK-1,ana@example.com\nK-2,'rui@example.com\n"
    import_text(tmp_path, text)
    listed = "email\nmailto:ana@example.com\nRui <RUI@example.com>\n"
    assert counts(import_text(tmp_path, listed, kind="suppressions")) == (2, 2, 0, 0, 0)
    assert all(Customer.objects.values_list("suppressed_channels", flat=True))

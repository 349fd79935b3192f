"""Workbooks, and files with lines above their headings."""

import zipfile
from datetime import UTC, date, datetime, time

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from segments.errors import ImportRefused
from segments.imports.file_format import detect_format
from segments.imports.import_file import create_import, run_import
from segments.imports.preview_file import preview_file
from segments.models import Customer, Event, ExchangeRate, ImportJob
from tests.factories import make_customer
from tests.segments.importing import (
    NOW,
    counts,
    filled_in,
    import_text,
    rejected,
    uploaded,
    warned,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def saved(tmp_path):
    """Writes a workbook of sheets by name, each a list of rows."""

    def save(sheets, *, name="file.xlsx", formats=None, **settings):
        workbook = Workbook()
        workbook.remove(workbook.active)
        for title, rows in sheets.items():
            sheet = workbook.create_sheet(title)
            for row in rows:
                sheet.append(row)
            for cell, number_format in (formats or {}).items():
                sheet[cell].number_format = number_format
        for key, value in settings.items():
            setattr(workbook, key, value)
        path = tmp_path / name
        workbook.save(path)
        return path

    return save


def imported(path, kind="customers", **how):
    return run_import(create_import(kind=kind, path=path, at=NOW, **how))


def test_cells_are_read_as_a_reader_of_the_sheet_means_them(saved):
    path = saved(
        {
            "Customers": [
                ["id", "birth_date", "registered_on", "consent_email", "score", "note", "zip"],
                [
                    1001,
                    date(1990, 5, 4),
                    datetime.fromisoformat("2025-03-01T10:15"),
                    True,
                    0.5,
                    "two\nlines",
                    123,
                ],
                [1002.0, None, None, False, 3.0, "=", "00124"],
                ["00123", None, None, None, None, "#N/A", None],
                [123456789012345, None, None, None, None, time(9, 30), None],
            ]
        },
        formats={"G2": "00000"},
    )
    job = imported(path)

    assert (counts(job), warned(job)) == ((4, 4, 0, 0, 0), {})
    rows = {c.external_id: c for c in Customer.objects.all()}
    assert rows.keys() == {"1001", "1002", "00123", "123456789012345"}
    assert (rows["1001"].birth_date, rows["1001"].registered_on) == (
        date(1990, 5, 4),
        date(2025, 3, 1),
    )
    assert rows["1001"].consents == ["email"]
    assert rows["1001"].attributes == {"score": 0.5, "note": "two lines", "zip": "00123"}
    assert rows["1002"].attributes == {"score": 3, "note": "=", "zip": "00124"}
    assert rows["00123"].attributes == {}
    assert rows["123456789012345"].attributes == {"note": "09:30:00"}


def test_moments_and_amounts_of_a_workbook_of_a_mac(saved):
    make_customer(external_id="1")
    rows = [
        ["customer", "date", "amount"],
        [1, datetime.fromisoformat("2026-02-03T18:20:30"), 49.9],
    ]
    job = imported(saved({"Orders": rows}, epoch=CALENDAR_MAC_1904), kind="events")

    assert counts(job) == (1, 1, 0, 0, 0)
    event = Event.objects.get()
    assert event.occurred_at == datetime(2026, 2, 3, 18, 20, 30, tzinfo=UTC)
    assert event.amount_cents == 4_990


def test_lines_are_the_rows_of_the_sheet_with_blank_ones_and_titles(saved):
    path = saved(
        {
            "Report": [
                ["Customers of March"],
                [],
                ["id", "email", "birth_date"],
                ["1", "a@example.com", None],
                [],
                ["2", "b@example.com", "soon"],
                [None, "c@example.com", None],
                *[[]] * 50,
            ]
        }
    )
    job = imported(path)
    assert (counts(job), list(warned(job)), list(rejected(job))) == ((3, 2, 0, 0, 1), [6], [7])
    assert (job.dialect["n_head_lines"], job.dialect["title"]) == (3, "Customers of March")
    assert counts(imported(path)) == (3, 0, 0, 2, 1)


def test_the_first_sheet_with_cells_is_taken_or_the_one_that_is_chosen(saved, capsys):
    path = saved({"Cover": [], "Old": [["id"], ["1"]], "New": [["id"], ["2"], ["3"]]})
    assert preview_file(path, "customers", at=NOW).format.sheet == "Old"
    assert preview_file(path, "customers", at=NOW).sheets == ("Cover", "Old", "New")

    call_command("import_customers", str(path), "--sheet=New")
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"2", "3"}
    assert ImportJob.objects.get().dialect["sheet"] == "New"
    with pytest.raises(CommandError, match="no sheet “Newest”"):
        call_command("import_customers", str(path), "--sheet=Newest")


def test_a_cover_is_passed_over(saved):
    path = saved({"Cover": [["Customers, all"]], "Data": [["id", "email"], ["1", "a@x.de"]]})
    assert preview_file(path, "customers", at=NOW).format.sheet == "Data"
    path = saved({"Cover": [["Spring"]], "Ids": [["id"], ["1"]]})
    assert preview_file(path, "customers", at=NOW).format.sheet == "Cover"


def test_a_hidden_sheet_is_not_offered(saved):
    path = saved({"Shown": [["id"], ["1"]]})
    workbook = Workbook()
    workbook.active.title = "Secret"
    workbook.active.append(["id"])
    workbook.create_sheet("Shown").append(["id"])
    workbook["Secret"].sheet_state = "hidden"
    workbook.save(path)
    shown = preview_file(path, "customers", at=NOW)
    assert (shown.sheets, shown.format.sheet) == (("Shown",), "Shown")


def test_a_workbook_is_recognised_by_its_content_and_not_by_its_name(saved, tmp_path):
    path = saved({"A": [["id"], ["1"]]}, name="customers.csv")
    assert counts(imported(path)) == (1, 1, 0, 0, 0)
    (tmp_path / "text.xlsx").write_text("id\n2\n")
    assert counts(imported(tmp_path / "text.xlsx")) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "a password or in the old format"),
        (b"PK\x03\x04rest", "archive or another kind of document"),
    ],
)
def test_what_is_no_readable_workbook_is_refused_in_a_sentence(tmp_path, content, reason):
    path = tmp_path / "file.xlsx"
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match=reason):
        detect_format(path)


def test_a_damaged_workbook_and_a_bomb_are_refused(saved, tmp_path):
    path = saved({"A": [["id"], ["1"]]})
    bad = tmp_path / "bad.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            is_sheet = name.startswith("xl/worksheets/sheet")
            target.writestr(name, b"<worksheet" if is_sheet else source.read(name))
    with pytest.raises(ImportRefused, match="damaged or incomplete"):
        detect_format(bad)
    bomb = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("xl/media/zeros", b"\0" * (64 << 20))
    with pytest.raises(ImportRefused, match="far more data"):
        detect_format(bomb)


def test_more_shared_text_than_memory_should_hold_is_refused(saved, monkeypatch):
    path = saved({"A": [["id"], ["1"]]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", b"<sst/>".ljust(101))
    monkeypatch.setattr("segments.imports.read_workbook.MAX_SHARED", 100)
    with pytest.raises(ImportRefused, match="too much text to be read"):
        detect_format(path)


def test_merged_cells_count_once_and_percentages_are_numbers(saved, tmp_path):
    path = saved({"A": [["id", "note", "share"], ["1", "both", 0.25], ["2", None, 0.5]]})
    workbook = load_workbook(path)
    workbook["A"].merge_cells("B2:B3")
    workbook["A"]["C2"].number_format = "0%"
    workbook.save(path)
    imported(path)
    attributes = Customer.objects.order_by("external_id").values_list("attributes", flat=True)
    assert list(attributes) == [{"note": "both", "share": 0.25}, {"share": 0.5}]


@pytest.mark.parametrize(
    ("number_format", "cents"),
    [
        ("[$$-409]#,##0.00", 500),
        ('"$"#,##0.00_);("$"#,##0.00)', 500),
        ("[$USD] #,##0.00", 500),
        ('#,##0.00\\ "€"', 1_000),
        ("[$€-407] #,##0.00", 1_000),
        ("[$-409]#,##0.00", 1_000),  # a locale and no currency
        ('0.00" pcs"', 1_000),
        ("[Red]0.00", 1_000),
        ("[$£-809]#,##0.00", None),  # without a rate
    ],
)
def test_amounts_are_in_the_currency_that_their_cells_show(saved, number_format, cents):
    make_customer(external_id="1")
    ExchangeRate.objects.create(currency="USD", valid_from=date(2026, 1, 1), rate="0.5")
    rows = [["customer", "date", "amount"], [1, "2026-01-05", 10]]
    job = imported(saved({"Orders": rows}, formats={"C2": number_format}), kind="events")
    assert [e.amount_cents for e in Event.objects.all()] == ([] if cents is None else [cents])
    assert job.n_rejected == (cents is None)


DAYS = (46_023, 46_023.75, 46_053.000011574)  # 1 and 31 January 2026


@pytest.mark.parametrize("is_1904", [False, True])
def test_days_without_the_format_of_a_date_are_read_as_they_are_counted(saved, is_1904):
    make_customer(external_id="1")
    offset = 1_462 if is_1904 else 0
    rows = [["customer", "date", "amount"], *[[1, day - offset, 5] for day in DAYS]]
    settings = {"epoch": CALENDAR_MAC_1904} if is_1904 else {}
    job = imported(saved({"Orders": rows}, **settings), kind="events")
    assert counts(job) == (3, 3, 0, 0, 0)
    moments = list(Event.objects.order_by("occurred_at").values_list("occurred_at", flat=True))
    assert moments == [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 18, tzinfo=UTC),
        datetime(2026, 1, 31, 0, 0, 1, tzinfo=UTC),
    ]


def test_a_year_or_a_count_is_no_day(saved):
    rows = [["id", "birth_date"], ["1", 1980], ["2", 29_221], ["3", 99_999], ["4", 0]]
    job = imported(saved({"A": rows}))
    assert list(warned(job)) == [2, 4]
    births = Customer.objects.order_by("external_id").values_list("birth_date", flat=True)
    assert list(births) == [None, date(1980, 1, 1), None, None]


def test_formulas_without_stored_results_are_refused_and_not_read_as_empty(saved, tmp_path):
    path = saved({"A": [["id", "email"], ["1", "=CONCATENATE(A2,B1)"]]})
    with pytest.raises(ImportRefused, match="formula in cell B2 has no stored result"):
        detect_format(path)
    stored = tmp_path / "stored.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(stored, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name.startswith("xl/worksheets/sheet"):  # text that is empty is a result
                text = text.replace(b'<c r="B2">', b'<c r="B2" t="str">')
            target.writestr(name, text)
    assert counts(imported(stored)) == (1, 1, 0, 0, 0)


def test_errors_of_formulas_are_warnings(saved):
    rows = [["id", "country", "points"], ["1", "#REF!", "#DIV/0!"], ["2", "PT", 7]]
    job = imported(saved({"A": rows}))
    assert list(warned(job)) == [2]
    assert "“points” is the error of a formula" in warned(job)[2]
    assert [c.attributes for c in Customer.objects.order_by("external_id")] == [{}, {"points": 7}]


def test_three_decimals_of_a_number_are_decimals(saved):
    make_customer(external_id="1")
    rows = [["customer", "date", "price", "n"], *[[1, "2026-01-05", 12.125, 8]] * 2]
    job = imported(saved({"A": rows}), kind="events", mapping={"amount": "price*n"})
    assert counts(job) == (2, 2, 0, 0, 0)
    assert set(Event.objects.values_list("amount_cents", flat=True)) == {9_700}


@pytest.mark.parametrize(
    "content",
    [
        "<html><body><table><tr><td>id</td></tr></table></body></html>",  # saved as .xls by shops
        '\ufeff<?xml version="1.0"?><Workbook/>',
        "%PDF-1.7\n1 0 obj",
        '[{"id": 1},\n{"id": 2}]',
        '{"id": 1}\n{"id": 2}\n',
        "{\\rtf1 id}",
    ],
)
def test_other_documents_are_refused_by_what_they_are(tmp_path, content):
    (tmp_path / "file.xls").write_text(content)
    with pytest.raises(ImportRefused, match="other document, not a table"):
        detect_format(tmp_path / "file.xls")


def test_a_line_of_totals_is_no_customer(tmp_path):
    text = "id,email,spent\n1,a@x.de,5\n2,b@x.de,5\nTotal,,10\nGrand Total,,10\n(2 rows),,\n"
    job = import_text(tmp_path, text)
    assert (counts(job), list(rejected(job))) == ((5, 2, 0, 0, 3), [4, 5, 6])
    make_customer(external_id="Summe")  # whoever is really called so
    assert counts(import_text(tmp_path, "id,email\nSumme,c@x.de\n")) == (1, 0, 1, 0, 0)


def test_a_suppression_list_may_be_a_workbook(saved):
    customer = make_customer(email="gone@example.com")
    job = imported(saved({"A": [["email"], ["gone@example.com"]]}), kind="suppressions")
    assert counts(job) == (1, 1, 0, 0, 0)
    customer.refresh_from_db()
    assert customer.suppressed_channels == ["email"]


def test_a_csv_file_has_no_sheets(tmp_path):
    (tmp_path / "file.csv").write_text("id\n1\n")
    with pytest.raises(ImportRefused, match="no sheets"):
        detect_format(tmp_path / "file.csv", sheet="A")


TITLES = [
    "Customers of March\n\n",
    "Customers, March\n\n",
    "Customers of March;;\n;;\n",
    "Report:;Customers\nPeriod:;2026-03\n",
    '"Report, quoted"\nCreated by Ann\n\n',
    "Customers\nGenerated by;Ann\n\n",
    "Customers;all shops\nCurrency: EUR\n\n",
]


@pytest.mark.parametrize("title", TITLES)
def test_lines_above_the_headings_are_passed_over(tmp_path, title):
    rows = "".join(f"{n};a{n}@example.com;PT\n" for n in range(1, 30))
    job = import_text(tmp_path, f"{title}id;email;country\n{rows}")
    assert counts(job) == (29, 29, 0, 0, 0)
    assert Customer.objects.get(external_id="7").email == "a7@example.com"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("id\n1\n2\n", 1),
        ("name\nann\nbob, jr\n", 1),
        ("id,name\n1,Ann\n", 1),
        ("id,name\n1,Ann,x,y,z\n2,Bob,x,y,z\n", 1),
        ("id,first,last\nanna,Ann,Smith\nbob,Bob,Brown\n", 1),
        ("id\n1,2,3\n4,5,6\n", 1),
        ("customer_id,email\nK1,a@example.com\nK2,b@example.com\n", 1),
        ("Total\n\nid,email,country\n", 1),
    ],
)
def test_no_heading_and_no_row_is_taken_for_a_title(tmp_path, text, first):
    (tmp_path / "file.csv").write_text(text)
    assert detect_format(tmp_path / "file.csv").n_head_lines == first


def test_the_line_of_the_headings_can_be_said(tmp_path):
    (tmp_path / "file.csv").write_text("a,b,c\nx,y,z\nid,email,country\n1,a@example.com,PT\n")
    call_command("import_customers", str(tmp_path / "file.csv"), "--header-line=3")
    assert Customer.objects.get().email == "a@example.com"
    with pytest.raises(CommandError, match="no line 9"):
        call_command("import_customers", str(tmp_path / "file.csv"), "--header-line=9")


def test_another_sheet_is_chosen_in_the_preview(admin_client, saved):
    path = saved(
        {
            "Old": [["shop", "city"], ["1", "Porto"]],  # without a column that is required
            "New": [["Report"], [], ["id", "email"], ["2", "b@x.de"]],
        }
    )
    page = admin_client.get(address := uploaded(admin_client, path.read_bytes()))
    assert page.context["form"].initial["sheet"] == "Old"

    answer = admin_client.post(address, filled_in(page, sheet="New", confirm="1"))
    assert not ImportJob.objects.exists()  # its columns are others
    page = admin_client.get(answer.url)
    assert page.context["preview"].columns == ("id", "email")
    assert page.context["form"].initial["header_line"] == 3
    admin_client.post(answer.url, filled_in(page, confirm="1"))
    run_import(ImportJob.objects.get())
    assert Customer.objects.get().email == "b@x.de"


def test_another_line_of_headings_is_chosen_in_the_preview(admin_client, tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("id,email,x\na,b,c\nid,email,country\n1,a@example.com,PT\n")
    page = admin_client.get(address := uploaded(admin_client, path.read_bytes()))
    assert page.context["form"].initial["header_line"] == 1
    answer = admin_client.post(address, filled_in(page, header_line="3", confirm="1"))
    page = admin_client.get(answer.url)
    assert page.context["preview"].columns == ("id", "email", "country")
    admin_client.post(answer.url, filled_in(page, confirm="1"))
    assert counts(run_import(ImportJob.objects.get())) == (1, 1, 0, 0, 0)

    assert admin_client.get(f"{address}?header_line=99&sheet=x").status_code == 200

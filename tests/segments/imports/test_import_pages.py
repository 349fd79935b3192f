"""The pages of an import: what the preview asks has to be answered before anything is stored."""

from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from segments.imports.admin.import_forms import options_in_words
from segments.imports.import_file import run_import
from segments.models import FileConsents, ImportJob
from tests.segments.importing import filled_in, uploaded

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_an_open_order_of_day_and_month_is_asked_before_the_import(admin_client):
    text = "customer,date\nanna,03/04/2025\nanna,05/04/2025\n"
    address = uploaded(admin_client, text, kind="events")
    page = admin_client.get(address)
    assert "it is not clear which number is the day" in page.text
    assert "not clear" in page.text

    page = admin_client.post(address, filled_in(page, confirm="1"))
    assert page.status_code == 200
    assert not ImportJob.objects.exists()

    answer = admin_client.post(address, filled_in(page, dates="mdy", confirm="1"))
    assert answer.status_code == 302
    assert ImportJob.objects.get().options["dates"] == "mdy"


def test_a_preview_shows_how_columns_are_read_and_which_cells_are_left_out(admin_client):
    text = "id,country,phone,birth_date\n1,Germany,n/a,31/12/1990\n2,PT,+351912345678,\n"
    page = admin_client.get(uploaded(admin_client, text, kind="customers"))

    assert "“Germany” → DE" in page.text
    assert "day first: 31/12/2026" in page.text
    assert "“n/a” is not a valid phone number." in page.text

    address = page.request["PATH_INFO"]
    answer = admin_client.post(address, filled_in(page, strict="True", empty="clear", confirm="1"))
    assert answer.status_code == 302
    options = ImportJob.objects.get().options
    assert (options["strict"], options["empty"]) == (True, "clear")


def test_the_page_of_an_import_lists_cells_that_could_not_be_read(admin_client, tmp_path):
    job = ImportJob.objects.create(
        kind="customers",
        status="done",
        file_name="file.csv",
        n_rows=1,
        n_created=1,
        n_warnings=1,
        warnings=[{"column": "phone", "n_cells": 1, "samples": [{"line": 2, "cell": "n/a"}]}],
        dialect={"delimiter": ","},
        created_at="2026-03-01T09:00Z",
    )
    page = admin_client.get(reverse("admin:segments_importjob_change", args=[job.pk]))
    assert "2: “n/a”" in page.text
    listed = admin_client.get(reverse("admin:segments_importjob_changelist")).text
    assert "n_cells" not in listed.replace("n_cells_warned", "")  # a number, no JSON


def words(kind, **options):
    job = ImportJob(kind=kind, options=options)
    return {str(label): str(value) for label, value in options_in_words(job)}


def test_the_options_of_an_import_are_shown_under_the_labels_of_its_form():
    shown = words(
        "events",
        dates="dmy",
        decimal=",",
        default_kind="visit",
        create_customers=True,
        ignore=["a", "b"],
    )

    assert shown == {
        "Date format": "31.12.2026, day first",
        "Decimal mark": "comma: 12,50",
        "Event kind": "visit",
        "Create unknown customers": "yes",
        "Skip these columns": "a, b",
    }


def test_options_of_other_kinds_of_files_are_not_shown():
    shown = words("customers", dates="iso", default_kind="order", strict=True)

    assert shown == {"Date format": "2026-12-31", "Unreadable cells": "reject the row"}
    assert words("customers", strict=False) == {
        "Unreadable cells": "leave out the cell, with a warning"
    }


def test_a_file_says_what_it_says_as_of_when_its_browser_saw_it_changed(admin_client):
    file = SimpleUploadedFile("file.csv", b"id,consent_email\n1,yes\n")
    form = {"kind": "customers", "file": file, "last_modified": "1772355600000"}
    address = admin_client.post(reverse("admin:segments_importjob_add"), form).url
    page = admin_client.get(address)
    assert page.context["form"].initial["file_made_at"] == "2026-03-01T09:00:00"

    late = admin_client.post(address, filled_in(page, file_made_at="2999-01-01T00:00", confirm="1"))
    assert "The time is in the future." in late.text
    admin_client.post(address, filled_in(page, file_made_at="2026-02-01T08:30:00", confirm="1"))
    job = ImportJob.objects.get()
    assert job.file_made_at == datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
    run_import(job)
    assert FileConsents.objects.get().said_at == job.file_made_at
    assert "Kept withdrawn" in admin_client.get(job_page(job)).text


@pytest.mark.parametrize("odd", ["", "tomorrow", "-1", "99999999999999999"])
def test_a_browser_without_a_usable_time_makes_it_the_upload(admin_client, odd):
    file = SimpleUploadedFile("file.csv", b"id,consent_email\n1,yes\n")
    form = {"kind": "customers", "file": file, "last_modified": odd}
    answer = admin_client.post(reverse("admin:segments_importjob_add"), form)
    assert answer.status_code == (302 if odd == "" else 200)


def job_page(job):
    return reverse("admin:segments_importjob_change", args=[job.pk])


def test_an_encoding_that_is_not_clear_is_asked_before_the_import(admin_client):
    content = "id,first_name\n1,김민\n".encode("cp949")
    address = uploaded(admin_client, content, kind="customers")
    page = admin_client.get(address)
    assert "The encoding is not clear" in page.text
    assert "cp949 (1,김민)" in page.text

    assert admin_client.post(address, filled_in(page, confirm="1")).status_code == 200
    assert not ImportJob.objects.exists()
    assert (
        admin_client.post(address, filled_in(page, encoding="cp949", confirm="1")).status_code
        == 302
    )
    assert ImportJob.objects.get().encoding == "cp949"


SHOPIFY = (
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name\n"
    "#1,nora@example.com,paid,EUR,30.00,2026-02-03 10:58:00 +0200,1,Tea\n"
    "#1,nora@example.com,,,,2026-02-03 10:58:00 +0200,2,Cup\n"
)


def test_a_preview_says_what_an_export_is_and_sets_it_up(admin_client):
    page = admin_client.get(address := uploaded(admin_client, SHOPIFY, kind="events"))
    assert "Recognised as Shopify: orders." in page.text
    form = page.context["form"].initial
    assert (form["map_amount"], form["source"]) == ("Total", "shopify")
    assert form["leave_out"] == "Financial Status = "
    assert "pending = order_pending" in form["kinds"]
    assert page.context["preview"].n_left_out == 1

    changed = filled_in(page, leave_out="Financial Status = ,pending", confirm="1")
    assert admin_client.post(address, changed).status_code == 302
    job = ImportJob.objects.get()
    assert job.options["leave_out"] == {"Financial Status": ["", "pending"]}
    assert (job.source, job.options["kinds"]["paid"]) == ("shopify", "order")

    as_is = admin_client.get(f"{address}?as_is=1")
    assert as_is.context["form"].initial["source"] == "file"
    assert "Recognised as" not in as_is.text


def test_how_returns_are_marked_is_shown_and_can_be_changed(admin_client):
    head = "InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID"
    text = f"{head}\nC1,A,1,2026-01-05 08:26,2.55,17850\n"
    page = admin_client.get(address := uploaded(admin_client, text, kind="events"))
    form = page.context["form"].initial
    assert (form["return_column"], form["return_prefix"]) == ("InvoiceNo", "C")
    assert form["map_amount"] == "Quantity"

    admin_client.post(address, filled_in(page, return_prefix="R", confirm="1"))
    assert ImportJob.objects.get().options["return_prefix"] == "R"


def test_an_export_of_another_kind_is_named(admin_client):
    page = admin_client.get(uploaded(admin_client, SHOPIFY, kind="customers"))
    assert "This looks like “Shopify: orders”, a file of another kind: events." in page.text


def test_a_file_with_the_headings_of_an_earlier_one_is_set_up_like_it(admin_client):
    text = "Kundennr,Mails\n1,ja\n"
    address = uploaded(admin_client, text, kind="customers")
    page = admin_client.get(address)
    chosen = filled_in(page, map_external_id="Kundennr", map_consent_email="Mails", confirm="1")
    admin_client.post(address, chosen)
    run_import(ImportJob.objects.get())

    page = admin_client.get(uploaded(admin_client, text, kind="customers"))
    assert "Columns and settings are taken from the import of file.csv" in page.text
    assert page.context["preview"].mapping == {
        "external_id": "Kundennr",
        "consent_email": "Mails",
    }


@pytest.mark.parametrize("line", ["cancelled", "= cancelled", "No such column = x"])
def test_rows_to_leave_out_that_make_no_sense_are_refused(admin_client, line):
    address = uploaded(admin_client, "customer,date\nanna,2026-01-01\n", kind="events")
    page = admin_client.get(address)
    page = admin_client.post(address, filled_in(page, leave_out=line, confirm="1"))
    assert page.status_code == 200
    assert not ImportJob.objects.exists()
    assert "status = cancelled." in page.text or "has no column" in page.text

"""Values as people write them: read in an import, shown in its preview."""

import pytest

from segments.imports.preview_file import preview_file
from segments.models import Customer
from tests.segments.importing import NOW, counts, import_text, rejected, warned

pytestmark = pytest.mark.django_db


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
    job = import_text(tmp_path, head + "1,a@b.example,n/a,no\n2,c@d.example,555 ext. 12,no\n")

    assert counts(job) == (2, 0, 2, 0, 0)
    assert job.warnings == [
        {
            "column": "phone",
            "n_cells": 2,
            "samples": [{"line": 2, "cell": "n/a"}, {"line": 3, "cell": "555 ext. 12"}],
        }
    ]
    assert stored("consents", "phone") == [([], "+48501000001"), ([], "+1555010000")]
    assert rejected(job) == {}

"""What files say about consent: as of when they were made, and never against the customer."""

import csv
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from segments.channels import EMAIL, SMS
from segments.customers.customer_links import UNSUBSCRIBE, Reader, make_token
from segments.customers.record_consents import record_consents
from segments.imports.import_file import create_import
from segments.models import ConsentStatement, Customer, FileConsents, ImportJob, Organisation
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_customer
from tests.segments.importing import counts, import_text, rejected, warned

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NIGHTLY = (
    "customer_id,email,first_name,consent_email\n"
    "C01-1,anna.c01@example.com,Anna,yes\n"
    "C01-2,bert.c01@example.com,Bert,yes\n"
)


def allowed(name) -> list[str]:
    return Customer.objects.get(external_id=name).consents


def withdraw(name, at, kind=ConsentSource.UNSUBSCRIBE_PAGE):
    customer = Customer.objects.get(external_id=name)
    record_consents(customer, {EMAIL: False}, kind=kind, source="t", said_at=at, at=at)


def kept(job) -> dict[int, str]:
    with Path(job.rejected_path).open(encoding="utf-8-sig", newline="") as file:
        return {
            int(row["rejected_line"]): row["rejected_reason"]
            for row in csv.DictReader(file)
            if row["rejected_level"] == "kept withdrawn"
        }


def test_the_nightly_file_brings_back_nobody_who_unsubscribed(tmp_path, client):
    import_text(tmp_path, NIGHTLY)
    anna = Customer.objects.get(external_id="C01-1")
    token = make_token(UNSUBSCRIBE, Reader(anna.pk, EMAIL))
    client.post(f"/u/{token}/", {"List-Unsubscribe": "One-Click"})
    assert allowed("C01-1") == []

    for night in range(1, 4):
        job = import_text(tmp_path, NIGHTLY, at=datetime.now(UTC) + night * DAY)
        assert counts(job) == (2, 0, 0, 2, 0)
        assert job.n_kept_withdrawn == 1
        assert kept(job) == {2: "Consent stays withdrawn (e-mail): there is a later withdrawal."}
    assert (allowed("C01-1"), allowed("C01-2")) == ([], [EMAIL])


def test_a_withdrawal_takes_effect_although_another_cell_is_bad(tmp_path):
    head = "customer_id,email,phone,consent_email\n"
    import_text(
        tmp_path,
        f"{head}C16-1,ola.c16@example.com,+48501000001,yes\n"
        "C16-2,per.c16@example.com,+4670000002,yes\nC16-3,sam.c16@example.com,+15550100003,yes\n",
    )
    after = (
        f"{head}C16-1,ola.c16@example.com,+48501000001,no\nC16-2,per.c16@example.com,n/a,no\n"
        "C16-3,sam.c16@example.com,call me,no\n"
    )
    job = import_text(tmp_path, after, at=NOW + DAY)
    assert {name for name in Customer.objects.values_list("consents", flat=True) if name} == set()
    assert 3 in warned(job)


def test_a_withdrawal_in_a_row_that_is_rejected_takes_effect(tmp_path):
    import_text(tmp_path, "id,email,consent_email,consent_sms\n1,a@b.example,yes,yes\n")

    text = "id,email,consent_email,consent_sms\n1,no address,no,perhaps\n2,also none,no,yes\n"
    job = import_text(tmp_path, text, at=NOW + DAY, strict=True)

    assert counts(job) == (2, 0, 0, 0, 2)
    anna = Customer.objects.get()
    assert (anna.consents, anna.consents_unclear) == ([], ["sms"])


def test_a_yes_in_a_row_that_is_rejected_says_nothing(tmp_path):
    make_customer(external_id="1", consents=[])
    text = "id,email,consent_email\n1,no address,yes\n"
    import_text(tmp_path, text, strict=True)
    assert allowed("1") == []
    assert not FileConsents.objects.exists()


@pytest.mark.parametrize("rows", ["1,yes\n1,no\n", "1,no\n1,yes\n", "1,yes\n2,yes\n1,no\n1,yes\n"])
def test_one_file_that_says_both_says_no(tmp_path, rows):
    import_text(tmp_path, f"id,consent_email\n{rows}")
    assert allowed("1") == []
    import_text(tmp_path, f"id,consent_email\n{rows}", at=NOW + DAY)
    assert allowed("1") == []


def test_a_cell_that_cannot_be_read_holds_the_channel_until_one_can(tmp_path):
    import_text(tmp_path, "id,consent_email\n1,yes\n2,yes\n3,no\n")

    job = import_text(tmp_path, "id,consent_email\n1,prehaps\n3,prehaps\n", at=NOW + DAY)
    assert job.n_warnings == 2
    anna = Customer.objects.get(external_id="1")
    assert (anna.consents, anna.consents_unclear) == ([], [EMAIL])
    assert allowed("2") == [EMAIL]

    older = import_text(tmp_path, "id,consent_email\n1,yes\n", at=NOW + 2 * DAY, made_at=NOW)
    assert counts(older) == (1, 0, 0, 1, 0)
    assert Customer.objects.get(external_id="1").consents_unclear == [EMAIL]
    import_text(tmp_path, "id,consent_email\n1,yes\n", at=NOW + 3 * DAY)
    anna.refresh_from_db()
    assert (anna.consents, anna.consents_unclear) == ([EMAIL], [])


def test_a_readable_no_ends_what_is_unclear(tmp_path):
    import_text(tmp_path, "customer_id,consent_email\nC1,huh\n")
    import_text(tmp_path, "customer_id,consent_email\nC1,no\n", at=NOW + DAY)
    customer = Customer.objects.get()
    assert (customer.consents, customer.consents_unclear) == ([], [])


def test_a_file_speaks_as_of_when_it_was_made(tmp_path):
    make_customer(external_id="1", consents=[])
    import_text(tmp_path, "id,consent_email\n1,yes\n", made_at=NOW - DAY)
    import_text(tmp_path, "id,consent_email\n1,no\n", at=NOW + DAY, made_at=NOW - 2 * DAY)
    assert allowed("1") == [EMAIL]
    import_text(tmp_path, "id,consent_email\n1,no\n", at=NOW + DAY, made_at=NOW)
    assert allowed("1") == []
    job = import_text(tmp_path, "id,consent_email\n1,yes\n", at=NOW + DAY, made_at=NOW - DAY)
    assert (allowed("1"), job.n_kept_withdrawn) == ([], 1)


def test_a_file_from_the_future_speaks_as_of_its_import(tmp_path):
    """A clock that is wrong must not outvote what is said later."""
    yes, no = (f"customer_id,consent_email\nC1,{said}\n" for said in ("yes", "no"))
    import_text(tmp_path, yes, made_at=NOW + 999 * DAY)
    import_text(tmp_path, no, at=NOW + DAY)
    assert allowed("C1") == []


def test_by_default_it_was_made_when_it_was_last_modified(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("id,consent_email\n1,yes\n")
    os.utime(path, ((NOW - DAY).timestamp(),) * 2)
    assert create_import(kind="customers", path=path, at=NOW).file_made_at == NOW - DAY
    future = create_import(kind="customers", path=path, at=NOW - 2 * DAY)
    assert future.file_made_at == NOW - 2 * DAY
    call_command("import_customers", str(path), verbosity=0)
    assert ImportJob.objects.latest("pk").file_made_at == NOW - DAY
    assert FileConsents.objects.get().said_at == NOW - DAY


def test_a_consent_with_its_time_and_proof_brings_back(tmp_path):
    import_text(tmp_path, NIGHTLY, at=NOW)
    withdraw("C01-1", NOW + DAY)
    withdraw("C01-2", NOW + DAY)
    head = "customer_id,consent_email,consent_at,consent_proof\n"
    before, after = (NOW.isoformat(), (NOW + 2 * DAY).isoformat())

    text = f"{head}C01-1,yes,{after},\nC01-2,yes,{before},form 4\n"
    job = import_text(tmp_path, text, at=NOW + 3 * DAY)
    assert (job.n_kept_withdrawn, allowed("C01-1"), allowed("C01-2")) == (2, [], [])

    for _ in range(2):
        text = f"{head}C01-1,yes,{after},form 4\nC01-2,yes,,form 4\n"
        job = import_text(tmp_path, text, at=NOW + 3 * DAY)
        assert (job.n_kept_withdrawn, allowed("C01-1"), allowed("C01-2")) == (1, [EMAIL], [])
    proven = ConsentStatement.objects.filter(brings_back=True).order_by("said_at")
    assert [each.said_at for each in proven] == [NOW, NOW + 2 * DAY]
    assert {each.proof["text"] for each in proven} == {"form 4"}


def test_what_a_file_said_is_kept_a_row_for_a_block_of_customers(tmp_path):
    rows = "".join(f"{n},{'yes' if n % 3 else 'no'}\n" for n in range(300))
    import_text(tmp_path, f"id,consent_email\n{rows}")
    first, last = min(ids()) >> 12, max(ids()) >> 12
    assert FileConsents.objects.count() == 2 * (last - first + 1)
    assert Customer.objects.filter(consents=[EMAIL]).count() == 200
    assert not ConsentStatement.objects.exists()


def ids():
    return Customer.objects.values_list("pk", flat=True)


def test_a_file_that_only_creates_withdraws_all_the_same(tmp_path):
    import_text(tmp_path, "id,consent_email\n1,yes\n")
    job = import_text(tmp_path, "id,consent_email\n1,no\n2,yes\n", at=NOW + DAY, mode="create")
    assert list(rejected(job)) == [2]
    assert (allowed("1"), allowed("2")) == ([], [EMAIL])


def test_one_file_that_says_both_about_one_mailbox_says_no_for_both(tmp_path):
    head = "id,email,phone,consent_email,consent_sms\n"
    rows = "1,a@b.example,,yes,yes\n2,A@B.example,+351912345678,no,yes\n3,c@b.example,,yes,no\n"
    for night in range(2):
        import_text(tmp_path, head + rows, at=NOW + night * DAY)
        assert (allowed("1"), allowed("2"), allowed("3")) == (["sms"], ["sms"], [EMAIL])


KNOWN = (
    "customer_id,email,phone,consent_email,consent_sms\n"
    "C1,a@example.com,+4915110000001,yes,yes\n"
    "C2,b@example.com,+4915110000002,yes,yes\n"
)
REJECTED = {  # rows, and what C1 and C2 then allow
    "an id is missing": (",A@Example.com,,no,no", [], [EMAIL, SMS]),
    "digits of an id are lost": ("1.23E+15,a@example.com,,no,", [SMS], [EMAIL, SMS]),
    "by phone, as written locally": ("n/a,,0151 10000001,,no", [EMAIL], [EMAIL, SMS]),
    "an id in other letters": ("c1,,,no,", [SMS], [EMAIL, SMS]),
    "a yes brings nothing": (",b@example.com,,yes,yes", [EMAIL, SMS], [EMAIL, SMS]),
    "known by id, whatever the address": ("C1,,,yes,\nC1,b@example.com,,no,", [SMS], [EMAIL, SMS]),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_no_in_a_rejected_row_reaches_its_customer(tmp_path, case):
    rows, first, second = REJECTED[case]
    Organisation.current()
    Organisation.objects.update(country="DE")
    import_text(tmp_path, KNOWN)
    job = import_text(
        tmp_path,
        f"customer_id,email,phone,consent_email,consent_sms\n{rows}\n",
        at=NOW + DAY,
    )
    assert job.n_rejected == 1
    assert (allowed("C1"), allowed("C2")) == (first, second)


@pytest.mark.parametrize(
    "row",
    [
        "C1,Doe, John,a@example.com,no",
        'C1,"Doe" John,a@example.com,no',
        'C1,"Doe,a@example.com,no',
        "0,Doe, John,A@example.com,no",
        "C1,Doe, John,,no,",
    ],
)
def test_a_row_that_cannot_be_taken_apart_holds_the_channel(tmp_path, row):
    import_text(tmp_path, KNOWN)
    text = f"customer_id,last_name,email,consent_email\n{row}\nC2,Roe,b@example.com,yes\n"
    job = import_text(tmp_path, text, at=NOW + DAY)

    assert (job.n_rejected, job.n_updated) == (1, 1)
    assert (allowed("C1"), allowed("C2")) == ([SMS], [EMAIL, SMS])
    assert Customer.objects.get(external_id="C1").consents_unclear == [EMAIL]


def test_a_no_of_a_mailbox_counts_for_all_its_records_also_those_of_other_files(tmp_path):
    import_text(tmp_path, KNOWN)
    crowd = "".join(f"P{n},noreply@example.com,yes\n" for n in range(25))
    import_text(tmp_path, f"customer_id,email,consent_email\n{crowd}")
    other = "customer_id,email,consent_email\nX9,A@Example.com,no\nX8,noreply@example.com,no\n"
    import_text(tmp_path, other, at=NOW + DAY)

    assert (allowed("C1"), allowed("C2"), allowed("X9")) == ([SMS], [EMAIL, SMS], [])
    assert allowed("P7") == [EMAIL]  # a placeholder is no mailbox that somebody shares
    import_text(tmp_path, KNOWN, at=NOW + 2 * DAY)
    assert allowed("C1") == [EMAIL, SMS]


def test_a_file_from_before_a_later_yes_does_not_reach_other_records(tmp_path):
    import_text(tmp_path, KNOWN)
    other = "customer_id,email,consent_email\nX9,a@example.com,no\n"
    import_text(tmp_path, other, at=NOW + DAY, made_at=NOW - DAY)
    assert allowed("C1") == [EMAIL, SMS]


@pytest.mark.parametrize(
    ("header", "cells", "first", "unclear"),
    [
        ("consent_email;consent_email", "yes;no", [SMS], []),
        ("consent_email;consent_email", "no;yes", [SMS], []),
        ("consent_email;consent_email", "yes;", [EMAIL, SMS], []),
        ("consent_email;consent_email", "yes;huh", [SMS], [EMAIL]),
        ("consent_email;consent_email", "huh;no", [SMS], []),
        ("consent_email;email_optin", "yes;no", [SMS], []),
        ("Newsletter;Consentement e-mail", "oui;non", [SMS], []),
        ("unsubscribed;unsubscribed_at", "no;2026-01-01", [SMS], []),
        ("consent_email;unsubscribed", "yes;x", [SMS], []),
    ],
)
def test_of_columns_that_say_the_same_the_no_counts(tmp_path, header, cells, first, unclear):
    import_text(tmp_path, KNOWN)
    job = import_text(tmp_path, f"customer_id;{header}\nC1;{cells}\n", at=NOW + DAY)

    customer = Customer.objects.get(external_id="C1")
    assert (customer.consents, customer.consents_unclear) == (first, unclear)
    assert customer.attributes == {}
    assert job.n_warnings == len(unclear)


def test_a_column_that_is_ignored_or_left_out_says_nothing(tmp_path):
    import_text(tmp_path, KNOWN)
    text = "customer_id,consent_email,email_optin\nC1,yes,no\n"
    import_text(tmp_path, text, at=NOW + DAY, ignore=("email_optin",))
    assert allowed("C1") == [EMAIL, SMS]
    import_text(tmp_path, text, at=NOW + DAY, mapping={"consent_email": ""})
    assert allowed("C1") == [EMAIL, SMS]


@pytest.mark.parametrize(
    ("heading", "cell", "first"),
    [
        ("Newsletter-Einwilligung", "Nein", [SMS]),
        ("Einwilligung SMS", "nein.", [EMAIL]),
        ("Newsletter", "0", [SMS]),
        ("Consentimiento correo", "No", [SMS]),
        ("Consentimento SMS", "não", [EMAIL]),
        ("Consenso newsletter", "\u00a0no\u00a0", [SMS]),
        ("Zgoda na newsletter", "ＮＩＥ", [SMS]),
        ("Toestemming e-mail", "'nee", [SMS]),
        ("Unsubscribed", "yes", [SMS]),
        ("Abgemeldet am", "12.01.2026", [SMS]),
        ("Date de désinscription", "0000-00-00 00:00:00", [EMAIL, SMS]),
        ("Opted out", "nein", [EMAIL, SMS]),
        ("Do not contact", "1", []),
        ("Werbesperre", "x", []),
        ("SMS-Sperre", "ja", [EMAIL]),
    ],
)
def test_headings_of_consents_and_opt_outs_are_known(tmp_path, heading, cell, first):
    import_text(tmp_path, KNOWN)
    import_text(tmp_path, f"customer_id;{heading}\nC1;{cell}\n", at=NOW + DAY)
    assert allowed("C1") == first


@pytest.mark.parametrize(
    ("proof", "is_back"), [("form 4", True), ("-", False), ("N/A", False), ("yes", False)]
)
def test_a_word_for_nothing_is_no_proof(tmp_path, proof, is_back):
    import_text(tmp_path, NIGHTLY)
    withdraw("C01-1", NOW)
    text = f"customer_id,consent_email,consent_at,consent_proof\nC01-1,yes,2026-05-05,{proof}\n"
    import_text(tmp_path, text, at=NOW + 99 * DAY)
    assert (allowed("C01-1") == [EMAIL]) is is_back

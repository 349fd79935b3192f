"""Bounces, complaints and unsubscribes from files do what those handed in one by one do."""

import csv
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import transaction

from segments.customers.suppress_addresses import find_suppression, lift_suppression
from segments.events.store_events import NewEvent, store_events
from segments.imports.preview_file import preview_file
from segments.models import ConsentStatement, Customer, Event, Suppression
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_customer
from tests.segments.importing import counts, import_text, rejected

pytestmark = [pytest.mark.django_db, pytest.mark.long]

HEAD = "id,customer,date,kind,channel,hard\n"


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def anna():
    return make_customer(
        external_id="anna",
        email="anna@example.com",
        phone="+351 912 345",
        consents=["email", "sms"],
    )


def import_events(folder, text, **more):
    return import_text(folder, text, kind="events", at=NOW, **more)


def state(customer) -> tuple[list[str], list[str]]:
    customer.refresh_from_db()
    return customer.consents, customer.suppressed_channels


def test_an_unsubscribe_withdraws_with_its_proof(tmp_path, anna):
    job = import_events(tmp_path, HEAD + "1,anna,2026-02-01,unsubscribe,email,\n")

    assert counts(job) == (1, 1, 0, 0, 0)
    assert state(anna) == (["sms"], [])
    statement = ConsentStatement.objects.get()
    assert (statement.channel, statement.says_yes, statement.by_customer) == ("email", False, True)
    assert (statement.source, statement.recorded_at) == ("file: unsubscribe", NOW)
    assert statement.said_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_complaint_suppresses_and_withdraws_and_a_hard_bounce_only_suppresses(tmp_path, anna):
    twin = make_customer(external_id="twin", email="Anna@Example.com")
    ben = make_customer(external_id="ben", email="", phone="00351 912345", consents=["call"])

    import_events(
        tmp_path, HEAD + "1,anna,2026-02-01,bounce,email,no\n2,anna,2026-02-01,bounce,sms,YES\n"
    )
    assert state(anna) == (["email", "sms"], ["sms"])
    assert state(ben) == (["call"], ["sms"])  # the same number
    assert Event.objects.get(external_id="2").properties == {"channel": "sms", "hard": True}

    import_events(tmp_path, HEAD + "3,anna,2026-02-01,complaint,email,\n")
    assert state(anna) == (["sms"], ["email", "sms"])
    assert state(twin)[1] == ["email"]
    assert find_suppression("email", "anna@example.com").reason == Suppression.Reason.COMPLAINT
    assert find_suppression("email", "anna@example.com").source == "file: complaint"


def test_however_old_it_is(tmp_path, anna):
    import_events(tmp_path, HEAD + "1,anna,2009-02-01,unsubscribe,email,\n")
    assert state(anna)[0] == ["sms"]


def test_the_same_file_again_changes_nothing_and_other_content_does(tmp_path, anna):
    text = HEAD + "1,anna,2026-02-01,unsubscribe,email,\n2,anna,2026-02-01,bounce,email,0\n"
    import_events(tmp_path, text)
    Customer.objects.update(consents=["email", "sms"])  # given again since

    assert counts(import_events(tmp_path, text)) == (2, 0, 0, 2, 0)
    assert state(anna) == (["email", "sms"], [])
    changed = text.replace("bounce,email,0", "bounce,email,1")
    assert counts(import_events(tmp_path, changed)) == (2, 0, 1, 1, 0)
    assert state(anna) == (["email", "sms"], ["email"])


REPORTED = (
    "id,customer,date,kind,channel,hard{more}\n"
    "1,anna,{day},unsubscribe,{channel},{more}\n"
    "2,anna,{day},bounce,{channel},yes{more}\n"
    "3,{who},{day},{kind},email,{more}\n"
)
FIRST = {"more": "", "day": "2026-02-01", "channel": "sms", "who": "anna", "kind": "visit"}


@pytest.mark.parametrize(
    ("changed", "consents", "suppressed"),
    [
        ({"more": ",agent"}, ["email", "sms"], []),
        ({"day": "2026-02-02"}, ["email", "sms"], []),
        ({"more": ",agent", "channel": "email"}, ["sms"], ["email"]),
        ({"more": ",agent", "kind": "unsubscribe"}, ["sms"], []),
        ({"more": ",agent", "kind": "complaint"}, ["sms"], ["email"]),
    ],
)
def test_what_is_known_acts_again_only_where_it_reports_something_else(
    tmp_path, anna, changed, consents, suppressed
):
    """The file comes again with another column or date: no report of it is a new one."""
    import_events(tmp_path, REPORTED.format(**FIRST))
    assert state(anna) == (["email"], ["sms"])
    Customer.objects.update(consents=["email", "sms"])  # given again since
    assert lift_suppression("sms", anna.phone, at=NOW)

    job = import_events(tmp_path, REPORTED.format(**FIRST | changed))

    assert counts(job) == (3, 0, 3, 0, 0)
    assert state(anna) == (consents, suppressed)


def test_a_report_that_turns_out_to_be_of_somebody_else_acts_on_them(tmp_path, anna):
    ben = make_customer(external_id="ben", consents=["email", "sms"])
    text = HEAD + "1,anna,2026-02-01,unsubscribe,email,\n"
    import_events(tmp_path, text)

    import_events(tmp_path, text.replace("anna", "ben"))

    assert (state(anna)[0], state(ben)[0]) == (["sms"], ["sms"])


def test_the_fifth_soft_bounce_within_thirty_days_suppresses(tmp_path, anna):
    def file(*days):
        moments = [f"{NOW - timedelta(days=300) + timedelta(days=day):%Y-%m-%d}" for day in days]
        rows = [f"{day},anna,{m},bounce,email,no\n" for day, m in zip(days, moments, strict=True)]
        return HEAD + "".join(rows)

    import_events(tmp_path, file(0, 8, 16, 24, 30))  # at day 30 the first has left the window
    assert state(anna)[1] == []
    import_events(tmp_path, file(31))
    assert state(anna)[1] == ["email"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("unsubscribe,,", "channel"),
        ("complaint,web,", "channel"),
        ("Bounce,mail,yes", "channel"),
        ("bounce,email,", "hard"),
        ("bounce,email,perhaps", "hard"),
    ],
)
def test_what_does_not_say_what_it_is_about_is_rejected(tmp_path, anna, row, field):
    text = HEAD + f"1,anna,2026-02-01,{row}\n2,anna,2026-02-01,visit,somewhere,maybe\n"
    job = import_events(tmp_path, text)

    assert counts(job) == (2, 1, 0, 0, 1)
    assert rejected(job)[2].startswith(f"{field}: ")
    assert Event.objects.get().properties == {"channel": "somewhere", "hard": "maybe"}
    shown = preview_file(tmp_path / "file.csv", "events", at=NOW)
    assert [row.problem.split(":")[0] for row in shown.rows] == [field, ""]


def test_a_channel_may_stand_in_the_properties_and_a_kind_be_that_of_all_rows(tmp_path, anna):
    text = 'customer,date,properties\nanna,2026-02-01,"{""channel"": ""sms""}"\nanna,2026-02-01,\n'
    job = import_events(tmp_path, text, default_kind="Unsubscribe")

    assert list(rejected(job)) == [3]
    assert state(anna)[0] == []  # sms by the first row; the second may have meant any other
    assert "email" in anna.consents_unclear


@pytest.mark.parametrize("seed", range(6))
def test_a_file_does_what_reports_one_by_one_do(tmp_path, seed):
    rng = np.random.default_rng(seed)
    emails = ["", "a@example.com", "A@EXAMPLE.com", "b@bücher.example", "b@xn--bcher-kva.example"]
    phones = ["", "+49 170 1", "0049 170-1", "0170 1", "none"]
    channels = ["email", "sms", "push", "call"]
    for number in range(8):
        make_customer(
            external_id=f"k{number}",
            email=str(rng.choice(emails)),
            phone=str(rng.choice(phones)),
            consents=[c for c in channels if rng.random() < 0.7],
        )
    reports = []
    for number in range(100):
        kind = str(rng.choice(["bounce", "bounce", "bounce", "complaint", "unsubscribe", "visit"]))
        facts = {"channel": str(rng.choice(channels, p=[0.7, 0.1, 0.1, 0.1]))}
        facts |= {"hard": bool(rng.random() < 0.05)} if kind == "bounce" else {}
        moment = NOW - timedelta(hours=int(rng.integers(1, 1500)))
        who = f"k{rng.integers(5)}"
        if kind in ("complaint", "unsubscribe") and rng.random() < 0.6:
            kind = "visit"
        reports.append(NewEvent(str(number), who, kind, moment, properties=facts))

    def found():
        rows = Customer.objects.order_by("pk").values_list("consents", "suppressed_channels")
        listed = Suppression.objects.values_list("channel", "address_hash")
        return list(rows), {(channel, bytes(hashed)) for channel, hashed in listed}

    before, point = found(), transaction.savepoint()
    results = store_events(reports, source="file", at=NOW)
    assert {result.status for result in results} == {"stored"}
    expected = found()
    transaction.savepoint_rollback(point)
    assert found() == before != expected

    with (tmp_path / "reports.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer", "date", "kind", "properties"])
        for report in reports:
            facts = json.dumps(report.properties)
            writer.writerow(
                [
                    report.external_id,
                    report.customer,
                    report.occurred_at.isoformat(),
                    report.kind,
                    facts,
                ]
            )
    job = import_events(tmp_path, (tmp_path / "reports.csv").read_text())
    assert counts(job) == (100, 100, 0, 0, 0)
    assert found() == expected


KNOWN = (
    "customer_id,email,phone,consent_email,consent_sms\nA1,a@example.com,+4915110000001,yes,yes\n"
)
SHARING = "B1,b@example.com,,yes,yes\nB2,B@example.com,,yes,yes\n"
EVENTS = "email,customer_id,kind,date,channel,amount\n"
SAYING_NO = {  # a row, who loses e-mail, and whether that is only held
    "no such day": (",A1,unsubscribe,31.02.2026,email,", ["A1"], False),
    "no amount": ("A@Example.com,,unsubscribe,2026-02-01,email,abc", ["A1"], False),
    "in the future": (",A1,complaint,2027-02-01,email,", ["A1"], False),
    "a shared mailbox": ("b@example.com,,unsubscribe,2026-02-01,email,", ["B1", "B2"], False),
    "no channel, by e-mail": ("a@example.com,,unsubscribe,2026-02-01,,", ["A1"], False),
    "no channel at all": (",A1,unsubscribe,2026-02-01,,", ["A1"], True),
    "a channel in other letters": (",A1,unsubscribe,2026-02-01,E-Mail,", ["A1"], False),
    "an id in other letters": (",a1,Unsubscribe,yesterday,EMAIL,", ["A1"], False),
    "as a provider calls it": ("a@example.com,,Unsubscribed,2026-02-01,,", ["A1"], False),
    "a complaint as a provider calls it": ("a@example.com,,spamreport,2026-02-01,,", ["A1"], False),
    "another kind of event": (",A1,click,31.02.2026,email,", [], False),
}


@pytest.mark.parametrize("case", SAYING_NO)
def test_who_unsubscribes_is_heard_whatever_else_is_wrong_with_the_row(tmp_path, case):
    row, changed, is_held = SAYING_NO[case]
    import_text(tmp_path, KNOWN + SHARING, at=NOW - timedelta(days=40))
    for _again in range(2):
        import_events(tmp_path, EVENTS + row + "\n")
        for customer in Customer.objects.exclude(external_id="anna"):
            is_open = "email" in customer.consents
            assert is_open is (customer.external_id not in changed)
            assert ("email" in customer.consents_unclear) is (is_held and not is_open)
    said = ConsentStatement.objects.filter(kind=ConsentSource.FEEDBACK, channel="email")
    assert said.count() == len(changed)  # the same file again says nothing new

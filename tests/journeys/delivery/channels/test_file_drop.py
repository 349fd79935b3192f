import stat
from collections import Counter
from datetime import time, timedelta
from pathlib import Path

import pytest

from campaigns.models import QuietHours
from journeys.delivery import outbox
from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import Delivery
from segments.models import Customer
from tests.factories import NOW, make_action, make_campaign, make_customer, make_delivery

pytestmark = pytest.mark.django_db
HEADER = "key,day,channel,customer_id,address,campaign,action,offer,subject,text\r\n"


@pytest.fixture(autouse=True)
def drop(settings, tmp_path) -> Path:
    settings.FILE_DROP_DIR = tmp_path / "drop"
    return settings.FILE_DROP_DIR


def let_leases_run_out() -> None:
    Delivery.objects.exclude(lease_until=None).update(lease_until=NOW - timedelta(days=365))


def sms_action(**fields):
    campaign = make_campaign(name="Spring, early")
    fields = {
        "subject": "",
        "body": "Hi {{ customer.first_name }}, {{ offer }}.",
        "offer": "10 % off",
    } | fields
    return make_action(campaign, name="Text", channel="sms", **fields)


def test_a_batch_is_one_file_that_says_who_gets_what(drop):
    action = sms_action()
    anna = make_customer(external_id="A-1", first_name="Anna", phone="+49 170 1")
    bob = make_customer(external_id="B-2", first_name='Bob "B"', phone="+49 170 2")
    first, second = make_delivery(anna, action), make_delivery(bob, action)

    assert deliver_messages(now=NOW, owner="a")["sent"] == 2

    [file] = drop.iterdir()
    first.refresh_from_db()
    assert file.name == f"sms_{first.batch}.csv"
    assert file.read_bytes().decode() == (
        f"{HEADER}"
        f'{first.key},2026-03-01,sms,A-1,+49 170 1,"Spring, early",Text,10 % off,,'
        '"Hi Anna, 10 % off."\r\n'
        f'{second.key},2026-03-01,sms,B-2,+49 170 2,"Spring, early",Text,10 % off,,'
        '"Hi Bob ""B"", 10 % off."\r\n'
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("evil", ['=HYPERLINK("x")', "+1+cmd", "-2+3", "@SUM(A1)", "  =1", "＝1"])
def test_a_cell_is_never_a_formula(drop, evil):
    make_delivery(make_customer(first_name=evil), sms_action(body="{{ customer.first_name }}"))

    deliver_messages(now=NOW, owner="a")

    [file] = drop.iterdir()
    text = file.read_bytes().decode().removeprefix(HEADER).split(",", 8)[-1].split(",")[-1]
    assert text.strip("\r\n").replace('""', '"').strip('"').startswith("'")


def crash_after_writing(monkeypatch) -> None:
    """Send what waits; die when the file is in place and nothing is written down about it."""

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "record_receipts", die)
        with pytest.raises(KeyboardInterrupt):
            deliver_messages(now=NOW, owner="lost")


def test_a_batch_repeated_after_a_crash_is_the_same_file(drop, monkeypatch):
    action = sms_action()
    for _ in range(3):
        make_delivery(action=action)
    crash_after_writing(monkeypatch)
    [file] = drop.iterdir()
    before = file.read_bytes()
    make_delivery(action=action)  # is no part of that batch

    let_leases_run_out()
    assert deliver_messages(now=NOW, owner="a")["sent"] == 4

    assert file.read_bytes() == before
    files = sorted(drop.iterdir(), key=lambda each: each.stat().st_size)
    assert len(files) == 2
    keys = Counter(
        line.split(",")[0] for each in files for line in each.read_text().splitlines()[1:]
    )
    assert keys == {str(row.key): 1 for row in Delivery.objects.all()}


def test_consent_withdrawn_after_a_crash_leaves_the_file_and_is_unclear(drop, monkeypatch):
    """The file may have been picked up before the crash: nobody knows, so nobody pretends."""
    action = sms_action()
    stays, leaves = make_delivery(action=action), make_delivery(action=action)
    crash_after_writing(monkeypatch)
    Customer.objects.filter(pk=leaves.customer_id).update(consents=[])

    let_leases_run_out()
    counts = deliver_messages(now=NOW, owner="a")

    assert (counts["sent"], counts["unknown"]) == (1, 1)
    [file] = drop.iterdir()
    assert str(stays.key) in file.read_text()
    assert str(leaves.key) not in file.read_text()


def test_where_one_of_a_repeated_batch_is_held_all_wait(drop, monkeypatch):
    """A part of them would replace the file of all."""
    action = sms_action()
    here, abroad = make_customer(country="DE"), make_customer(country="PT")
    make_delivery(here, action)
    make_delivery(abroad, action)
    crash_after_writing(monkeypatch)
    [file] = drop.iterdir()
    before = file.read_bytes()
    QuietHours.objects.create(name="Rest", country="PT", starts_at=time(8), ends_at=time(20))

    let_leases_run_out()
    assert deliver_messages(now=NOW, owner="a")["new"] == 2
    assert file.read_bytes() == before

    assert deliver_messages(now=NOW.replace(hour=21), owner="a")["sent"] == 2
    assert [each.read_bytes() for each in drop.iterdir()] == [before]


def test_a_batch_that_is_interrupted_five_times_is_given_up(drop, monkeypatch):
    make_delivery(action=sms_action())
    for _ in range(5):
        crash_after_writing(monkeypatch)
        let_leases_run_out()

    assert deliver_messages(now=NOW, owner="a")["unknown"] == 1


def test_a_folder_that_cannot_be_written_makes_messages_wait(drop):
    make_delivery(action=sms_action())
    drop.write_text("a file where the folder should be")

    assert deliver_messages(now=NOW, owner="a")["new"] == 1

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("new", 1)
    assert "File exists" in delivery.reason_text


def test_a_full_disk_leaves_nothing_behind(drop, monkeypatch):
    make_delivery(action=sms_action())

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("journeys.delivery.channels.file_drop.os.fsync", full)

    assert deliver_messages(now=NOW, owner="a")["new"] == 1
    assert list(drop.iterdir()) == []
    assert "No space left" in Delivery.objects.get().reason_text


def test_a_worker_given_up_while_writing_cannot_put_its_older_file_in_place(drop, monkeypatch):
    """It sleeps just before the rename; meanwhile another repeats its batch."""
    make_delivery(action=sms_action())
    rename = Path.rename
    seen: list[Path] = []

    def sleep_through(part, target):
        if not seen:
            seen.append(part)
            let_leases_run_out()
            assert deliver_messages(now=NOW, owner="b")["sent"] == 1
        return rename(part, target)

    monkeypatch.setattr(Path, "rename", sleep_through)

    assert deliver_messages(now=NOW, owner="slow") == {
        "sent": 0,
        "failed": 0,
        "unknown": 0,
        "suppressed": 0,
        "new": 0,
    }
    assert Delivery.objects.get().status == "sent"
    assert len(list(drop.iterdir())) == 1

"""Between decision and hand-over moments move; what really leaves still breaks no limit."""

import csv
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Thread

import pytest
from django.db import connection

from campaigns.models import Exclusion, FrequencyCap, MinimumGap, QuietHours
from journeys.delivery.channels import FileDrop
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.load_limits import load_contacted
from journeys.models import ChannelRoute, Delivery, RouteMinute
from tests.factories import (
    DAY,
    NOW,
    make_action,
    make_campaign,
    make_contact,
    make_customer,
    make_delivery,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def drop(settings, tmp_path):
    settings.FILE_DROP_DIR = tmp_path / "drop"
    return settings.FILE_DROP_DIR


def cap_of_one_a_day(**fields) -> FrequencyCap:
    return FrequencyCap.objects.create(name="One a day", window="day", **{"limit": 1} | fields)


def facts(delivery: Delivery) -> tuple[str, datetime, str]:
    delivery.refresh_from_db()
    return delivery.status, delivery.due_at, delivery.reason_text


@pytest.mark.django_db
def test_a_message_that_became_due_in_the_night_waits_for_the_morning():
    QuietHours.objects.create(name="Night", starts_at=time(20), ends_at=time(8))
    late = NOW.replace(hour=21)
    berlin = make_delivery(make_customer(time_zone="Europe/Berlin"))
    new_york = make_delivery(make_customer(time_zone="America/New_York"))  # 16:00 there
    receipt = make_delivery(action=make_action(make_campaign(transactional=True)))
    receipt.contact.transactional = True
    receipt.contact.save()

    counts = deliver_messages(now=late, owner="a")

    assert (counts["sent"], counts["new"]) == (2, 1)
    morning = datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert facts(berlin) == ("new", morning, "Quiet hours until 2026-03-02 07:00 UTC.")
    assert facts(new_york)[0] == facts(receipt)[0] == "sent"
    assert not any(deliver_messages(now=morning - timedelta(seconds=1), owner="a").values())
    assert deliver_messages(now=morning, owner="a")["sent"] == 1
    assert facts(berlin)[::2] == ("sent", "")


@pytest.mark.django_db
def test_what_would_be_free_only_after_its_time_is_not_sent():
    QuietHours.objects.create(name="Night", starts_at=time(20), ends_at=time(8))
    delivery = make_delivery(expires_at=NOW.replace(hour=23))

    assert deliver_messages(now=NOW.replace(hour=21), owner="a")["suppressed"] == 1

    assert facts(delivery)[2] == (
        "Quiet hours until 2026-03-02 08:00 UTC, after the message expires."
    )


@pytest.mark.django_db
def test_what_expired_while_it_waited_is_not_sent():
    in_time, late = make_delivery(expires_at=NOW), make_delivery(expires_at=NOW - timedelta(1))

    deliver_messages(now=NOW, owner="a")

    assert facts(in_time)[0] == "sent"
    assert facts(late)[::2] == ("suppressed", "The message has expired.")


@pytest.mark.django_db
def test_a_message_that_slipped_into_the_next_day_holds_that_days_back():
    """Planned for Saturday, sent on Sunday: one a day leaves no room for Sunday's own."""
    cap_of_one_a_day()
    anna = make_customer()
    slipped = make_delivery(anna, as_of=DAY - timedelta(days=1))
    of_that_day = make_delivery(anna, action=make_action())

    deliver_messages(now=NOW, owner="a")

    assert facts(slipped)[0] == "sent"
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert facts(of_that_day) == (
        "new",
        midnight,
        "Frequency cap “One a day” until 2026-03-02 00:00 UTC.",
    )
    assert deliver_messages(now=midnight, owner="a")["sent"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "counts"),
    [("sent", True), ("unknown", True), ("attempting", True), ("failed", False), ("new", False)],
)
def test_only_what_may_have_arrived_counts(status, counts):
    cap_of_one_a_day()
    anna = make_customer()
    make_delivery(
        anna,
        status=status,
        attempted_at=NOW,
        due_at=NOW + timedelta(days=1),
        lease_until="2999-01-01T00:00+00:00",
    )
    other = make_delivery(anna)

    deliver_messages(now=NOW, owner="a")

    assert facts(other)[0] == ("new" if counts else "sent")


@pytest.mark.django_db
def test_a_withheld_message_counts_at_its_planned_moment_and_not_before():
    MinimumGap.objects.create(name="Four hours", hours=4)
    anna, ben = make_customer(), make_customer()
    make_contact(anna, is_control=True, reserved_at=NOW - timedelta(hours=1))
    make_contact(ben, is_control=True, reserved_at=NOW + timedelta(hours=1))
    held, free = make_delivery(anna), make_delivery(ben)

    deliver_messages(now=NOW, owner="a")

    assert facts(held)[:2] == ("new", NOW + timedelta(hours=3))
    assert facts(free)[0] == "sent"


@pytest.mark.django_db
def test_a_gap_runs_from_the_moment_of_the_receipt():
    """A worker that took ten minutes: the message may have arrived at their end."""
    MinimumGap.objects.create(name="An hour", hours=1)
    anna = make_customer()
    first = make_delivery(anna, status="sent", attempted_at=NOW - timedelta(minutes=60))
    Delivery.objects.filter(pk=first.pk).update(sent_at=NOW - timedelta(minutes=50))
    second = make_delivery(anna)

    deliver_messages(now=NOW, owner="a")

    assert facts(second)[:2] == ("new", NOW + timedelta(minutes=10))


@pytest.mark.django_db
def test_an_exclusion_is_checked_again_with_the_real_day():
    first, second = make_action(), make_action()
    Exclusion.objects.create(
        name="Apart", campaign=first.campaign, excluded_campaign=second.campaign, days=2
    )
    anna = make_customer()
    make_delivery(anna, first, as_of=date(2026, 2, 26), status="sent", attempted_at=NOW)
    held = make_delivery(anna, second)

    deliver_messages(now=NOW, owner="a")

    assert facts(held)[:2] == ("new", datetime(2026, 3, 3, tzinfo=UTC))


@pytest.mark.django_db
def test_the_clock_of_the_last_check_moves_on_while_messages_are_sent():
    """The second batch leaves an hour later than the first, and is checked at that moment."""
    QuietHours.objects.create(name="Night", starts_at=time(10), ends_at=time(8))
    for _ in range(2):
        make_delivery(action=make_action(channel="sms"))
    make_delivery(action=make_action(channel="post"))
    hours = iter(range(100))

    def clock() -> datetime:
        return NOW + timedelta(minutes=10 * next(hours))

    counts = deliver_messages(now=NOW, clock=clock, owner="a")

    assert (counts["sent"], counts["new"]) == (2, 1)
    assert max(Delivery.objects.filter(status="sent").values_list("attempted_at", flat=True)) < (
        NOW + timedelta(hours=1)
    )


@pytest.mark.django_db
def test_a_channel_sends_at_most_its_rate_per_minute_in_order_of_due_time():
    ChannelRoute.objects.update_or_create(
        channel="sms", defaults={"transport": "file_drop", "max_per_minute": 3}
    )
    action = make_action(channel="sms")
    deliveries = [make_delivery(action=action, due_at=NOW - timedelta(hours=i)) for i in range(8)]
    other = make_delivery(action=make_action(channel="push"))

    sent = [
        deliver_messages(now=NOW + timedelta(seconds=s), owner="a")["sent"]
        for s in (0, 30, 60, 119, 120)
    ]

    assert sent == [3 + 1, 0, 3, 0, 2]
    assert facts(other)[0] == "sent"
    order = Delivery.objects.filter(channel="sms").order_by("sent_at", "-due_at")
    assert {row.pk for row in order[:3]} == {row.pk for row in deliveries[5:]}
    assert list(RouteMinute.objects.order_by("minute").values_list("minute", "n_messages")) == [
        (NOW + timedelta(minutes=m), n) for m, n in ((0, 3), (1, 3), (2, 2))
    ]


WORKER = """
import sys
import django
django.setup()
from datetime import datetime
from pathlib import Path
from django.conf import settings
from django.db import connection
from journeys.delivery.channels import FileDrop
from journeys.delivery.deliver_messages import deliver_messages

name, folder, now, owner = sys.argv[1:]
connection.settings_dict["NAME"] = name
settings.FILE_DROP_DIR = Path(folder)
FileDrop.batch_size = FileDrop.group_size = 10
print("ready", flush=True)
sys.stdin.readline()
deliver_messages(now=datetime.fromisoformat(now), owner=owner)
"""


def two_processes(drop: Path) -> None:
    """Two workers that start at the same time, each with batches of ten."""
    name = connection.settings_dict["NAME"]
    arguments = [sys.executable, "-c", WORKER, name, str(drop), NOW.isoformat()]
    workers = [
        subprocess.Popen(
            [*arguments, owner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for owner in ("a", "b")
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.wait(timeout=60) == 0


def two_threads(monkeypatch) -> None:
    """The same in this process, where parts can be taken out."""
    monkeypatch.setattr(FileDrop, "batch_size", 10)
    monkeypatch.setattr(FileDrop, "group_size", 10)
    start = Barrier(2)

    def work(owner: str) -> None:
        try:
            start.wait()
            deliver_messages(now=NOW, owner=owner)
        finally:
            connection.close()

    workers = [Thread(target=work, args=[owner]) for owner in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def most_for_one_customer(drop: Path) -> int:
    """By the files that were handed over, not by our own tables."""
    customers = [
        row["customer_id"]
        for file in drop.iterdir()
        for row in csv.DictReader(file.read_text().splitlines(keepends=True))
    ]
    return max(Counter(customers).values())


def three_messages_each(n: int) -> None:
    """Planned for three days, all of them late: each was within the cap when it was decided."""
    cap_of_one_a_day()
    customers = [make_customer() for _ in range(n)]
    for days_ago in range(3):
        action = make_action(channel="sms")
        for customer in customers:
            make_delivery(customer, action, as_of=DAY - timedelta(days=days_ago))


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_break_no_cap(drop):
    three_messages_each(10)

    two_processes(drop)

    assert most_for_one_customer(drop) == 1
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {"sent": 10, "new": 20}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("part", "without"),
    [("hold", lambda *arguments, **how: None), ("lock_customers", lambda *arguments: None)],
)
def test_without_the_recheck_or_its_lock_the_cap_would_break(drop, monkeypatch, part, without):
    """The negative control of the test above."""
    three_messages_each(10)
    both_have_read = Barrier(2)

    def load(*arguments, **how):
        contacted = load_contacted(*arguments, **how)
        if (
            part == "lock_customers"
        ):  # nothing makes the second wait: it reads before the first writes
            with suppress(BrokenBarrierError):
                both_have_read.wait(timeout=2)
        return contacted

    monkeypatch.setattr(f"journeys.delivery.begin_attempt.{part}", without)
    monkeypatch.setattr("journeys.delivery.begin_attempt.load_contacted", load)

    two_threads(monkeypatch)

    assert most_for_one_customer(drop) > 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_keep_the_throttle(drop, monkeypatch):
    ChannelRoute.objects.update_or_create(
        channel="sms", defaults={"transport": "file_drop", "max_per_minute": 33}
    )
    action = make_action(channel="sms")
    for _ in range(60):
        make_delivery(action=action)

    two_threads(monkeypatch)

    assert Delivery.objects.filter(status="sent").count() == 33
    assert RouteMinute.objects.get().n_messages == 33

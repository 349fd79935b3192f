"""decided = sent + failed + unknown + waiting + suppressed, counted from both sides."""

import time
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from journeys.decisions.reconcile_messages import (
    RECENT,
    is_balanced,
    reconcile_messages,
    reconcile_recent,
)
from journeys.delivery.settle_delivery import settle
from journeys.jobs.run_day import run_day
from journeys.models import DecisionRun, Delivery, Reason, ReasonCode, make_reason
from journeys.tasks import deliver_task, keep_going
from tests.factories import DAY, NOW, make_action, make_campaign, make_contact, make_delivery
from tests.journeys.engine import make_customers, make_plan

pytestmark = pytest.mark.django_db
ZERO = {"missing": 0, "unasked": 0}


def test_every_message_is_in_one_place():
    for status in ("sent", "sent", "failed", "unknown", "new", "claimed", "attempting"):
        make_delivery(status=status)
    make_delivery(status="suppressed")
    make_contact(is_control=True)
    make_contact(source="import")

    balance = reconcile_messages(DAY)

    assert balance == ZERO | {
        "decided": 8,
        "sent": 2,
        "failed": 1,
        "unknown": 1,
        "waiting": 3,
        "suppressed": 1,
    }
    assert is_balanced(balance)


def test_one_too_few_and_one_too_many_do_not_cancel():
    lost, kept = make_delivery(), make_delivery(status="sent")
    lost.delete()
    make_delivery(contact=make_contact(is_control=True))

    balance = reconcile_messages(DAY)

    assert (balance["decided"], balance["sent"], balance["missing"], balance["unasked"]) == (
        2,
        1,
        1,
        1,
    )
    assert not is_balanced(balance)
    assert Delivery.objects.filter(pk=kept.pk).exists()


def test_a_day_that_is_run_is_balanced_at_once():
    make_plan()
    make_action(make_campaign(rank=1, control_share=0))
    make_customers(3)

    run = run_day(DAY).run

    run.refresh_from_db()
    assert (run.deliveries["decided"], run.deliveries["sent"]) == (3, 3)


def test_the_run_shows_the_balance_and_raises_the_alarm(admin_client):
    run = DecisionRun.objects.create(as_of=DAY, decided_at=NOW, seed=1)
    make_delivery()
    assert deliver_task().startswith("1 sent")
    assert keep_going() == ""
    run.refresh_from_db()
    assert run.deliveries["sent"] == 1
    page = reverse("admin:journeys_decisionrun_change", args=[run.pk])
    assert "decided messages are missing in the outbox, and" not in admin_client.get(page).text
    listed = reverse("admin:journeys_delivery_changelist") + "?as_of=2026-03-01"
    assert listed in admin_client.get(page).text
    customer = f">{Delivery.objects.get().customer.external_id}<"
    assert customer in admin_client.get(listed).text
    assert customer not in admin_client.get(listed.replace("-01", "-02")).text

    make_contact()
    assert reconcile_recent() == [DAY]
    make_delivery()
    assert "message counts do not match: 2026-03-01" in keep_going()
    assert "1 decided messages are missing in the outbox" in admin_client.get(page).text


def test_the_run_counts_why_messages_were_not_sent(admin_client):
    run = a_run()
    night = make_reason(ReasonCode.QUIET_HOURS, until=None, zone="UTC", too_late=True)
    waits, *_others = (
        make_delivery(reason=Reason(ReasonCode.NO_CONSENT)),
        make_delivery(status="suppressed", reason=night),
        make_delivery(status="suppressed", reason=night),
        make_delivery(status="suppressed", reason=night, as_of=DAY - timedelta(days=1)),
        make_delivery(status="sent"),
    )

    counts = Delivery.objects.filter(as_of=DAY).per_reason()
    page = admin_client.get(reverse("admin:journeys_decisionrun_change", args=[run.pk]))

    assert list(counts) == [
        {"status": "suppressed", "reason_code": ReasonCode.QUIET_HOURS, "n": 2},
        {"status": "new", "reason_code": ReasonCode.NO_CONSENT, "n": 1},
    ]
    assert [row[:3] for row in page.context["reasons"]] == [
        ("suppressed", "quiet hours", "2"),
        ("new", "no consent", "1"),
    ]
    query = page.context["reasons"][1][3]
    listed = admin_client.get(f"{reverse('admin:journeys_delivery_changelist')}?{query}")
    assert [delivery.pk for delivery in listed.context["cl"].result_list] == [waits.pk]
    assert "No consent for this channel." in listed.text


WAITING_FOR_LOCK = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def a_run(as_of=DAY):
    return DecisionRun.objects.create(as_of=as_of, decided_at=NOW, seed=1)


def reconcile_and_close():
    reconcile_recent()
    connection.close()


def wait_for_lock(thread):
    with connection.cursor() as cursor:
        while not cursor.execute(WAITING_FOR_LOCK).fetchone()[0]:
            assert thread.is_alive()
            time.sleep(0.01)


def test_what_a_person_settles_is_in_the_next_balance():
    """Nothing has left since, and newer days have runs."""
    run, delivery = a_run(), make_delivery(status="unknown")
    reconcile_recent()
    for days in range(1, 5):
        a_run(DAY + timedelta(days=days))

    settle(delivery, sent=True, by="anna", at=NOW)
    keep_going()

    run.refresh_from_db()
    assert (run.deliveries["sent"], run.deliveries["unknown"]) == (1, 0)


def test_a_message_that_waits_for_days_is_in_the_balance_of_its_own():
    run, delivery = a_run(), make_delivery(due_at=NOW + timedelta(days=9))
    reconcile_recent()
    for days in range(1, 5):
        a_run(DAY + timedelta(days=days))

    Delivery.objects.filter(pk=delivery.pk).update(status="suppressed")
    reconcile_recent()

    run.refresh_from_db()
    assert (run.deliveries["waiting"], run.deliveries["suppressed"]) == (0, 1)


def test_a_late_run_of_an_older_day_gets_its_balance():
    for days in range(1, 5):
        a_run(DAY + timedelta(days=days))
    run = a_run()
    make_delivery(status="sent")

    reconcile_recent()

    run.refresh_from_db()
    assert (run.deliveries["decided"], run.deliveries["sent"]) == (1, 1)


def test_unsettled_messages_stop_being_counted():
    make_delivery(status="unknown")
    for days in range(5):
        a_run(DAY + timedelta(days=days))
    reconcile_recent()

    with CaptureQueriesContext(connection) as queries:
        reconcile_recent()

    assert sum("FULL JOIN" in query["sql"] for query in queries) == RECENT


@pytest.mark.django_db(transaction=True)
def test_of_two_who_count_at_once_the_later_count_stays():
    """Counted before the lock, a slow worker would write what it saw before the message left."""
    run, delivery = a_run(), make_delivery()
    with transaction.atomic():
        DecisionRun.objects.select_for_update().get(pk=run.pk)
        slow = Thread(target=reconcile_and_close)
        slow.start()
        wait_for_lock(slow)
        Delivery.objects.filter(pk=delivery.pk).update(status="sent")
    slow.join()

    run.refresh_from_db()
    assert (run.deliveries["waiting"], run.deliveries["sent"]) == (0, 1)

"""decided = sent + failed + unknown + waiting + suppressed, counted from both sides."""

import pytest
from django.urls import reverse

from journeys.models import DecisionRun, Delivery
from journeys.services.reconcile import is_balanced, reconcile, reconcile_recent
from journeys.services.run_day import run_day
from journeys.tasks import deliver_task
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

    found = reconcile(DAY)

    assert found == ZERO | {
        "decided": 8,
        "sent": 2,
        "failed": 1,
        "unknown": 1,
        "waiting": 3,
        "suppressed": 1,
    }
    assert is_balanced(found)


def test_one_too_few_and_one_too_many_do_not_cancel():
    lost, kept = make_delivery(), make_delivery(status="sent")
    lost.delete()
    make_delivery(contact=make_contact(is_control=True))

    found = reconcile(DAY)

    assert (found["decided"], found["sent"], found["missing"], found["unasked"]) == (2, 1, 1, 1)
    assert not is_balanced(found)
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
    run.refresh_from_db()
    assert run.deliveries["sent"] == 1
    page = reverse("admin:journeys_decisionrun_change", args=[run.pk])
    assert "do not add up" not in admin_client.get(page).text
    listed = reverse("admin:journeys_delivery_changelist") + "?as_of=2026-03-01"
    assert listed in admin_client.get(page).text
    customer = Delivery.objects.get().customer.external_id
    assert customer in admin_client.get(listed).text
    assert customer not in admin_client.get(listed.replace("-01", "-02")).text

    make_contact()
    assert reconcile_recent() == [DAY]
    make_delivery()
    assert "messages do not add up: 2026-03-01" in deliver_task()
    assert "1 decided ones are not in the outbox" in admin_client.get(page).text

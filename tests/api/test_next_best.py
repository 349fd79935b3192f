"""A page asks what to say to its visitor."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from journeys.models import Contact, Decision, Delivery
from segments.customers.stop_sending import set_sending_stopped
from segments.models import Customer, FeatureDefinition, TargetGroup
from tests.factories import DAY, make_action, make_campaign

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
ADDRESS = "/api/v1/customers/K-1/next-best-campaign/"


@pytest.fixture
def shop(run, monkeypatch):
    Campaign.objects.all().update(status="ended")
    banner = make_campaign(name="Banner", control_share=0, rank=1)
    make_action(banner, channel="web", subject="", body="Hello {{ customer.first_name }}")
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    return banner


def ask(client, body=None, address=ADDRESS):
    return client.post(address, body or {}, format="json")


def test_the_page_gets_words_and_they_count_as_said(superuser, shop):
    answer = ask(superuser).json()

    assert answer["campaign_name"] == "Banner"
    assert (
        answer["message"]["text"] == f"Hello {Customer.objects.get(external_id='K-1').first_name}"
    )
    assert Decision.objects.filter(pk=answer["decision"], as_of=DAY).exists()
    assert Delivery.objects.get(channel="web").status == "sent"


def test_a_feature_made_today_takes_no_page_down(superuser, shop):
    FeatureDefinition.objects.create(
        name="visits_7d", label="Visits", aggregate="count", event_kind="visit", window_days=7
    )
    rule = {"field": "feature.visits_7d", "op": "lt", "value": 1}
    group = TargetGroup.objects.create(name="Rare visitors", rule=rule)
    make_action(make_campaign(rank=1, target_group=group), channel="web")

    response = ask(superuser)

    assert (response.status_code, response.json()["campaign_name"]) == (200, "Banner")


def test_a_request_that_is_repeated_changes_nothing(superuser, shop):
    first = ask(superuser, {"request_id": "visit-1"})
    again = ask(superuser, {"request_id": "visit-1"})

    assert first.json() == again.json()
    assert Contact.objects.filter(channel="web").count() == 1


def test_who_registers_on_a_later_day_is_no_customer_yet(superuser, shop):
    Customer.objects.filter(external_id="K-1").update(registered_on=DAY + timedelta(days=1))

    assert ask(superuser).status_code == 404
    assert not Contact.objects.filter(channel="web").exists()


def test_the_second_visit_gets_no_answer(superuser, shop):
    ask(superuser)

    answer = ask(superuser).json()

    assert (answer["campaign"], answer["message"]) == (None, None)


def test_a_control_gets_no_answer_and_is_counted(superuser, shop):
    Campaign.objects.filter(pk=shop.pk).update(control_share=0.9)
    Campaign.objects.filter(pk=shop.pk).update(repeat_after_days=0)
    controls = 0
    for _visit in range(12):
        controls += ask(superuser).json()["message"] is None

    assert controls == Contact.objects.filter(channel="web", is_control=True).count() > 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channels": ["email"]}, "channels"),
        ({"channels": []}, "channels"),
        ({"request_id": "x" * 61}, "request_id"),
        ({"chanels": ["web"]}, "chanels"),
    ],
)
def test_impossible_parameters_are_refused_by_name(superuser, shop, body, field):
    answer = ask(superuser, body)

    assert answer.status_code == 400
    assert field in answer.json()


def test_an_unknown_customer_is_not_there(superuser, shop):
    assert ask(superuser, address=ADDRESS.replace("K-1", "nobody")).status_code == 404


def test_while_sending_is_stopped_the_caller_is_to_come_back(superuser, shop):
    set_sending_stopped(True)

    answer = ask(superuser)

    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "stopped" in answer.json()["detail"]


def test_a_text_with_a_fault_is_not_said(superuser, shop):
    shop.actions.update(body="{{ customer.attributes.size | plus: 1 }}{{ unsubscribe_url }}")

    assert ask(superuser).json()["message"] is None
    assert Delivery.objects.get(channel="web").status == "failed"

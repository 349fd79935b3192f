"""What providers report: once, about the right customer, and with what follows from it."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from importlib import reload
from uuid import uuid4

import pytest
from django.urls import clear_url_caches, set_urlconf

import optiengine.urls
from journeys.models import Delivery, Reason, ReasonCode
from segments.customers.suppress_addresses import find_suppression
from segments.customers.write_customer import say_consents
from segments.models import ConsentStatement, Customer, Event, Suppression
from tests.factories import make_customer, make_delivery

pytestmark = pytest.mark.django_db
SECRET = "user:a-long-password"


@pytest.fixture
def mounted(settings):
    settings.ANYMAIL_ESP = "postmark"
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "POSTMARK_SERVER_TOKEN": "x"}
    reload(optiengine.urls)
    clear_url_caches()
    yield
    settings.ANYMAIL_ESP, settings.ANYMAIL = "", {}
    reload(optiengine.urls)
    clear_url_caches()
    set_urlconf(None)


@pytest.fixture
def report(client, mounted):
    """Report as Postmark does; the status of our answer."""

    def post(content: dict, *, secret: str = SECRET) -> int:
        answer = client.post(
            "/anymail/postmark/tracking/",
            json.dumps(content),
            content_type="application/json",
            headers={"Authorization": "Basic " + b64encode(secret.encode()).decode()},
        )
        return answer.status_code

    return post


def content(delivery: Delivery, record: str, **more) -> dict:
    at = datetime.now(UTC) - timedelta(minutes=5)
    return {
        "RecordType": record,
        "MessageID": "m1",
        "Recipient": delivery.customer.email,
        "ReceivedAt": at.isoformat(),
        "Metadata": {"delivery": str(delivery.key), "day": delivery.as_of.isoformat()},
        **more,
    }


def bounce(delivery: Delivery, sort: str, **more) -> dict:
    return content(delivery, "Bounce", Type=sort, ID=42, Email=delivery.customer.email, **more)


def sent() -> Delivery:
    return make_delivery(status="sent")


@pytest.mark.parametrize(
    ("record", "kind"), [("Open", "open"), ("Click", "click"), ("Delivery", "delivered")]
)
def test_what_a_customer_did_is_an_event_of_theirs_once(report, record, kind):
    delivery = sent()
    said = content(delivery, record, OriginalLink="https://shop.example/shoes?token=x#y")

    for _ in range(3):
        assert report(said) == 200

    event = Event.objects.get()
    assert (event.customer_id, event.kind, event.source) == (delivery.customer_id, kind, "anymail")
    assert event.occurred_at == datetime.fromisoformat(said["ReceivedAt"])
    assert event.properties["delivery"] == str(delivery.key)
    assert event.properties["campaign"] == delivery.action.campaign_id
    assert event.properties["url"] == "https://shop.example/shoes"


def test_two_clicks_are_two(report):
    delivery = sent()
    report(content(delivery, "Click", OriginalLink="https://shop.example/a"))
    report(content(delivery, "Click", OriginalLink="https://shop.example/b"))

    assert Event.objects.count() == 2


def test_an_address_that_bounces_for_good_is_suppressed(report):
    delivery = sent()
    other = make_customer(email=delivery.customer.email.upper())

    report(bounce(delivery, "HardBounce"))

    event = Event.objects.get()
    assert (event.kind, event.properties["hard"]) == ("bounce", True)
    suppression = find_suppression("email", delivery.customer.email)
    assert (suppression.reason, suppression.source) == ("bounce", "anymail: bounce")
    for customer in (delivery.customer, other):
        customer.refresh_from_db()
        assert customer.suppressed_channels == ["email"]


@pytest.mark.parametrize(
    ("sort", "more"),
    [
        ("SoftBounce", {}),
        ("HardBounce", {"Details": "smtp;452 4.2.2 mailbox full"}),
        ("VirusNotification", {}),  # the message's fault
    ],
)
def test_a_temporary_bounce_only_adds_an_event(report, sort, more):
    report(bounce(sent(), sort, **more))

    assert Event.objects.get().properties["hard"] is False
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("sort", ["Transient", "DnsError"])
def test_a_provider_that_keeps_trying_adds_no_event(report, sort):
    assert report(bounce(sent(), sort)) == 200
    assert not Event.objects.exists()


def test_a_complaint_is_suppressed(report):
    delivery = sent()

    report(content(delivery, "SpamComplaint", Type="SpamComplaint", ID=7))

    assert Event.objects.get().kind == "complaint"
    assert find_suppression("email", delivery.customer.email).reason == "complaint"


def unsubscription(delivery: Delivery) -> dict:
    more = {"SuppressSending": True, "SuppressionReason": "ManualSuppression"}
    changed = {"ChangedAt": datetime.now(UTC).isoformat()}
    said = content(delivery, "SubscriptionChange", **more, **changed)
    del said["ReceivedAt"]
    return said


def test_who_unsubscribes_at_the_provider_withdraws_consent_for_email(report):
    delivery = sent()

    report(unsubscription(delivery))

    delivery.customer.refresh_from_db()
    assert "email" not in delivery.customer.consents
    assert "sms" in delivery.customer.consents
    assert ConsentStatement.objects.get().source == "anymail: unsubscribe"


def test_an_old_report_that_comes_again_does_not_withdraw_a_new_consent(report):
    delivery = sent()
    said = unsubscription(delivery)
    report(said)
    customer = Customer.objects.get(pk=delivery.customer_id)
    now = datetime.now(UTC)
    say_consents(customer, {"email": True}, source="shop", at=now, said_at=now, by_customer=True)

    report(said)

    customer.refresh_from_db()
    assert "email" in customer.consents


@pytest.mark.parametrize("record", ["Open", "Delivery", "Bounce"])
def test_a_report_settles_what_was_unclear(report, record):
    delivery = make_delivery(status="unknown")

    report(content(delivery, record, Type="SoftBounce", ID=1))

    delivery.refresh_from_db()
    assert delivery.status == "sent"
    assert delivery.reason == Reason(ReasonCode.REPORTED_BY_PROVIDER, {"provider": "Postmark"})


def test_a_report_without_our_key_is_matched_by_the_address(report):
    delivery = sent()
    said = content(delivery, "Open")
    for metadata in ({}, {"delivery": "x", "day": "y"}, {"delivery": str(uuid4()), "day": "z"}):
        assert report(said | {"Metadata": metadata}) == 200

    events = Event.objects.filter(customer=delivery.customer)
    assert events.exists()
    assert not any("delivery" in event.properties for event in events)


def test_a_report_about_nobody_we_know_changes_nothing(report):
    said = content(sent(), "Open") | {"Metadata": {}, "Recipient": "stranger@example.com"}

    assert report(said) == 200
    assert report(said | {"Recipient": "no address"}) == 200
    assert not Event.objects.exists()


def test_a_moment_that_cannot_be_is_replaced_by_the_present(report):
    for moment in ("1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        report(content(sent(), "Open", ReceivedAt=moment))

    for event in Event.objects.all():
        assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_without_the_secret_nothing_is_believed(report):
    assert report(content(sent(), "Open"), secret="user:wrong") == 400
    assert not Event.objects.exists()


def test_no_address_answers_until_there_is_a_secret(client):
    for path in ("postmark/tracking/", "postmark/inbound/", "mailgun/tracking/", "mandrill/"):
        assert client.post(f"/anymail/{path}").status_code == 404


def test_of_the_provider_only_its_tracking_answers(client, mounted):
    assert client.post("/anymail/mailgun/tracking/").status_code == 404
    assert client.post("/anymail/postmark/inbound/").status_code == 404
    assert client.post("/anymail/postmark/tracking/").status_code == 400

"""Bounces, complaints and unsubscribes take effect once."""

from datetime import timedelta

import pytest

from segments.customers.suppress_addresses import find_suppression
from segments.events.feedback import record_feedback
from segments.models import ConsentStatement, Event, Suppression
from tests.factories import NOW, make_customer

pytestmark = pytest.mark.django_db


def report(customer, kind, number=1, at=NOW, **more) -> bool:
    more = {"channel": "email", "source": "provider", "external_id": str(number)} | more
    return record_feedback(customer, kind, at=at, **more)


def state(customer) -> tuple[bool, bool]:
    """Whether the address is suppressed, and whether the consent is gone."""
    customer.refresh_from_db()
    return "email" in customer.suppressed_channels, "email" not in customer.consents


def test_a_hard_bounce_suppresses_the_address_for_its_channel():
    anna, twin = make_customer(email="a@example.com"), make_customer(email="A@example.com")

    assert report(anna, "bounce", is_hard=True, campaign_id=7)

    assert state(anna) == state(twin) == (True, False)
    assert anna.suppressed_channels == ["email"]
    event = Event.objects.get()
    assert event.properties == {"channel": "email", "hard": True, "campaign": 7}
    assert find_suppression("email", "a@example.com").reason == Suppression.Reason.BOUNCE


def test_the_address_that_bounced_counts_and_not_the_one_of_today():
    anna = make_customer(email="new@example.com")

    report(anna, "bounce", is_hard=True, address="old@example.com")

    assert state(anna) == (False, False)
    assert find_suppression("email", "old@example.com")


def test_a_complaint_suppresses_and_withdraws_with_its_proof():
    anna = make_customer()
    report(anna, "complaint")
    assert state(anna) == (True, True)
    assert ConsentStatement.objects.get().source == "provider: complaint"


def test_an_unsubscribe_withdraws_consent_and_does_not_suppress():
    anna = make_customer()
    report(anna, "unsubscribe")
    assert state(anna) == (False, True)


def test_the_fifth_soft_bounce_within_thirty_days_suppresses():
    anna = make_customer()
    # Day 0, then 8, 16, 24 and 30 days later: at day 30 the first has just left the window.
    for number, day in enumerate([0, 8, 16, 24, 30]):
        report(anna, "bounce", number, at=NOW + timedelta(days=day))
    assert state(anna) == (False, False)

    report(anna, "bounce", 9, at=NOW + timedelta(days=31), channel="sms")  # another address
    assert state(anna) == (False, False)
    report(anna, "bounce", 10, at=NOW + timedelta(days=31))
    assert state(anna) == (True, False)


def test_the_same_report_twice_changes_nothing():
    anna = make_customer()
    assert report(anna, "complaint")
    anna.refresh_from_db()
    anna.consents = ["email"]
    anna.save()

    assert not report(anna, "complaint", at=NOW + timedelta(days=40))

    assert state(anna) == (True, False)
    assert Event.objects.count() == 1


def test_a_channel_without_addresses_has_nothing_to_suppress():
    anna = make_customer()
    report(anna, "bounce", channel="push", is_hard=True)
    report(anna, "complaint", 2, channel="push")
    anna.refresh_from_db()
    assert anna.suppressed_channels == []
    assert "push" not in anna.consents

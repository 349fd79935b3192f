"""An event arrives, and the campaigns that it starts are decided once for it."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import Campaign
from journeys.models import Contact, Decision, WaitingTrigger
from journeys.services.answer_events import answer_events
from optiengine.lib.partitions import ensure_partitions
from segments.models import Event
from segments.services.stop_sending import set_sending_stopped
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)


@pytest.fixture
def anna():
    [anna] = make_customers(1)
    make_plan()
    campaign = make_campaign(
        name="Back in stock", control_share=0, recurrence="event", trigger_kind="restock", rank=1
    )
    make_action(campaign)
    decide_day()
    answer_events(NOON - timedelta(hours=3))  # the reader's place: what comes from now on
    return anna


def make_event(customer, *, at=NOON, kind="restock", number=1):
    ensure_partitions("segments_event", at.date(), at.date())
    return Event.objects.create(
        customer=customer, kind=kind, occurred_at=at, source="test", external_id=f"{kind}{number}"
    )


def test_an_event_is_answered_once(anna):
    make_event(anna)

    first, second = answer_events(NOON), answer_events(NOON + timedelta(minutes=1))

    assert (first["answered"], second["answered"]) == (1, 0)
    assert Contact.objects.get().customer_id == anna.pk
    assert Decision.objects.filter(run__kind="live").count() == 1


def test_events_of_other_kinds_start_nothing(anna):
    make_event(anna, kind="visit")

    assert answer_events(NOON)["answered"] == 0


def test_while_sending_is_stopped_events_wait(anna):
    make_event(anna)
    set_sending_stopped(True)
    assert answer_events(NOON)["answered"] == 0
    assert WaitingTrigger.objects.count() == 1

    set_sending_stopped(False)

    assert answer_events(NOON + timedelta(hours=1))["answered"] == 1


def test_what_is_heard_of_a_day_later_starts_nothing(anna):
    make_event(anna)
    set_sending_stopped(True)
    answer_events(NOON)
    set_sending_stopped(False)

    assert answer_events(NOON + timedelta(hours=25)) == {"too_late": 1}
    assert not Contact.objects.exists()


def test_two_events_of_one_customer_are_two_occasions(anna):
    Campaign.objects.update(repeat_after_days=0)
    make_event(anna)
    answer_events(NOON)
    make_event(anna, number=2, at=NOON + timedelta(minutes=5))

    assert answer_events(NOON + timedelta(minutes=6))["answered"] == 1
    assert Contact.objects.count() == 2

"""When contacts are planned for, by a day's run. It decides at nine in Berlin, eight in UTC."""

from datetime import UTC, datetime, time, timedelta

import pytest

from campaigns.models import QuietHours
from journeys.decisions.plan_moments import population
from journeys.delivery.deliver_messages import deliver_messages
from journeys.explain.replay_run import replay_run
from journeys.models import Contact, Delivery
from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, Event, Organisation
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def berlin():
    Organisation.objects.update_or_create(pk=1, defaults={"time_zone": "Europe/Berlin"})
    make_plan()
    population.cache_clear()
    yield
    population.cache_clear()


def planned() -> set[datetime]:
    return set(Contact.objects.values_list("reserved_at", flat=True))


def make_opens(customer: Customer, *, hour: int, n_days: int = 20) -> None:
    """One in this hour of UTC on each of the days before DAY."""
    first = DAY - timedelta(days=n_days)
    ensure_partitions("segments_event", first, DAY)
    for day in range(n_days):
        moment = datetime.combine(first + timedelta(days=day), time(hour, 20), UTC)
        Event.objects.create(
            customer=customer,
            kind="open",
            occurred_at=moment,
            source="test",
            external_id=f"{customer.pk} {moment}",
        )


def test_test_and_control_are_planned_alike_for_the_end_of_quiet_hours():
    QuietHours.objects.create(name="Morning", starts_at=time(8), ends_at=time(11))
    make_action(make_campaign(rank=1, control_share=0.5))
    make_customers(40)

    decide_day()

    eleven = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert planned() == {eleven}
    assert {True, False} == set(Contact.objects.values_list("is_control", flat=True))
    # Monday's end, in Berlin.
    midnight = datetime(2026, 3, 2, 23, tzinfo=UTC)
    assert set(Delivery.objects.values_list("due_at", "expires_at")) == {(eleven, midnight)}


def test_a_transactional_message_waits_for_nothing_and_never_expires():
    QuietHours.objects.create(name="Morning", starts_at=time(8), ends_at=time(11))
    make_action(make_campaign(rank=1, transactional=True, control_share=0))
    make_customers(1)

    decide_day()

    assert list(Delivery.objects.values_list("due_at", "expires_at")) == [(NINE, None)]


def test_a_campaign_may_say_for_how_long_its_messages_hold_good():
    make_action(make_campaign(rank=1, expires_after_hours=5, control_share=0))
    make_customers(1)

    decide_day()

    assert Delivery.objects.get().expires_at == NINE + timedelta(hours=5)


@pytest.mark.parametrize(
    ("fields", "hour"),
    [
        ({"send_time_per_person": True}, 17),  # Sunday's; each opens at 17:20, in UTC
        ({"send_time_per_person": False}, 8),
        ({"send_time_per_person": True, "expires_after_hours": 3}, 8),  # 17:00 would be too late
    ],
)
def test_the_hour_at_which_the_customer_opens_is_the_planned_one(fields, hour):
    make_action(make_campaign(rank=1, control_share=0, **fields))
    [anna] = make_customers(1)
    make_opens(anna, hour=17)

    decide_day()

    assert planned() == {datetime(2026, 3, 1, hour, tzinfo=UTC)}


def test_a_customer_who_never_opened_gets_the_hour_of_all_and_never_in_quiet_hours():
    make_action(make_campaign(rank=1, control_share=0, send_time_per_person=True))
    everyone = make_customers(5)
    for customer in everyone[1:]:
        make_opens(customer, hour=17)

    decide_day()
    assert planned() == {datetime(2026, 3, 1, 17, tzinfo=UTC)}

    QuietHours.objects.create(name="Evening", starts_at=time(18), ends_at=time(22))
    population.cache_clear()
    decide_day(DAY + timedelta(days=30))  # in summer time

    hours = {moment.hour for moment in planned() if moment.date() != DAY}
    assert hours
    assert not any(18 <= (hour + 2) % 24 < 22 for hour in hours)


def test_the_lock_time_holds_the_days_messages():
    Organisation.objects.update(lock_time=time(12, 30))
    make_action(make_campaign(rank=1, control_share=0))
    make_customers(2)

    run = decide_day()

    lock = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    assert planned() == {lock}
    assert not any(deliver_messages(now=lock - timedelta(seconds=1), owner="a").values())
    assert deliver_messages(now=lock, owner="a")["sent"] == 2
    assert run.decided_at == NINE


def test_a_replay_does_not_plan_again():
    QuietHours.objects.create(name="Morning", starts_at=time(8), ends_at=time(11))
    make_action()
    make_customers(10)
    run = decide_day()
    QuietHours.objects.all().delete()

    replay = replay_run(run)
    assert (replay.n_decisions, replay.differing) == (10, [])

"""Until the lock time a day can be decided anew, by rules that were changed meanwhile."""

from datetime import datetime, time, timedelta

import pytest

from campaigns.models import Campaign, CapacityLimit
from journeys.decisions.decide_again import decide_again
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.work_chunks import work_chunks
from journeys.delivery.deliver_messages import deliver_messages
from journeys.errors import RunRefused
from journeys.explain.replay_run import replay_run
from journeys.models import CapacityAccount, Contact, Decision, DecisionRun, Delivery
from segments.models import Organisation
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db

LOCK = time(12)


@pytest.fixture
def run():
    make_customers(8)
    make_plan()
    Organisation.current()
    Organisation.objects.update(lock_time=LOCK)
    make_action(make_campaign(name="First", rank=1, control_share=0))
    make_action(make_campaign(name="Second", rank=2, control_share=0))
    CapacityLimit.objects.create(name="Six a day", maximum=6, period="day")
    return decide_day()


def at(hour):
    return datetime.combine(DAY, time(hour), run_zone())


def run_zone():
    return DecisionRun.objects.daily().get().decided_at.tzinfo


def again(run, hour=10):
    made = decide_again(run, now=at(hour))
    return work_chunks(made.pk, owner="test")


def names():
    return set(Contact.objects.values_list("campaign__name", flat=True))


def test_the_day_is_decided_by_the_changed_rules_and_nothing_is_left_of_the_first_choice(run):
    assert names() == {"First"}
    Campaign.objects.filter(name="First").update(status="paused")

    done = again(run)

    assert (done.status, done.counts["decided"]) == ("done", 8)
    assert names() == {"Second"}
    assert Decision.objects.count() == 8
    assert Delivery.objects.count() == Contact.objects.count() == 6
    assert CapacityAccount.objects.get().used == 6  # not twice
    assert replay_run(done).differing == []


def test_with_the_same_rules_the_same_is_decided(run):
    before = set(Decision.objects.values_list("customer_id", "action_id", "assignment_prob"))

    again(run)

    now = set(Decision.objects.values_list("customer_id", "action_id", "assignment_prob"))
    assert now == before


def test_from_the_lock_time_on_it_stays(run):
    with pytest.raises(RunRefused, match="its messages can already be leaving"):
        again(run, hour=12)
    assert DecisionRun.objects.get().pk == run.pk


def test_a_message_that_left_before_its_time_keeps_the_day(run):
    Delivery.objects.update(due_at=run.decided_at)
    deliver_messages(now=run.decided_at + timedelta(minutes=1), owner="test", limit=1)

    with pytest.raises(RunRefused, match="have already left"):
        again(run)
    assert Decision.objects.count() == 8


def test_what_was_decided_in_real_time_stays(run):
    page = make_campaign(name="Banner", rank=3, control_share=0, exempt_from_caps=True)
    make_action(page, channel="web")
    CapacityLimit.objects.update(maximum=50)
    customer = Decision.objects.first().customer_id
    decide_now([customer], at=at(10), request=Request("inbound", channels=("web",)))
    assert "Banner" in names()

    again(run)

    assert "Banner" in names()

"""An event arrives, and the campaigns that it starts are decided once for it."""

import contextlib
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import OperationalError, transaction

from campaigns.models import Campaign, CapacityLimit, QuietHours
from journeys.decisions.answer_events import answer_events
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.live_rules import live_rules
from journeys.explain.replay_run import replay_live
from journeys.models import Contact, Decision, DecisionRun, LiveDecision, WaitingTrigger
from optiengine.lib.partitions import ensure_partitions
from segments.customers.stop_sending import set_sending_stopped
from segments.models import Event
from segments.models.customer import BLOCK_BITS
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


def test_two_events_in_one_poll_are_two_occasions(anna):
    Campaign.objects.update(repeat_after_days=0)
    make_event(anna)
    make_event(anna, number=2, at=NOON + timedelta(seconds=1))

    assert answer_events(NOON + timedelta(minutes=1))["answered"] == 2
    assert Contact.objects.count() == 2
    assert Decision.objects.filter(run__kind="live").count() == 2
    assert not WaitingTrigger.objects.exists()


def test_two_events_of_one_customer_are_two_occasions(anna):
    Campaign.objects.update(repeat_after_days=0)
    make_event(anna)
    answer_events(NOON)
    make_event(anna, number=2, at=NOON + timedelta(minutes=5))

    assert answer_events(NOON + timedelta(minutes=6))["answered"] == 1
    assert Contact.objects.count() == 2


@pytest.mark.parametrize(("repeat_after_days", "n_contacts"), [(0, 2), (1, 1)])
def test_a_message_that_waits_for_tomorrow_counts_as_if_sent_today(
    anna, repeat_after_days, n_contacts
):
    """Both are answered at ten in the evening, for seven the next morning."""
    QuietHours.objects.create(name="Night", starts_at=time(21), ends_at=time(7))
    Campaign.objects.update(repeat_after_days=repeat_after_days)
    evening = NOON + timedelta(hours=10)
    for number in (1, 2):
        moment = evening + timedelta(minutes=5 * number)
        make_event(anna, at=moment, number=number)
        assert answer_events(moment)["answered"] == 1

    morning = NOON + timedelta(hours=19)
    assert list(Contact.objects.values_list("reserved_at", flat=True)) == [morning] * n_contacts


def test_one_customers_flood_of_events_holds_nobody_up(monkeypatch):
    """Three events of one customer came before those of a neighbour and of one in another block."""
    monkeypatch.setattr("journeys.decisions.answer_events.TOGETHER", 2)
    bot, neighbour = make_customers(2)
    [far] = make_customers(1, pk=bot.pk + (1 << BLOCK_BITS))
    make_plan()
    make_action(make_campaign(recurrence="event", trigger_kind="visit", repeat_after_days=0))
    decide_day()
    answer_events(NOON - timedelta(hours=3))
    who = [bot, bot, bot, neighbour, far]
    for number, customer in enumerate(who):
        make_event(customer, kind="visit", number=number)

    assert answer_events(NOON)["answered"] == len(who)

    answered = Decision.objects.filter(run__kind="live").order_by("pk")
    assert list(answered.values_list("customer_id", flat=True)) == [
        customer.pk for customer in (bot, neighbour, far, bot, bot)
    ]


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_is_undone_leaves_nothing_behind_in_the_process(monkeypatch):
    """The first decision of the day is an event's, and its transaction fails at its end."""
    [anna] = make_customers(1)
    make_plan()
    CapacityLimit.objects.create(name="Many", maximum=100, period="day")
    make_action(make_campaign(control_share=0, recurrence="event", trigger_kind="restock", rank=1))
    decide_day()
    answer_events(NOON - timedelta(hours=3))
    make_event(anna)

    def fail(*arguments, **how):
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr("journeys.decisions.decide_now.settle_due", fail)
        with pytest.raises(OperationalError):
            answer_events(NOON)
        with (
            pytest.raises(OperationalError),
            transaction.atomic(),
        ):  # another transaction that opens one
            decide_now([anna.pk], at=NOON, request=Request("event", trigger_kind="restock"))
    assert not Contact.objects.exists()

    assert answer_events(NOON + timedelta(minutes=1))["answered"] == 1
    [decision] = Decision.objects.filter(pk__in=LiveDecision.objects.values("decision_id"))
    assert DecisionRun.objects.filter(pk=decision.run_id, kind="live").exists()
    assert replay_live(decision.run).n_decisions == 1


@pytest.mark.django_db(transaction=True)
def test_rules_that_were_read_in_a_transaction_are_kept_once_it_is_committed():
    make_customers(1)
    make_plan()
    make_action()
    decide_day()

    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        undone = live_rules(NOON)
        _ = 1 / 0
    rules = live_rules(NOON)

    assert not DecisionRun.objects.filter(pk=undone.inputs.run.pk).exists()
    assert DecisionRun.objects.filter(pk=rules.inputs.run.pk).exists()
    assert live_rules(NOON) is rules

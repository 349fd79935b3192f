"""Decisions in real time: the same rules, locks and log as a run's, for one customer at once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.urls import reverse

from campaigns.models import ArmMembership, Campaign, Exclusion, FrequencyCap, MinimumGap
from journeys.decisions.decide_now import Request, decide_now
from journeys.errors import SendingStopped, StaleState
from journeys.explain.explain_decision import explain_decision
from journeys.explain.messages_of import messages_of
from journeys.explain.replay_run import replay_live
from journeys.models import Contact, Decision, DecisionRun, Delivery, LiveDecision
from segments.customers.stop_sending import set_sending_stopped
from segments.models import Organisation
from tests.factories import (
    DAY,
    make_action,
    make_campaign,
    make_contact,
    make_customer,
    make_delivery,
)
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.long]

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
ON_THE_PAGE = Request("inbound", channels=("web",))


@pytest.fixture
def shop():
    """Three customers, a banner, an e-mail, and a day that was run."""
    customers = make_customers(3)
    for customer in customers:
        make_order(customer, on=DAY - timedelta(days=5))
    make_plan()
    banner = make_campaign(name="Banner", control_share=0, rank=1)
    make_action(banner, channel="web", subject="", body="Welcome back")
    decide_day()
    return customers


def ask(customer, at=NOON, request=ON_THE_PAGE):
    return decide_now([customer.pk], at=at, request=request)[customer.pk]


def test_the_daily_run_does_not_send_inbound_actions(shop):
    assert not Contact.objects.exists()

    answer = ask(shop[0])

    assert answer.has_message
    contact = Contact.objects.get()
    assert (contact.customer_id, contact.channel, contact.reserved_at) == (
        shop[0].pk,
        "web",
        NOON,
    )
    assert contact.pk == answer.contact_id


def test_a_decision_in_real_time_is_logged_explained_and_replayed(shop):
    answer = ask(shop[0])

    decision = Decision.objects.get(pk=answer.decision_id, as_of=DAY)
    assert decision.run.kind == "live"
    explanation = explain_decision(decision)
    assert explanation.agrees
    assert explanation.is_recomputed
    replay = replay_live(decision.run)
    assert (replay.n_decisions, replay.differing) == (1, [])


def test_a_decision_is_shown_with_its_own_messages_only(admin_client, shop):
    letter = make_action(make_campaign(control_share=0, rank=2), name="Letter", channel="post")
    decide_day(DAY + timedelta(days=1))
    answer = ask(shop[0], at=NOON + timedelta(days=1))
    of_run = Decision.objects.get(customer=shop[0], run__kind="daily", as_of=answer.as_of)
    of_page = Decision.objects.get(pk=answer.decision_id)

    assert [message.action for message in messages_of(of_run)] == [letter]
    assert [message.channel for message in messages_of(of_page)] == ["web"]
    listed = admin_client.get(reverse("admin:journeys_livedecision_changelist")).text
    assert "Banner" in listed
    assert reverse("admin:journeys_decision_change", args=[of_page.pk]) in listed


def test_features_are_those_of_the_moment(shop):
    make_order(shop[0], on=DAY, hour=11)

    ask(shop[0], at=NOON)
    live = LiveDecision.objects.get()
    names = DecisionRun.objects.get(kind="live").state.feature_set.names
    now = dict(zip(names, live.features, strict=True))

    assert now["recency_days"] == 0  # this morning's state said 5
    assert now["orders_365d"] == 2


def test_what_happens_after_the_moment_is_not_known(shop):
    make_order(shop[0], on=DAY, hour=13)

    ask(shop[0], at=NOON)
    live = LiveDecision.objects.get()

    names = DecisionRun.objects.get(kind="live").state.feature_set.names
    assert live.features[names.index("orders_365d")] == 1


def test_caps_hold_over_runs_and_real_time_alike(shop):
    FrequencyCap.objects.create(name="One a day", limit=1, window="day")
    Campaign.objects.update(repeat_after_days=0)

    first, second = ask(shop[0]), ask(shop[0], at=NOON + timedelta(hours=1))
    tomorrow = datetime.combine(DAY + timedelta(days=1), NOON.timetz())

    assert (first.has_message, second.has_message) == (True, False)
    assert ask(shop[0], at=tomorrow).has_message


def test_the_same_request_gets_the_same_answer_and_takes_no_second_slot(shop):
    request = Request("inbound", channels=("web",), key="page-7")

    first = ask(shop[0], request=request)
    again = ask(shop[0], at=NOON + timedelta(minutes=1), request=request)

    assert (first.decision_id, first.action_id) == (again.decision_id, again.action_id)
    assert Contact.objects.count() == 1


def test_rules_that_change_hold_for_the_next_decision(shop):
    ask(shop[0])
    Campaign.objects.update(status="paused")

    assert not ask(shop[1]).has_message
    assert DecisionRun.objects.filter(kind="live").count() == 2


def test_an_event_starts_only_campaigns_of_its_kind(shop):
    cart = make_campaign(
        name="Cart", control_share=0, recurrence="event", trigger_kind="cart", rank=2
    )
    make_action(cart, channel="email")

    other = ask(shop[0], request=Request("event", trigger_kind="visit"))
    answer = ask(shop[0], request=Request("event", trigger_kind="cart"))

    assert not other.has_message
    assert answer.action_id == cart.actions.get().pk
    assert Delivery.objects.get().status == "new"


def test_a_message_on_the_page_is_handed_over_with_the_answer(shop):
    ask(shop[0])

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.sent_at) == ("sent", NOON)


@pytest.mark.parametrize("beside", ["in_addition", "transactional"])
def test_actions_in_addition_are_not_logged_with_an_answer(shop, beside):
    """An answer is one message: a second one would be counted and measured, and nobody saw it."""
    second = make_campaign(name="Second", control_share=0, rank=2, **{beside: True})
    make_action(second, channel="web", subject="", body="And this")
    make_action(second, channel="email")

    answer = ask(shop[0])

    decision = Decision.objects.get(pk=answer.decision_id)
    assert decision.campaign.name == "Banner"
    assert [k.campaign.name for k in Contact.objects.all()] == ["Banner"]
    assert [d.channel for d in Delivery.objects.all()] == ["web"]
    [web] = [
        o
        for o in explain_decision(decision).options
        if (o.campaign, o.channel) == ("Second", "web")
    ]
    assert web.verdict == (
        "An answer is a single message, so transactional messages and messages sent "
        "alongside the day's campaign are left out."
    )
    assert replay_live(decision.run).differing == []
    decide_day(DAY + timedelta(days=1))  # by e-mail it goes as ever
    assert Contact.objects.filter(campaign=second, channel="email").count() == 3


def test_a_customer_who_came_after_the_state_gets_an_arm_and_a_leaf_at_once(shop):
    new = make_customer(registered_on=DAY)

    answer = ask(new)

    assert answer.has_message
    assert ArmMembership.objects.get(customer=new).arm == "optimised"
    assert LiveDecision.objects.get().micro_segment_id > 0
    assert explain_decision(Decision.objects.get(pk=answer.decision_id, as_of=DAY)).agrees


def test_nobody_is_answered_on_features_of_the_day_before_yesterday(shop):
    with pytest.raises(StaleState):
        ask(shop[0], at=NOON + timedelta(days=2))


def test_nothing_is_decided_while_sending_is_stopped(shop):
    set_sending_stopped(True)

    with pytest.raises(SendingStopped):
        ask(shop[0])
    assert not LiveDecision.objects.exists()


def test_several_at_once_are_decided_as_each_would_be_by_itself(shop):
    answers = decide_now([c.pk for c in shop], at=NOON, request=ON_THE_PAGE)

    assert sorted(answers) == [c.pk for c in shop]
    assert np.unique([a.decision_id for a in answers.values()]).size == 3


def test_the_server_keeps_the_plans_of_what_every_page_asks(shop):
    """Planning over the months' partitions takes longer than reading one customer's rows."""
    for customer in shop * 2:
        ask(customer)

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements")
        kept = cursor.fetchall()
    for table in ("journeys_contact", "campaigns_campaign"):
        assert max(n for text, n in kept if table in text) >= 6


def test_a_message_that_left_late_counts_from_then_on(shop):
    """Planned for nine, left at noon: three hours and a bit later, a cap of one in four is full."""
    FrequencyCap.objects.create(name="One in four hours", limit=1, window="hours", length=4)
    Campaign.objects.update(repeat_after_days=0)
    letter = make_campaign(name="Letter", control_share=0, rank=1)
    make_action(letter)
    tomorrow = DAY + timedelta(days=1)
    decide_day(tomorrow)
    nine = DecisionRun.objects.daily().get(as_of=tomorrow).decided_at
    noon = nine + timedelta(hours=3)
    sent = Delivery.objects.filter(customer=shop[0], channel="email")
    assert sent.update(status="sent", sent_at=noon, attempted_at=noon) == 1

    early = ask(shop[0], at=nine + timedelta(hours=4, minutes=30))
    late = ask(shop[0], at=noon + timedelta(hours=4, minutes=1))

    assert (early.has_message, late.has_message) == (False, True)
    assert ask(shop[1], at=nine + timedelta(hours=4, minutes=30)).has_message  # as planned
    for run in DecisionRun.objects.filter(kind="live"):
        assert replay_live(run).differing == []


def make_letter(**campaign):
    """Of a campaign that takes part in nothing here: it is over."""
    fields = {"control_share": 0, "repeat_after_days": 0, "rank": 9} | campaign
    return make_action(make_campaign(status="ended", **fields))


def leave_late(customer, letter, *, planned, left):
    contact = make_contact(
        customer,
        letter,
        as_of=planned.date(),
        reserved_at=planned,
        transactional=letter.campaign.transactional,
        takes_slot=not letter.campaign.transactional,
    )
    make_delivery(contact=contact, status="sent", sent_at=left, attempted_at=left)


def expect_replayed():
    for run in DecisionRun.objects.filter(kind="live"):
        assert replay_live(run).differing == []


@pytest.mark.parametrize("campaign", [{"expires_after_hours": 240}, {"transactional": True}])
def test_a_message_that_was_held_for_days_counts_when_it_left(shop, campaign):
    """Planned on 24 February, held until 1 March at 11: one in 24 hours, it is full until 11."""
    FrequencyCap.objects.create(
        name="One in a day", limit=1, window="hours", length=24, counts_transactional=True
    )
    Campaign.objects.update(repeat_after_days=0)
    eleven = NOON - timedelta(hours=1)
    planned, letter = eleven - timedelta(days=5), make_letter(**campaign)
    leave_late(shop[0], letter, planned=planned, left=eleven)
    leave_late(shop[1], letter, planned=planned, left=NOON + timedelta(hours=1))

    held, other = ask(shop[0]), ask(shop[1])  # the other one's had not left yet
    decide_day(DAY + timedelta(days=1))
    free = ask(shop[0], at=eleven + timedelta(days=1))

    assert (held.has_message, other.has_message, free.has_message) == (False, True, True)
    expect_replayed()


def test_a_gap_counts_from_when_a_message_left_however_late(shop):
    MinimumGap.objects.create(name="Three hours", hours=3)
    planned, left = NOON - timedelta(days=20), NOON - timedelta(hours=2)
    leave_late(shop[0], make_letter(), planned=planned, left=left)

    early, late = ask(shop[0]), ask(shop[0], at=NOON + timedelta(hours=1))

    assert (early.has_message, late.has_message) == (False, True)
    expect_replayed()


def test_what_took_long_to_hand_over_counts_from_its_end(shop):
    """As in the check of messages that leave: at the moment that is surely not too early."""
    MinimumGap.objects.create(name="Three hours", hours=3)
    begun, done = NOON - timedelta(hours=4), NOON - timedelta(hours=2)
    leave_late(shop[0], make_letter(), planned=begun - timedelta(days=9), left=done)
    leave_late(shop[1], make_letter(), planned=begun, left=done)
    Delivery.objects.update(attempted_at=begun)

    assert not any(ask(customer).has_message for customer in shop[:2])
    expect_replayed()


def shut_out_the_banner(letter):
    banner = Campaign.objects.get(name="Banner")
    Exclusion.objects.create(
        name="Quiet", campaign=letter.campaign, excluded_campaign=banner, days=1
    )


@pytest.mark.parametrize("by", ["exclusion", "duration"])
def test_an_exclusion_counts_days_from_the_day_on_which_a_message_left(shop, by):
    """Decided on 28 February, left on 1 March at 7: for one day it shuts out 1 March, whole."""
    seven = NOON - timedelta(hours=5)
    letter = make_letter(duration_days=1 if by == "duration" else 0)
    planned = seven - timedelta(hours=16)
    leave_late(shop[0], letter, planned=planned, left=seven)
    leave_late(shop[1], letter, planned=planned, left=planned)
    if by == "exclusion":
        shut_out_the_banner(letter)

    held, other = ask(shop[0]), ask(shop[1])
    midnight = NOON + timedelta(hours=12)
    decide_day(DAY + timedelta(days=1))
    free = ask(shop[0], at=midnight)

    assert (held.has_message, other.has_message, free.has_message) == (False, True, True)
    expect_replayed()


def test_the_day_on_which_a_message_left_is_the_organisations(shop):
    """It left at 23:30 UTC: in Berlin that is the next day, which is shut out to its end."""
    Organisation.objects.update(time_zone="Europe/Berlin")
    left = NOON - timedelta(hours=12, minutes=30)
    letter = make_letter()
    leave_late(shop[0], letter, planned=left - timedelta(days=3), left=left)
    shut_out_the_banner(letter)

    assert not ask(shop[0]).has_message
    expect_replayed()


def test_an_event_brings_the_holdout_only_transactional_messages(shop):
    by_event = {"recurrence": "event", "trigger_kind": "order", "control_share": 0}
    receipt = make_action(make_campaign(transactional=True, **by_event))
    make_action(make_campaign(name="Thanks", **by_event))
    ArmMembership.objects.update(arm="holdout")

    ask(shop[0], request=Request("event", trigger_kind="order"))

    contact = Contact.objects.get()
    assert (contact.action, contact.transactional) == (receipt, True)
    assert Delivery.objects.get().contact_id == contact.pk
    replay = replay_live(DecisionRun.objects.get(kind="live"))
    assert (replay.n_decisions, replay.differing) == (1, [])

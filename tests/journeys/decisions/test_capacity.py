"""Budgets and volumes that all customers share: never exceeded, priced, replayed, named."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from unittest import mock

import numpy as np
import pytest
from django.db import connection
from django.db.models import Sum

from campaigns.models import CapacityLimit, Tag
from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions import price_run
from journeys.decisions.queue_run import request_run
from journeys.decisions.start_run import start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_run
from journeys.jobs.run_day import run_day
from journeys.models import (
    CapacityAccount,
    CapacityUse,
    Contact,
    Decision,
    DecisionChunk,
    DecisionRun,
    Delivery,
)
from tests.factories import DAY, make_action, make_campaign, make_contact
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.long]
DAYS = [DAY + timedelta(days=i) for i in range(4)]


def make_limit(maximum: int, **fields) -> CapacityLimit:
    return CapacityLimit.objects.create(
        **{"name": "limit", "maximum": maximum, "period": "day"} | fields
    )


def over(decision: Decision) -> bool:
    return any(code >= Verdict.OVER_BUDGET for code in decision.verdicts)


def split_into_chunks(run: DecisionRun, n: int) -> None:
    """As if the customers lay in several blocks; by chance they may lie in two."""
    for chunk in list(run.chunks.all()):
        step = -(-(chunk.last_id - chunk.first_id + 1) // n)
        starts = range(chunk.first_id, chunk.last_id + 1, step)
        chunk.delete()
        for first in starts:
            last = min(first + step - 1, chunk.last_id)
            DecisionChunk.objects.create(run=run, first_id=first, last_id=last)


@pytest.mark.parametrize("fields", [{"rank": 1}, {}, {"in_addition": True}])
def test_a_volume_is_never_exceeded_and_withheld_messages_use_none_of_it(fields):
    make_plan(baseline_share=0.3)
    make_customers(60)
    make_action(make_campaign(control_share=0.4, **fields))
    make_limit(12)

    run = decide_day()

    assert Delivery.objects.count() == 12
    assert Contact.objects.filter(is_control=True).exists()
    assert CapacityAccount.objects.get().used == CapacityUse.objects.get(run=run).used == 12
    assert replay_run(run).differing == []


def test_a_budget_counts_the_cost_of_what_is_sent_to_a_thousandth_of_a_cent():
    make_plan()
    make_customers(40)
    make_action(make_campaign(rank=1, control_share=0), cost_cents="0.333")
    make_limit(4, measure="money")

    decide_day()

    assert Delivery.objects.count() == 12  # 12 x 0.333 = 3.996
    assert CapacityAccount.objects.get().used == 3996


def test_a_customer_decided_after_the_capacity_is_used_up_chooses_anew_with_the_exact_probability():
    """Without evidence two campaigns have equal shares and none no larger one; when one runs out,
    the other is as likely to be worth more than nothing as less: a half.
    """
    make_plan()
    make_customers(200)
    scarce = make_action(make_campaign(control_share=0))
    other = make_action(make_campaign(control_share=0), channel="sms")
    make_limit(10, scope="action", action=scarce)

    run = decide_day()

    late = [d for d in Decision.objects.all() if over(d)]
    early = [d for d in Decision.objects.all() if not over(d)]
    assert Decision.objects.filter(action=scarce, pk__in=[d.pk for d in early]).count() == 10
    assert early[-1].run.prices["n_sampled"] == 200
    [share] = {round(d.assignment_prob, 12) for d in early if d.action_id}
    assert {d.action_id for d in early} == {scarce.pk, other.pk, None}
    assert 1 / 3 <= share < 1 / 2
    [nothing] = {round(d.assignment_prob, 12) for d in early if not d.action_id}
    assert nothing == pytest.approx(1 - 2 * share)
    assert {round(d.assignment_prob, 12) for d in late} == {0.5}
    assert all(d.action_id != scarce.pk for d in late)
    for decision in (late[0], early[0]):
        explanation = explain_decision(decision)
        assert explanation.agrees
        assert sum(o.prob or 0 for o in explanation.options) == pytest.approx(1)
    assert any("Not enough of “" in o.verdict for o in explain_decision(late[0]).options)
    assert replay_run(run).differing == []


def test_turns_are_drawn_so_that_no_customer_is_always_first():
    make_plan()
    customers = make_customers(100)
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=0))
    make_limit(20)

    reached = []
    for day in DAYS[:2]:
        decide_day(day)
        reached.append(set(Contact.objects.filter(as_of=day).values_list("customer", flat=True)))

    first_twenty = {customer.pk for customer in customers[:20]}
    assert reached[0] != reached[1]
    assert reached[0] != first_twenty


def test_overlapping_limits_with_additions_all_hold_over_days_and_replay():
    make_plan(baseline_share=0.2, holdout_share=0.1)
    make_customers(120)
    tag = Tag.objects.create(name="costly")
    for number in range(4):
        campaign = make_campaign(repeat_after_days=0, rank=2 if number == 3 else None)
        campaign.tags.add(*[tag] * (number % 2))
        make_action(campaign, cost_cents=str(1 + 2 * number), channel=["email", "sms"][number % 2])
    beside = make_campaign(in_addition=True, repeat_after_days=0)
    make_action(beside, cost_cents="2.5", channel="sms")
    make_limit(90, scope="channel", channel="sms", period="week")
    make_limit(40, scope="tag", tag=tag)
    make_limit(900, measure="money", period="month", is_even=False)
    make_limit(60, scope="campaign", campaign=beside, period="whole", is_even=False)

    for day in DAYS:
        run = decide_day(day)
        assert replay_run(run).differing == []

    sent = Contact.objects.filter(is_control=False)
    month, monday = date(2026, 3, 1), date(2026, 3, 2)  # the first day is a Sunday
    cost = sent.aggregate(n=Sum("action__cost_cents"))["n"]
    assert 0 < cost <= 900
    assert sent.filter(channel="sms", as_of__lt=monday).count() <= 90
    assert sent.filter(channel="sms", as_of__gte=monday).count() <= 90
    assert all(sent.filter(tags__contains=[tag.pk], as_of=day).count() <= 40 for day in DAYS)
    assert 0 < sent.filter(campaign=beside).count() <= 60
    accounts = CapacityAccount.objects.filter(starts_on=month, limit__measure="money")
    assert accounts.get().used == cost * 1000


def test_a_month_is_spread_over_the_days_on_which_the_campaign_runs():
    make_plan()
    make_customers(100)
    campaign = make_campaign(
        rank=1, control_share=0, repeat_after_days=0, recurrence="weekly", recurs_on=[7]
    )
    make_action(campaign)
    make_limit(50, period="month")  # five Sundays in March 2026, the first is DAY

    for day in (DAY, DAY + timedelta(days=1), DAY + timedelta(days=7)):
        decide_day(day)

    assert [Contact.objects.filter(as_of=day).count() for day in DAYS[:2]] == [10, 0]
    assert Contact.objects.filter(as_of=DAY + timedelta(days=7)).count() == 10


def test_contacts_from_before_the_limit_count():
    make_plan()
    customers = make_customers(30)
    action = make_action(make_campaign(rank=1, control_share=0), cost_cents=7)
    for customer in customers[:5]:
        make_contact(customer, action, as_of=DAY)
    make_contact(customers[5], action, as_of=DAY, is_control=True)
    make_limit(70, measure="money", period="month", is_even=False)

    decide_day(DAY + timedelta(days=1))

    assert CapacityUse.objects.get().used_before == 35_000
    assert Contact.objects.filter(as_of=DAY + timedelta(days=1)).count() == 5


def test_a_limit_that_was_lowered_below_what_was_used_lets_nothing_through():
    make_plan()
    make_customers(30)
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=0))
    limit = make_limit(20, period="month", is_even=False)
    decide_day()
    CapacityLimit.objects.filter(pk=limit.pk).update(maximum=5)

    run = decide_day(DAY + timedelta(days=1))

    assert not Contact.objects.filter(as_of=run.as_of).exists()
    assert CapacityUse.objects.get(run=run).available == 0


def test_chunks_split_one_budget_and_each_replays_with_what_it_found():
    make_plan()
    make_customers(90)
    for cost in (1, 3):
        make_action(make_campaign(), cost_cents=cost)
    make_limit(40, measure="money")
    run_day(DAY, send=False)  # builds the state of the day
    Contact.objects.all().delete()
    Decision.objects.all().delete()
    DecisionRun.objects.all().delete()
    CapacityAccount.objects.update(used=0)

    run = start_run(request_run(DAY))
    split_into_chunks(run, 5)
    run = work_chunks(run.pk, owner="test")

    left = [chunk.capacity_left[0] for chunk in run.chunks.all()]
    assert len(set(left)) > 1
    assert max(left) == 40_000
    cost = Contact.objects.filter(is_control=False).aggregate(n=Sum("action__cost_cents"))["n"]
    assert 38 <= cost <= 40
    assert replay_run(run).differing == []


@pytest.mark.django_db(transaction=True)
def test_many_workers_never_spend_the_same_unit():
    make_plan()
    make_customers(120)
    make_action(make_campaign(rank=1, control_share=0.2), cost_cents=1)
    make_action(make_campaign(in_addition=True, control_share=0), cost_cents=2, channel="sms")
    make_limit(50)
    make_limit(70, measure="money")
    run_day(DAY, send=False)
    Contact.objects.all().delete()
    Decision.objects.all().delete()
    Delivery.objects.all().delete()
    DecisionRun.objects.all().delete()
    CapacityAccount.objects.update(used=0)
    run = start_run(request_run(DAY))
    split_into_chunks(run, 12)

    def worker(number: int) -> None:
        try:
            work_chunks(run.pk, owner=f"worker {number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(worker, range(4)))

    run.refresh_from_db()
    assert run.status == DecisionRun.Status.DONE
    sent = Contact.objects.filter(is_control=False)
    assert sent.count() <= 50
    assert sent.aggregate(n=Sum("action__cost_cents"))["n"] <= 70
    accounts = {a.limit.measure: a.used for a in CapacityAccount.objects.select_related("limit")}
    assert accounts == {
        "contacts": sent.count(),
        "money": sent.aggregate(n=Sum("action__cost_cents"))["n"] * 1000,
    }
    assert replay_run(run).differing == []


def test_prices_bound_and_gap_are_stored_and_the_price_is_a_part_of_the_value():
    make_plan()
    make_customers(80)
    for _ in range(2):
        make_action(make_campaign(control_share=0.25))
    make_limit(20)
    valued = np.linspace(1, 200, 80)

    with mock.patch.object(price_run, "judge_customers", side_effect=_valued(valued)):
        run = decide_day()

    [use] = CapacityUse.objects.all()
    # 20 messages are 20 / .75 contacts: the price is the value of the 27th best, a message.
    assert valued[-28] / 0.75 <= use.price <= valued[-26] / 0.75
    assert run.prices["gap"] < 0.05
    assert run.prices["bound_cents"] >= run.prices["value_cents"] > 0
    decision = Decision.objects.filter(campaign__isnull=False)[0]
    assert decision.price_cents == pytest.approx(0.75 * use.price)
    explanation = explain_decision(decision)
    chosen = explanation.chosen
    assert explanation.agrees
    assert chosen.price_cents == pytest.approx(decision.price_cents)
    assert chosen.total_cents == pytest.approx(
        chosen.now_cents
        - chosen.cost_cents
        + chosen.later_cents
        - chosen.slot_cents
        - chosen.price_cents
    )


def _valued(values):
    """`judge_customers` with known values of the first action; the second is worth less."""
    real = price_run.judge_customers

    def judge_customers(inputs, first, last):
        judged = real(inputs, first, last)
        now = np.column_stack([values, values - 500])
        zero = np.zeros_like(now)
        worth = type(judged.worth)(now, zero, zero, zero + 1, zero, zero)
        return type(judged)(judged.batch, judged.arms, judged.codes, worth)

    return judge_customers


def test_minima_that_cannot_hold_with_a_maximum_are_named():
    make_plan()
    make_customers(30)
    limited = make_action(make_campaign(control_share=0))
    two = make_action(make_campaign(control_share=0))
    make_limit(50, name="one", minimum=8, scope="action", action=limited)
    make_limit(50, name="two", minimum=8, scope="action", action=two)
    make_limit(15, name="all")

    run = decide_day()

    assert sorted(run.prices["contradicting"]) == [["maximum", 2], ["minimum", 0], ["minimum", 1]]
    assert Contact.objects.count() <= 15
    assert CapacityUse.objects.filter(run=run, short__gt=0).exists()
    assert run.prices["gap"] is None


def test_the_pages_say_what_was_used_at_which_price_and_what_cannot_hold(admin_client):
    make_plan()
    make_customers(30)
    action = make_action(make_campaign(control_share=0, rank=1), cost_cents=50)
    make_limit(8, name="Calls", minimum=8, scope="action", action=action)
    budget = make_limit(200, name="Money", measure="money")

    run = decide_day()
    page = admin_client.get(f"/admin/journeys/decisionrun/{run.pk}/change/").content.decode()
    limit = admin_client.get(f"/admin/campaigns/capacitylimit/{budget.pk}/change/")
    listed = admin_client.get("/admin/campaigns/capacitylimit/").content.decode()

    contradiction = "the minimum of “Calls”, the maximum of “Money”."
    assert contradiction in page
    assert contradiction in listed
    assert "“Calls” has a minimum of 8 today and reached 4." in page
    assert "2.00 EUR" in page
    assert "<rect" in limit.content.decode()
    assert limit.context["use"]["periods"][0]["left"] == "0.00 EUR"

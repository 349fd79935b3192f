"""What a slot is kept for, from a customer's page down to the replay."""

from datetime import timedelta

import numpy as np
import pytest

from campaigns.models import FollowUp, FrequencyCap
from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions import pipeline, run_inputs
from journeys.explain import replay_run as replaying
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_run
from journeys.learning.numerics.uplift import Prediction
from journeys.models import Decision
from segments.models import TargetGroup
from tests.factories import DAY, make_action, make_campaign, make_contact, make_customer
from tests.journeys.engine import decide_day, make_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def values(monkeypatch):
    """Uplift in cents by campaign, as if it had been learned."""
    known: dict[str, float] = {}

    def predict_uplift(inputs, batch):
        names = [inputs.book.campaigns[action.campaign].name for action in inputs.book.actions]
        shape = (len(batch.customer_ids), len(names))
        uplift = np.broadcast_to([known[name] for name in names], shape)
        return Prediction(uplift, np.full(shape, 1e-6), np.zeros(shape), np.full(shape, 0.25))

    monkeypatch.setattr(pipeline, "predict_uplift", predict_uplift)
    monkeypatch.setattr(replaying, "predict_uplift", predict_uplift)
    monkeypatch.setattr(
        run_inputs, "has_minimum_evidence", lambda n, *_, **__: np.ones(len(n), bool)
    )
    return known


def born(days_from_now: int):
    day = DAY + timedelta(days=days_from_now)
    return make_customer(birth_date=day.replace(year=1990), registered_on=DAY - timedelta(days=100))


def make_birthday(**fields):
    rule = {"field": "days_to_birthday", "op": "eq", "value": 0}
    group = TargetGroup.objects.create(name="Birthday", rule=rule)
    return make_action(make_campaign(name="Birthday", target_group=group, **fields), cost_cents=0)


def option(decision, campaign):
    return next(o for o in explain_decision(decision).options if o.campaign == campaign)


def test_a_ranked_birthday_in_three_days_keeps_the_slot_from_a_small_cross_sell(
    values, admin_client
):
    make_plan()
    soon, far = born(3), born(30)
    make_birthday(rank=1)
    make_action(make_campaign(name="Cross-sell"), cost_cents=0)
    FrequencyCap.objects.create(name="One a week", limit=1, window="days", length=7)
    values.update({"Birthday": 500.0, "Cross-sell": 40.0})

    run = decide_day()

    kept, free = (Decision.objects.get(customer=customer) for customer in (soon, far))
    cross_sell = option(kept, "Cross-sell")
    assert (cross_sell.kept_for, cross_sell.kept_days) == ("Birthday", 3)
    assert cross_sell.slot_cents == pytest.approx(500 * 0.999**3)
    assert cross_sell.slot_words == "kept for “Birthday” in 3 days"
    assert cross_sell.prob < 0.02  # the floor of exploration is all that it keeps
    assert option(kept, "Birthday").verdict == (
        "The customer is not in the target group yet, but will be in 3 days if nothing changes."
    )
    page = admin_client.get(f"/admin/journeys/decision/{kept.pk}/change/").content.decode()
    assert "kept for “Birthday” in 3 days" in page
    if kept.campaign_id is None:
        assert explain_decision(kept).summary.endswith("The slot is kept for “Birthday” in 3 days.")
    cross_sell = option(free, "Cross-sell")
    assert (cross_sell.slot_cents, cross_sell.kept_for) == (0, "")
    assert cross_sell.prob > 0.98
    assert replay_run(run).differing == []


def test_a_customer_who_cannot_get_the_birthday_message_does_not_wait_for_it(values):
    make_plan()
    customer = born(3)
    make_birthday()
    make_action(make_campaign(name="Cross-sell"), cost_cents=0, channel="sms")
    FrequencyCap.objects.create(name="One a week", limit=1, window="days", length=7)
    values.update({"Birthday": 500.0, "Cross-sell": 40.0})
    customer.consents = ["sms"]
    customer.save()

    decide_day()

    decision = Decision.objects.get(customer=customer)
    assert option(decision, "Cross-sell").slot_cents == 0
    assert option(decision, "Birthday").verdict == "The customer is not in the target group."


def test_what_value_later_comes_from_is_named(values):
    make_plan()
    customer = make_customer(registered_on=DAY - timedelta(days=100))
    starter, thanks, reminder = (
        make_campaign(name=name) for name in ("Starter", "Thank you", "Reminder")
    )
    for campaign in (starter, thanks, reminder):
        make_action(campaign, cost_cents=0)
    steps = ((thanks, 2, "responders"), (reminder, 5, "non_responders"))
    for target, days, outcome in steps:
        FollowUp.objects.create(source=starter, target=target, after_days=days, outcome=outcome)
    values.update({"Starter": 10.0, "Thank you": 80.0, "Reminder": 8.0})

    run = decide_day()

    shown = option(Decision.objects.get(customer=customer), "Starter")
    assert shown.later_cents == pytest.approx(0.25 * 80 * 0.999**2 + 0.75 * 8 * 0.999**5)
    assert shown.opens == (
        "after a conversion “Thank you” after 2 days; without a conversion “Reminder” after 5 days"
    )
    assert replay_run(run).differing == []


def test_a_step_that_is_due_soon_keeps_its_slot_and_a_replay_agrees(values):
    make_plan()
    customer = make_customer(registered_on=DAY - timedelta(days=100))
    first, second = make_campaign(name="First"), make_campaign(name="Second")
    action = make_action(first, cost_cents=0)
    make_action(second, cost_cents=0)
    make_action(make_campaign(name="Small", duration_days=6), cost_cents=0)
    FollowUp.objects.create(source=first, target=second, after_days=5, within_days=2)
    values.update({"First": 10.0, "Second": 300.0, "Small": 20.0})
    make_contact(customer, action, as_of=DAY - timedelta(days=3))

    run = decide_day()

    decision = Decision.objects.get(customer=customer)
    small = option(decision, "Small")
    # Due in 2 or 3 days; the small one has the customer to itself for 6.
    assert (small.kept_for, small.kept_days) == ("Second", 2)
    assert small.slot_cents == pytest.approx(300 * 0.999**2)
    assert Verdict.SERIES_NOT_OPEN in decision.verdicts
    assert replay_run(run).differing == []

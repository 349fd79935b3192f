"""An explanation says what was stored, to the digit, and every reason by its rule's name."""

from datetime import timedelta

import pytest

from campaigns.models import Exclusion, FrequencyCap
from journeys.explain.explain_decision import explain_decision
from journeys.models import Decision
from segments.models import CustomerState
from tests.factories import DAY, make_action, make_campaign, make_contact, make_customer
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan

pytestmark = pytest.mark.django_db


def options_of(decision):
    return {option.campaign: option for option in explain_decision(decision).options}


def test_probabilities_computed_again_are_the_stored_ones_exactly():
    make_plan(holdout_share=0.1, baseline_share=0.3)
    for number, customer in enumerate(make_customers(40)):
        make_order(customer, on=DAY - timedelta(days=1 + number), cents=500 + 37 * number)
    make_action(ranked := make_campaign(rank=1, control_share=0.5))
    make_action(ranked)
    for _ in range(3):
        make_action(make_campaign(control_share=0.3))
    make_contact(make_customer(), make_action(ranked), as_of=DAY - timedelta(days=2))

    decide_day()

    layers = set()
    for decision in Decision.objects.select_related("customer"):
        explanation = explain_decision(decision)
        layers.add(decision.layer)
        assert explanation.agrees
        assert explanation.is_recomputed
        assert explanation.chosen.campaign_id == decision.campaign_id
        assert explanation.chosen.prob == decision.assignment_prob
        slot = [o.prob for o in explanation.options if o.prob is not None and not o.in_addition]
        assert sum(slot) == pytest.approx(1, abs=1e-12)
        if decision.campaign_id:
            assert explanation.chosen.now_cents == pytest.approx(decision.value_now_cents)
            assert decision.is_control == (explanation.control_draw < explanation.control_share)
    assert layers >= {"held", "ranked"}


def test_options_by_value_and_by_chance_are_explained_as_stored():
    make_plan(baseline_share=0.5)
    make_customers(30)
    for _ in range(3):
        make_action(make_campaign(control_share=0))

    decide_day()

    explanations = [explain_decision(d) for d in Decision.objects.select_related("customer")]
    assert {e.decision.layer for e in explanations} == {"auto", "baseline"}
    for explanation in explanations:
        assert explanation.agrees
        assert explanation.chosen.prob == explanation.decision.assignment_prob
        possible = [o for o in explanation.options if o.is_possible]
        assert sum(option.prob for option in possible) == pytest.approx(1)
        # Nothing is learned yet: every campaign has the same share, none by value no larger one.
        shares = {o.campaign: o.prob for o in possible}
        nothing = shares.pop("Nothing", 0.0)
        assert (nothing > 0) == (explanation.decision.layer == "auto")
        for share in shares.values():
            assert share == pytest.approx((1 - nothing) / 3)
            assert share >= nothing


def test_every_obstacle_is_described_with_the_name_of_its_rule():
    make_plan()
    anna = make_customer(consents=["email"])
    shop = make_campaign(name="Shop")
    shop_action = make_action(shop)
    make_contact(anna, shop_action, as_of=DAY - timedelta(days=2))
    make_action(make_campaign(name="Excluded"))
    make_action(make_campaign(name="By SMS"), channel="sms")
    make_action(make_campaign(name="On Mondays", recurrence="weekly", recurs_on=[1]))
    make_action(make_campaign(name="Capped"))
    Exclusion.objects.create(
        name="Not after the shop",
        campaign=shop,
        excluded_campaign_id=shop.__class__.objects.get(name="Excluded").pk,
        days=5,
    )
    FrequencyCap.objects.create(name="One a week", limit=1, window="days", length=7)

    decide_day()  # DAY is a Sunday

    decision = Decision.objects.get(customer=anna)
    said = {name: option.verdict for name, option in options_of(decision).items()}
    assert (
        said["Shop"]
        == "It was sent to the customer, or reserved for them, within the last 30 days."
    )
    assert "“Not after the shop”" in said["Excluded"]
    assert "“Shop”" in said["Excluded"]
    assert said["By SMS"] == "No consent for this channel: SMS."
    assert said["On Mondays"] == "The campaign is not scheduled for today, but for tomorrow."
    assert said["Capped"].startswith("The cap “One a week” is reached: at most 1 in 7 rolling days")
    assert explain_decision(decision).summary.startswith(
        "Anna got no message because none was possible."
    )


def test_a_ranked_choice_names_its_rank():
    make_plan()
    anna = make_customer()
    make_action(make_campaign(name="Welcome", rank=3, control_share=0), name="Mail")
    make_action(make_campaign(name="Other"))

    decide_day()

    explanation = explain_decision(Decision.objects.select_related("customer").get(customer=anna))
    assert explanation.summary == (
        "Anna got “Welcome” (Mail) because it has the highest priority of the possible "
        "campaigns: 3."
    )
    other = options_of(explanation.decision)["Other"]
    assert (other.is_outranked, other.prob) == (True, None)


def test_when_the_days_state_is_gone_the_explanation_is_what_was_stored():
    make_plan()
    anna = make_customer()
    make_action(make_campaign(name="Welcome", rank=1, control_share=0))
    decide_day()
    CustomerState.objects.all().delete()

    explanation = explain_decision(Decision.objects.get(customer=anna))

    assert not explanation.is_recomputed
    assert explanation.chosen.campaign == "Welcome"
    assert explanation.chosen.total_cents is None

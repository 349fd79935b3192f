"""A run decides for everybody once, within the rules, and can be computed again."""

from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import binomtest

from campaigns.models import Arm, Campaign, FrequencyCap
from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions.start_run import request_run, start_run
from journeys.errors import StaleState
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_run
from journeys.models import Contact, Decision, DecisionRun, Delivery
from optiengine.lib.days import day_start
from tests.factories import DAY, make_action, make_campaign, make_customer
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.long]


def test_every_customer_gets_one_decision_and_the_counts_add_up():
    make_plan(holdout_share=0.2, baseline_share=0.2)
    make_customers(60)
    for _ in range(3):
        make_action(make_campaign())

    run = decide_day()

    assert run.status == DecisionRun.Status.DONE
    assert Decision.objects.values("customer").distinct().count() == 60
    counts = run.counts
    assert counts["eligible"] == counts["decided"] == 60
    assert counts["decided"] == counts["contacts"] + counts["none"]
    assert counts["decided"] == sum(counts[k] for k in ("held", "ranked", "auto", "baseline"))
    assert Contact.objects.count() == counts["contacts"]
    assert Delivery.objects.count() == counts["contacts"] - counts["controls"]


def test_the_holdout_gets_only_transactional_messages():
    make_plan(holdout_share=1)
    customers = make_customers(10)
    make_action(make_campaign(rank=1))
    make_action(make_campaign(in_addition=True))

    decide_day()
    assert not Contact.objects.exists()
    assert {tuple(d.verdicts) for d in Decision.objects.all()} == {(Verdict.HOLDOUT,) * 2}

    make_action(make_campaign(rank=2, transactional=True, control_share=0), name="Receipt")
    decide_day(DAY + timedelta(days=1))

    contacts = Contact.objects.select_related("action")
    assert {contact.action.name for contact in contacts} == {"Receipt"}
    assert sorted(contact.customer_id for contact in contacts) == [c.pk for c in customers]
    assert Delivery.objects.count() == 10
    decision = Decision.objects.filter(as_of__gt=DAY).first()
    assert (decision.arm, decision.campaign_id) == ("holdout", None)
    assert (
        "is in the global control group, which gets only transactional messages."
        in explain_decision(decision).summary
    )
    assert replay_run(decision.run).differing == []


def test_ranks_go_before_values_and_say_whom_they_outranked():
    make_plan()
    make_customers(5)
    second = make_action(make_campaign(rank=2, control_share=0))
    first = make_action(make_campaign(rank=1, control_share=0))
    auto = make_action(make_campaign())

    run = decide_day()

    assert {d.action_id for d in Decision.objects.all()} == {first.pk}
    assert {d.layer for d in Decision.objects.all()} == {Decision.Layer.RANKED}
    actions = [action["id"] for action in run.rulebook["actions"]]
    verdicts = dict(zip(actions, Decision.objects.all()[0].verdicts, strict=True))
    assert verdicts == {
        first.pk: Verdict.ALLOWED,
        second.pk: Verdict.OUTRANKED,
        auto.pk: Verdict.OUTRANKED,
    }


def test_without_consent_nothing_is_reserved():
    make_plan()
    anna = make_customer(consents=["sms"])
    make_action(make_campaign(rank=1), channel="email")

    decide_day()

    decision = Decision.objects.get(customer=anna)
    assert (decision.campaign_id, decision.layer) == (None, Decision.Layer.HELD)
    assert decision.verdicts == [Verdict.NO_CONSENT]


def test_a_control_takes_the_slot_and_counts_like_a_send():
    make_plan()
    make_customers(40)
    make_action(make_campaign(rank=1, control_share=0.5, repeat_after_days=0))
    FrequencyCap.objects.create(name="one a week", limit=1, window="days", length=7)

    decide_day(DAY)
    decide_day(DAY + timedelta(days=1))

    assert Contact.objects.filter(as_of=DAY).count() == 40
    assert 5 < Contact.objects.filter(is_control=True).count() < 35
    assert not Contact.objects.filter(as_of=DAY + timedelta(days=1)).exists()
    assert not Delivery.objects.filter(contact__is_control=True).exists()


def test_the_baseline_arm_leaves_it_to_chance():
    make_plan(baseline_share=1)
    make_customers(300)
    for _ in range(3):
        make_action(make_campaign())

    decide_day()

    decisions = Decision.objects.all()
    assert {d.layer for d in decisions} == {Decision.Layer.BASELINE}
    assert {round(d.assignment_prob, 12) for d in decisions} == {round(1 / 3, 12)}
    chosen = np.unique([d.action_id for d in decisions], return_counts=True)[1]
    assert all(binomtest(int(n), 300, 1 / 3).pvalue > 1e-4 for n in chosen)


def test_a_campaign_in_addition_leaves_the_slot_free():
    make_plan()
    make_customers(8)
    beside = make_action(make_campaign(in_addition=True, control_share=0))
    slot = make_action(make_campaign(rank=1, control_share=0))

    decide_day()

    assert {d.action_id for d in Decision.objects.all()} == {slot.pk}
    assert Contact.objects.filter(action=beside, takes_slot=False).count() == 8
    assert Contact.objects.filter(action=slot, takes_slot=True).count() == 8


def test_a_run_that_is_done_changes_nothing_when_run_again():
    make_plan()
    make_customers(20)
    make_action(make_campaign())
    first = decide_day()
    rows = list(Decision.objects.order_by("pk").values())

    again = decide_day()

    assert again.pk == first.pk
    assert list(Decision.objects.order_by("pk").values()) == rows


def test_the_same_seed_decides_the_same():
    make_plan()
    make_customers(50)
    for _ in range(4):
        make_action(make_campaign(repeat_after_days=0))
    decide_day(DAY, seed=5)
    decide_day(DAY + timedelta(days=1), seed=5)
    decide_day(DAY + timedelta(days=2), seed=6)

    def choices(days: int):
        day = DAY + timedelta(days=days)
        return list(
            Decision.objects.filter(as_of=day)
            .order_by("customer_id")
            .values_list("action_id", "is_control")
        )

    assert choices(0) == choices(1) != choices(2)


def test_a_replay_of_any_run_differs_nowhere_even_after_the_campaigns_changed():
    make_plan(holdout_share=0.1, baseline_share=0.2)
    customers = make_customers(80)
    for rank in (1, None, None, None):
        campaign = make_campaign(rank=rank, repeat_after_days=2)
        make_action(campaign)
        make_action(campaign, channel="sms")
    FrequencyCap.objects.create(name="cap", limit=2, window="days", length=5)
    runs = [decide_day(DAY + timedelta(days=n)) for n in range(4)]
    campaign.control_share, campaign.rank = 0.5, 1
    campaign.save()
    customers[0].consents = []
    customers[0].save()

    for run in runs:
        replay = replay_run(run)
        assert (replay.n_decisions, replay.differing, replay.missing) == (80, [], [])


def test_a_replay_names_a_decision_that_was_tampered_with():
    make_plan()
    make_customers(10)
    make_action(make_campaign())
    run = decide_day()
    victim = Decision.objects.filter(campaign__isnull=False)[0]
    Decision.objects.filter(pk=victim.pk).update(assignment_prob=0.123)

    assert replay_run(run).differing == [victim.customer_id]


def test_stale_features_close_the_gate_in_words():
    make_plan()
    make_customers(3)
    make_action(make_campaign())
    decide_day(DAY)

    with pytest.raises(StaleState, match="customer data is from 2026-03-01, not from 2026-03-02"):
        start_run(request_run(DAY + timedelta(days=1)))

    assert DecisionRun.objects.get(as_of=DAY + timedelta(days=1)).status == "not_run"


def test_a_run_without_any_campaign_decides_none_for_all():
    make_plan()
    make_customers(5)

    run = decide_day()

    assert run.counts["none"] == run.counts["decided"] == 5


def test_logged_probabilities_are_those_of_the_draws():
    """Mean of 1 / p over the chosen options is the number of options, if p is what was drawn by."""
    make_plan()
    make_customers(400)
    for _ in range(3):
        make_action(make_campaign(control_share=0))

    decide_day()

    inverse = [1 / d.assignment_prob for d in Decision.objects.all()]
    standard_error = np.std(inverse) / len(inverse) ** 0.5
    assert abs(np.mean(inverse) - 4) < 4 * standard_error + 1e-9  # three campaigns and none
    assert {d.arm for d in Decision.objects.all()} == {Arm.OPTIMISED}


def test_a_duration_is_kept_to_its_end_by_a_campaign_that_is_over():
    make_plan()
    make_customers(1)
    first = make_campaign(rank=1, control_share=0, duration_days=3, name="First")
    make_action(first)
    decide_day()
    Delivery.objects.update(status="sent", sent_at=day_start(DAY, "UTC"))
    Campaign.objects.filter(pk=first.pk).update(status="ended")
    second = make_campaign(rank=1, control_share=0, repeat_after_days=0, name="Second")
    make_action(second)

    days = [decide_day(DAY + timedelta(days=n)) for n in (1, 2, 3)]

    # A contact on DAY with three days shuts out DAY, DAY + 1 and DAY + 2.
    decided = [Decision.objects.get(run=run) for run in days]
    assert [decision.campaign for decision in decided] == [None, None, second]
    [option] = [o for o in explain_decision(decided[0]).options if o.campaign == "Second"]
    assert "First" in option.verdict

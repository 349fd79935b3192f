"""What the mix leaves in the ledger, and what marketers set about it."""

from datetime import timedelta

import numpy as np
import pytest

from campaigns.models import MinimumEvidence
from campaigns.numerics.verdict_codes import Verdict
from campaigns.services.fix_mix import fix_mix, learn_mix
from journeys.decisions.run_inputs import pinned_inputs
from journeys.explain.replay_run import replay_run
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.record_mix import record_evidence
from journeys.models import (
    ActionEvidence,
    Contact,
    Decision,
    DecisionRun,
    MixDay,
    PairEvidence,
    UpliftModelVersion,
    UpliftTotal,
)
from reports.services.mix_report import mix_report
from segments.models import Organisation
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_goal
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan
from tests.reports.mixes import draw_contacts, make_segment

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    campaign = make_campaign(
        rank=1, control_share=0.25, goal=make_goal(value_per_event_cents=1000, window_days=1)
    )
    make_action(campaign, name="X")
    make_action(campaign, name="Y")
    make_plan()
    return campaign


def test_each_contact_keeps_among_which_actions_was_drawn(campaign):
    only_by_mail = make_customers(4, consents=["email"])
    both = make_customers(36)
    z = make_action(campaign, name="Z", channel="sms")
    x, y = campaign.actions.filter(channel="email").order_by("pk")

    decide_day()

    for contact in Contact.objects.all():
        possible = [x.pk, y.pk] if contact.customer in only_by_mail else [x.pk, y.pk, z.pk]
        assert contact.mix_action_ids == possible
        assert contact.mix_shares == pytest.approx([1 / len(possible)] * len(possible))
    total = MixDay.objects.filter(micro_segment=None)
    expected = {row.action_id: row.expected for row in total}
    assert expected == pytest.approx({x.pk: 14, y.pk: 14, z.pk: 12})  # 36 / 3 + 4 / 2
    assert sum(row.n_contacts for row in total) == len(both) + 4
    parts = MixDay.objects.exclude(micro_segment=None)
    assert sum(row.expected for row in parts) == pytest.approx(40)


def test_a_single_action_keeps_no_list_and_has_the_whole_share():
    campaign = make_campaign(rank=1)
    action = make_action(campaign)
    make_plan()
    make_customers(3)

    decide_day()

    assert not Contact.objects.exclude(mix_shares=None).exists()
    row = MixDay.objects.get(micro_segment=None)
    assert (row.action_id, row.expected, row.n_contacts) == (action.pk, 3, 3)


def test_an_auto_campaigns_shares_are_given_that_it_was_chosen(campaign):
    campaign.rank = None
    campaign.save()
    make_customers(30)

    decide_day()

    for contact in Contact.objects.all():
        assert contact.assignment_prob < contact.mix_shares[0]
        assert sum(contact.mix_shares) == pytest.approx(1)


def test_days_of_outcomes_become_sums_of_evidence():
    """By hand: q = 3/4, so g = 1/4 or -3/4 and h = 3/16; ten of each action, worth 1,000 cents."""
    x, y = (make_action(c) for c in [make_campaign()] * 2)
    loyal = make_segment()
    draw_contacts({x: 0.75, y: 0.25}, {x: (10, 4, 5, 1), y: (10, 2, 3, 0)}, segment=loyal)

    for segment in (loyal.pk, None):
        counts = ActionEvidence.objects.filter(micro_segment=segment).order_by("action")
        assert [
            (c.n_test, c.n_test_responders, c.n_control, c.n_control_responders) for c in counts
        ] == [(10, 4, 5, 1), (10, 2, 3, 0)]
        pair = PairEvidence.objects.get(micro_segment=segment)
        assert (pair.first_action_id, pair.n_first, pair.n_second) == (x.pk, 10, 10)
        assert (pair.h, pair.hy) == pytest.approx((20 * 3 / 16, 6000 * 3 / 16))
        assert (pair.g, pair.gy) == pytest.approx((2.5 - 7.5, 1000 - 1500))
        assert pair.g2 == pytest.approx(10 / 16 + 90 / 16)
        assert pair.g2y == pytest.approx(4000 / 16 + 18000 / 16)
        assert pair.g2y2 == pytest.approx(4e6 / 16 + 18e6 / 16)


def test_values_beyond_the_limit_count_as_the_limit_and_a_day_again_replaces_it():
    x, y = (make_action(c) for c in [make_campaign()] * 2)
    draw_contacts({x: 0.5, y: 0.5}, {x: (4, 4, 0, 0), y: (4, 0, 0, 0)}, segment=make_segment())

    record_evidence(DAY, winsor_cents=100, half_life=180, known_on=DAY)

    assert PairEvidence.objects.get(micro_segment=None).gy == pytest.approx(4 * 0.5 * 100)


def test_a_mix_set_by_hand_is_pinned_and_sends_only_that_action(campaign):
    make_customers(20)
    x, y = campaign.actions.order_by("pk")
    fix_mix(campaign, y)

    run = decide_day()
    learn_mix(campaign)

    assert set(Contact.objects.values_list("action_id", flat=True)) == {y.pk}
    assert set(Contact.objects.values_list("assignment_prob", flat=True)) == {1.0}
    index = [action["id"] for action in run.rulebook["actions"]].index(x.pk)
    codes = {decision.verdicts[index] for decision in Decision.objects.all()}
    assert codes == {Verdict.MIX_SET_BY_HAND}
    assert replay_run(run).differing == []
    decide_day(DAY + timedelta(days=31))
    later = Contact.objects.filter(as_of__gt=DAY)
    assert set(later.values_list("action_id", flat=True)) == {x.pk, y.pk}


def test_minimum_evidence_is_pinned_with_the_run(campaign):
    make_customers(20)
    minimum = MinimumEvidence.objects.create(
        n_test=0, n_test_responders=0, n_control=0, n_control_responders=0
    )

    run = decide_day()
    minimum.delete()

    assert pinned_inputs(run.pk).evidence_ok.all()
    assert replay_run(run).differing == []
    later = decide_day(DAY + timedelta(days=31))
    assert not pinned_inputs(later.pk).evidence_ok.any()


def test_a_run_pinned_before_there_were_settings_has_the_defaults(campaign):
    make_customers(3)
    run = decide_day()
    for entry in run.rulebook["campaigns"]:
        del entry["minimum_evidence"], entry["fixed_action"]
    run.save()
    pinned_inputs.cache_clear()

    assert pinned_inputs(run.pk).book.minimum_evidence.tolist() == [[50, 15, 30, 5]] * 2
    assert replay_run(DecisionRun.objects.get(pk=run.pk)).differing == []


def test_another_half_life_counts_for_all_days_that_are_kept(campaign):
    """100 days after its measurement a contact counts half, not .5 ** (100 / 180)."""
    for customer in make_customers(60):
        make_order(customer, on=DAY, hour=12)
    decide_day()
    decide_day(DAY + timedelta(days=2))
    before = sum(counts[0] for counts in UpliftModelVersion.objects.latest().evidence.values())
    assert before == Contact.objects.filter(is_control=False, as_of=DAY).count()
    Organisation.objects.update(half_life_days=100)
    later = DAY + timedelta(days=102)
    build_state(later)

    model = fit_uplift(later)

    assert sum(counts[0] for counts in model.evidence.values()) == pytest.approx(before / 2)
    assert set(UpliftTotal.objects.values_list("half_life_days", flat=True)) == {100}


def test_the_report_tells_the_models_posterior_for_the_average_customer(campaign):
    """With as much known of either action, and the same, either is best with probability 1/2."""
    for customer in make_customers(60):
        make_order(customer, on=DAY, hour=12)
    decide_day()
    decide_day(DAY + timedelta(days=2))

    report = mix_report(campaign)

    for row in [report.total, *report.rows]:
        best = np.array([action.prob_best for action in row.actions])
        assert best.sum() == pytest.approx(1)
        assert (best > 0.02).all()
        assert all(np.isfinite(action.value_cents) for action in row.actions)

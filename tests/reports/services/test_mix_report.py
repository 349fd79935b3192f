"""The state of a mix, from hand-made counts."""

from datetime import timedelta

import pytest

from campaigns.models import Arm, MinimumEvidence
from campaigns.services.fix_mix import fix_mix
from reports.numerics.mix import State
from reports.services.mix_course import mix_course
from reports.services.mix_report import mix_report, mixes_in_short
from segments.models import Organisation
from tests.factories import DAY, make_action, make_campaign
from tests.reports.mixes import draw_contacts, know, make_segment

pytestmark = pytest.mark.django_db
ENOUGH = (1000, 300, 300, 60)


def draw_with_a_clear_lead(x, y):
    """300 contacts each at even shares, 50 % against 25 %: z is about 6."""
    counts = {x: (300, 150, 30, 9), y: (300, 75, 30, 9)}
    draw_contacts({x: 0.5, y: 0.5}, counts, segment=make_segment())


@pytest.fixture
def campaign():
    return make_campaign(control_share=0.3)


@pytest.fixture
def x(campaign):
    return make_action(campaign, name="X")


@pytest.fixture
def y(campaign):
    return make_action(campaign, name="Y")


def test_below_minimum_evidence_it_runs_as_a_test_and_says_what_is_missing(campaign, x, y):
    loyal = make_segment()
    draw_contacts({x: 0.5, y: 0.5}, {x: (41, 9, 30, 5), y: (60, 20, 35, 7)}, segment=loyal)
    know({x: (41, 9, 30, 5), y: (60, 20, 35, 7)})

    report = mix_report(campaign)

    said = "Running as an A/B test: 41 of 50 messages (X), 9 of 15 conversions (X)."
    assert report.total.state is State.TEST
    assert report.total.sentence == said
    (row,) = report.rows
    assert (row.micro_segment_id, row.sentence) == (loyal.pk, said)
    assert mixes_in_short([campaign])[campaign.pk] == "A/B test, 9 of 15"


def test_a_campaigns_own_minimum_goes_before_everybodys(campaign, x, y):
    draw_contacts(
        {x: 0.5, y: 0.5}, {x: (41, 16, 30, 5), y: (60, 20, 35, 7)}, segment=make_segment()
    )
    know({x: (41, 16, 30, 5), y: (60, 20, 35, 7)})
    MinimumEvidence.objects.create(n_test=200)
    assert mix_report(campaign).total.sentence == "Running as an A/B test: 41 of 200 messages (X)."

    MinimumEvidence.objects.create(campaign=campaign, n_test=40)

    assert mix_report(campaign).total.state is State.SHIFTING


def test_shares_are_mean_probabilities_and_not_counts(campaign, x, y):
    """By probability 64 : 36, whatever was drawn: here 50 : 50. Chance in the baseline arm is no
    part of the mix."""
    loyal = make_segment()
    counts = {x: (60, 20, 40, 8), y: (60, 20, 40, 8)}
    draw_contacts({x: 0.64, y: 0.36}, counts, segment=loyal)
    draw_contacts({x: 0.5, y: 0.5}, counts, segment=loyal, arm=Arm.BASELINE)
    know({x: (300, 100, 100, 20), y: (300, 100, 100, 20)})

    total = mix_report(campaign).total

    assert [(a.name, a.share) for a in total.actions] == [
        ("X", pytest.approx(0.64)),
        ("Y", pytest.approx(0.36)),
    ]
    assert total.sentence == "Shifting: X 64 %, Y 36 %."
    assert mixes_in_short([campaign])[campaign.pk] == "shifting: X 64 %"


def test_a_micro_segment_with_little_of_its_own_is_led_by_the_others(campaign, x, y):
    rich, poor = make_segment("rich"), make_segment("poor")
    draw_contacts({x: 0.7, y: 0.3}, {x: (80, 30, 40, 8), y: (70, 20, 40, 8)}, segment=rich)
    draw_contacts(
        {x: 0.7, y: 0.3},
        {x: (12, 4, 30, 5), y: (60, 20, 30, 5)},
        segment=poor,
        as_of=DAY + timedelta(days=1),
    )
    know({x: (92, 34, 70, 13), y: (130, 40, 70, 13)}, as_of=DAY + timedelta(days=1))

    by_name = {row.name.split(": ")[1]: row for row in mix_report(campaign).rows}

    assert by_name["rich"].state is State.SHIFTING
    assert by_name["poor"].sentence == (
        "Shifting on evidence from other micro-segments: X 70 %, Y 30 %. Own evidence: "
        "12 of 50 messages (X), 4 of 15 conversions (X)."
    )


def test_a_proven_lead_with_nearly_all_of_the_share_is_settled(campaign, x, y):
    draw_with_a_clear_lead(x, y)
    later = DAY + timedelta(days=10)
    draw_contacts(
        {x: 0.97, y: 0.03},
        {x: (97, 48, 3, 1), y: (3, 1, 0, 0)},
        segment=make_segment("b"),
        as_of=later,
    )
    know({x: ENOUGH, y: ENOUGH}, as_of=later)

    total = mix_report(campaign).total

    assert total.sentence == "Settled: X 97 %, Y 3 %. X is proven better."
    assert total.difference.low > 0
    assert total.difference.estimate == pytest.approx(250, abs=5)  # 1,000 cents x (.5 - .25)
    assert mixes_in_short([campaign])[campaign.pk] == "settled: X 97 %"


def test_a_proven_lead_with_less_of_the_share_goes_on_shifting(campaign, x, y):
    draw_with_a_clear_lead(x, y)
    know({x: ENOUGH, y: ENOUGH})

    said = mix_report(campaign).total.sentence

    assert said == "Shifting: X 50 %, Y 50 %. On average X is proven better."


def test_an_advantage_that_its_cost_eats_up_is_none(campaign, x, y):
    """X brings 250 cents more and costs 250 more."""
    x.cost_cents = 250
    x.save()
    draw_with_a_clear_lead(x, y)
    know({x: ENOUGH, y: ENOUGH})

    total = mix_report(campaign).total

    assert not total.is_proven
    assert total.difference.estimate == pytest.approx(0, abs=1e-6)
    assert total.sentence.startswith("No difference proven after 2,000 messages")


def test_old_evidence_fades_by_the_organisations_half_life(campaign, x, y):
    Organisation.objects.update_or_create(pk=1, defaults={"half_life_days": 30})
    draw_contacts(
        {x: 0.5, y: 0.5}, {x: (100, 30, 40, 8), y: (100, 30, 40, 8)}, segment=make_segment()
    )
    know({x: ENOUGH, y: ENOUGH}, as_of=DAY + timedelta(days=30))

    (row,) = mix_report(campaign).rows

    assert [action.counts for action in row.actions] == [(50, 15, 20, 4)] * 2


def test_a_mix_set_by_hand_says_so(campaign, x, y):
    know({x: ENOUGH, y: ENOUGH})
    campaign = fix_mix(campaign, y)

    report = mix_report(campaign)

    assert report.total.state is State.FIXED
    assert report.total.sentence.startswith("Fixed to Y.")
    assert mixes_in_short([campaign])[campaign.pk] == "fixed: Y"


def test_without_a_control_group_nothing_is_learned_and_the_state_says_so(x, y, campaign):
    campaign.control_share = 0
    campaign.save()

    assert mix_report(campaign).total.state is State.NO_CONTROL


def test_a_campaign_of_one_action_or_none_has_nothing_to_mix(campaign):
    assert mix_report(campaign).total.state is State.SINGLE
    make_action(campaign)
    assert mix_report(campaign).total.state is State.SINGLE


def test_the_course_is_by_day_and_over_long_by_week(campaign, x, y):
    loyal = make_segment()
    for n_days, share in ((0, 0.5), (1, 0.75)):
        draw_contacts(
            {x: share, y: 1 - share},
            {x: (3, 1, 0, 0), y: (1, 0, 0, 0)},
            segment=loyal,
            as_of=DAY + timedelta(days=n_days),
        )

    course = mix_course(campaign, loyal.pk, as_of=DAY + timedelta(days=1))

    assert not course.is_weekly
    assert course.points == [(DAY, [2, 2]), (DAY + timedelta(days=1), [3, 1])]
    draw_contacts(
        {x: 0.5, y: 0.5},
        {x: (2, 0, 0, 0), y: (0, 0, 0, 0)},
        segment=loyal,
        as_of=DAY + timedelta(days=70),
    )
    weekly = mix_course(campaign, as_of=DAY + timedelta(days=70))
    assert weekly.is_weekly
    # DAY is a Sunday: its week began six days before, the next day's on itself.
    assert [sizes for _day, sizes in weekly.points] == [[2, 2], [3, 1], [1, 1]]

"""The uplift report, from rows in the ledger to sentences and figures."""

import json
from datetime import timedelta

import pytest
from numpy.testing import assert_allclose

from reports.errors import ReportError
from reports.numerics.proportions import Proportion, uplift_interval
from reports.services.uplift_report import uplift_report
from reports.services.uplift_row import State
from segments.models import MicroSegment
from tests.factories import DAY, make_action, make_campaign, make_contact, make_goal
from tests.reports.ledger import LATER, make_contacts, make_customers

pytestmark = pytest.mark.django_db


def total_of(report, campaign):
    [row] = [r for r in report.campaigns if r.campaign.pk == campaign.pk]
    return row


def test_counts_rates_money_and_uplift_of_one_action():
    action = make_action(cost_cents=5)
    make_contacts(action, 200, n_responders=80)
    make_contacts(action, 200, n_responders=50, is_control=True)

    row = total_of(uplift_report(as_of=LATER), action.campaign)

    figures = row.as_dict()
    assert (figures["n_test"], figures["n_control"]) == (200, 200)
    assert (figures["test_rate"], figures["control_rate"]) == (0.4, 0.25)
    expected = uplift_interval(Proportion(200, 80), Proportion(200, 50))
    assert_allclose([row.rate.low, row.rate.high], [expected.low, expected.high])
    # By hand: 10 euros a responder; s.e. of means of 0/1000 with n - 1.
    assert figures["uplift_value_cents"] == pytest.approx(150)
    error = 1_000 * (0.4 * 0.6 / 199 + 0.25 * 0.75 / 199) ** 0.5
    assert row.value.high - 150 == pytest.approx(1.966 * error, rel=1e-3)
    assert figures["total_value_cents"] == pytest.approx(200 * 150)
    assert figures["net_cents"] == pytest.approx(200 * 150 - 200 * 5)
    assert row.state is State.MEASURED
    json.dumps(figures, allow_nan=False)


def test_totals_come_before_their_parts():
    segments = [
        MicroSegment.objects.create(stage="active", name=name, created_on=DAY) for name in "ab"
    ]
    campaign = make_campaign(name="Spring")
    actions = [make_action(campaign, name=name) for name in ("mail", "sms")]
    for action in actions:
        for segment in segments:
            make_contacts(action, 30, n_responders=9, micro_segment=segment)
            make_contacts(action, 30, n_responders=3, micro_segment=segment, is_control=True)

    report = uplift_report(as_of=LATER)

    assert [(row.depth, row.name, row.experiment.test.n) for row in report.rows] == [
        (0, "Spring", 120),
        (1, "mail", 60),
        (2, "active: a", 30),
        (2, "active: b", 30),
        (1, "sms", 60),
        (2, "active: a", 30),
        (2, "active: b", 30),
    ]


def test_too_little_is_said_with_the_minimum_that_is_missing_and_no_interval():
    action = make_action()
    make_contacts(action, 60, n_responders=20)
    make_contacts(action, 40, n_responders=4, is_control=True)

    row = total_of(uplift_report(as_of=LATER), action.campaign)

    assert row.state is State.NOT_ENOUGH
    assert row.explanation == "Not enough data: 4 control conversions of 5."
    assert row.as_dict()["uplift_rate"] is None
    assert row.as_dict()["n_test"] == 60


def test_open_windows_are_counted_apart():
    action = make_action()
    make_contacts(action, 20, n_responders=5)
    make_contacts(action, 7)

    row = total_of(uplift_report(as_of=LATER), action.campaign)

    assert (row.experiment.test.n, row.experiment.test.n_open) == (20, 7)


def test_what_was_measured_later_was_not_known_on_the_day():
    action = make_action()
    make_contacts(action, 20, n_responders=5)

    row = total_of(uplift_report(as_of=LATER - timedelta(days=1)), action.campaign)

    assert (row.experiment.test.n, row.experiment.test.n_open) == (0, 20)


def test_a_broken_split_is_an_alarm_and_hides_every_row_of_its_campaign():
    action, sound = make_action(), make_action()
    make_contacts(action, 300, n_responders=150)
    make_contacts(action, 150, n_responders=20, is_control=True)
    make_contacts(sound, 300, n_responders=150)
    make_contacts(sound, 300, n_responders=20, is_control=True)

    report = uplift_report(as_of=LATER)

    assert [row.campaign.pk for row in report.broken] == [action.campaign_id]
    for row in report.rows:
        is_broken = row.campaign.pk == action.campaign_id
        assert (row.state is State.BROKEN_SPLIT) == is_broken
        assert row.rate.is_known != is_broken


def test_shares_that_changed_break_no_split():
    action = make_action()
    make_contacts(action, 450, n_responders=40, control_share=0.1)
    make_contacts(action, 50, n_responders=9, control_share=0.1, is_control=True)
    make_contacts(action, 250, n_responders=40, control_share=0.5)
    make_contacts(action, 250, n_responders=20, control_share=0.5, is_control=True)

    row = total_of(uplift_report(as_of=LATER), action.campaign)

    assert row.split.observed == (700, 300)
    assert row.split.p_value == pytest.approx(1)


def test_contacts_of_unknown_assignment_are_reported_apart_without_a_claim():
    action = make_action()
    make_contacts(action, 100, n_responders=50, assignment_prob=None, control_share=None)
    make_contacts(action, 100, n_responders=20)
    make_contacts(action, 100, n_responders=10, is_control=True)

    report = uplift_report(as_of=LATER, by=["campaign"])

    [observed], [randomised] = report.observational, report.randomised
    assert observed.state is State.NOT_RANDOMISED
    assert observed.experiment.test.n == 100
    assert not observed.rate.is_known
    assert randomised.experiment.test.n == 100
    assert randomised.rate.estimate == pytest.approx(0.1)


def test_a_campaign_without_control_makes_no_claim():
    action = make_action()
    make_contacts(action, 100, n_responders=50, control_share=0.0)

    row = total_of(uplift_report(as_of=LATER), action.campaign)

    assert row.state is State.NO_CONTROL


def test_members_who_got_another_campaigns_message_in_the_window_are_contaminated():
    campaign = make_campaign(goal=make_goal(window_days=7))
    action, other = make_action(campaign), make_action()
    customers = make_customers(4)
    make_contacts(action, 4, customers=customers, is_control=True)
    make_contact(customers[0], other, as_of=DAY + timedelta(days=6))
    make_contact(customers[1], other, as_of=DAY + timedelta(days=7))  # the window has closed
    make_contact(customers[2], other, as_of=DAY - timedelta(days=1))  # before it
    make_contact(customers[3], other, as_of=DAY + timedelta(days=1), is_control=True)  # no message

    row = total_of(uplift_report(as_of=LATER), campaign)

    assert row.experiment.control.contaminated_share == 0.25


def test_a_report_can_be_limited_to_a_period_and_a_campaign():
    action, other = make_action(), make_action()
    make_contacts(action, 3)
    make_contacts(action, 5, as_of=DAY + timedelta(days=1))
    make_contacts(other, 7)

    report = uplift_report(as_of=LATER, since=DAY, until=DAY, campaign=action.campaign)

    assert [row.experiment.test.n_all for row in report.campaigns] == [3]


def test_nonsense_is_refused_in_words():
    with pytest.raises(ReportError, match="ends before it starts"):
        uplift_report(as_of=LATER, since=LATER, until=DAY)
    with pytest.raises(ReportError, match="Break down by campaign"):
        uplift_report(as_of=LATER, by=["micro_segment"])


def test_five_queries_for_any_number_of_campaigns(django_assert_num_queries):
    for name in "abcde":
        segment = MicroSegment.objects.create(stage="active", name=name, created_on=DAY)
        make_contacts(make_action(), 3, micro_segment=segment)

    with django_assert_num_queries(5):
        uplift_report(as_of=LATER)


def test_clear_effects_are_flagged_and_nothing_is_not():
    strong, nothing = make_action(), make_action()
    make_contacts(strong, 400, n_responders=200)
    make_contacts(strong, 400, n_responders=100, is_control=True)
    make_contacts(nothing, 400, n_responders=100)
    make_contacts(nothing, 400, n_responders=98, is_control=True)

    report = uplift_report(as_of=LATER, by=["campaign"])

    assert total_of(report, strong.campaign).is_flagged
    assert not total_of(report, nothing.campaign).is_flagged

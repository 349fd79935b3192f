"""Periods by the calendar, what actions use by hand, and limits that cannot hold together."""

from datetime import date

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from campaigns.models import CapacityLimit
from campaigns.numerics.capacity import BEGINNING, contradiction, period_of, use_of
from campaigns.services.describe_capacity import contradiction_on
from campaigns.services.load_rulebook import load_rulebook
from tests.factories import DAY, make_action, make_campaign

NONE = np.inf


@pytest.mark.parametrize(
    ("period", "day", "expected"),
    [
        ("day", date(2026, 12, 31), (date(2026, 12, 31), date(2027, 1, 1))),
        ("week", date(2026, 3, 1), (date(2026, 2, 23), date(2026, 3, 2))),  # a Sunday
        ("week", date(2026, 3, 2), (date(2026, 3, 2), date(2026, 3, 9))),
        ("month", date(2028, 2, 29), (date(2028, 2, 1), date(2028, 3, 1))),
        ("month", date(2026, 12, 5), (date(2026, 12, 1), date(2027, 1, 1))),
        ("whole", DAY, (BEGINNING, None)),
    ],
)
def test_periods_go_by_the_calendar(period, day, expected):
    assert period_of(period, day) == expected


def test_minima_that_together_pass_a_maximum_contradict_it_and_nothing_else_is_named():
    use = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1], [5, 5, 5]])
    maximum = np.array([9.0, 9.0, 15.0, 1000.0])
    contradicting = contradiction(use, maximum, np.array([8.0, 8.0, 0.0, 0.0]))
    assert sorted(contradicting) == [("maximum", 2), ("minimum", 0), ("minimum", 1)]
    assert contradiction(use, maximum, np.array([8.0, 7.0, 0.0, 0.0])) == []


def test_a_minimum_of_messages_may_cost_more_than_a_budget():
    use = np.array([[1, 1], [300, 200]])  # 10 messages cost 2,000 at least
    assert contradiction(use, np.array([20.0, 1999.0]), np.array([10.0, 0.0])) == [
        ("minimum", 0),
        ("maximum", 1),
    ]
    assert contradiction(use, np.array([20.0, 2000.0]), np.array([10.0, 0.0])) == []


def test_a_minimum_of_what_is_not_sent_cannot_be_reached():
    assert contradiction(np.zeros((1, 0)), np.array([9.0]), np.array([1.0])) == [("minimum", 0)]
    assert contradiction(np.zeros((1, 2)), np.array([9.0]), np.array([1.0])) == [("minimum", 0)]


@pytest.mark.django_db
def test_limits_of_different_periods_are_compared_by_the_day_and_named():
    make_action(make_campaign())
    CapacityLimit.objects.create(name="often", maximum=50, minimum=40, period="day")
    CapacityLimit.objects.create(name="rarely", maximum=1000, period="month")
    CapacityLimit.objects.create(name="no end", maximum=1, period="whole")
    assert contradiction_on(DAY) == (
        "These limits contradict each other: the minimum of “often”, the maximum of “rarely”."
    )
    CapacityLimit.objects.filter(name="rarely").update(maximum=1240)  # 31 days of 40
    assert contradiction_on(DAY) == ""


@pytest.mark.django_db
def test_each_scope_counts_its_own_actions_in_thousandths_of_a_cent_or_messages():
    first, second = make_campaign(), make_campaign()
    mail = make_action(first, cost_cents="0.125")
    make_action(first, channel="sms", cost_cents=7)
    make_action(second, channel="sms", cost_cents=9)
    for fields in (
        {"measure": "money"},
        {"scope": "channel", "channel": "sms"},
        {"scope": "campaign", "campaign": first, "measure": "money"},
        {"scope": "action", "action": mail},
    ):
        CapacityLimit.objects.create(**{"name": "x", "maximum": 1} | fields)
    assert use_of(load_rulebook(DAY)).tolist() == [
        [125, 7000, 9000],
        [0, 1, 1],
        [125, 7000, 0],
        [1, 0, 0],
    ]


@pytest.mark.django_db
def test_days_left_are_those_of_the_period_on_which_a_counted_campaign_runs():
    weekly = make_campaign(recurrence="weekly", recurs_on=[1], name="on Mondays")
    make_action(weekly)
    ending = make_campaign(ends_on=date(2026, 3, 10))
    make_action(ending, channel="sms")

    def days_left(**fields) -> int:
        limit = CapacityLimit.objects.create(**{"name": "x", "maximum": 1} | fields)
        entry = load_rulebook(DAY).capacities[0]
        limit.delete()
        return entry.days_left

    assert days_left(scope="campaign", campaign=weekly) == 5  # Mondays of March 2026
    assert days_left(scope="channel", channel="sms") == 10
    assert days_left(scope="campaign", campaign=ending, period="whole") == 10
    assert days_left(scope="campaign", campaign=weekly, period="whole") == 1  # it has no end
    assert days_left(period="day") == 1
    assert days_left(is_even=False) == 1


@pytest.mark.django_db
def test_a_limit_that_makes_no_sense_is_refused_in_words():
    with pytest.raises(ValidationError, match="The minimum cannot be greater than the maximum"):
        CapacityLimit(name="x", maximum=5, minimum=6).full_clean()
    with pytest.raises(ValidationError, match="Select only what the scope requires"):
        CapacityLimit(name="x", maximum=5, scope="channel").full_clean()
    with pytest.raises(ValidationError, match="needs an end"):
        CapacityLimit(name="x", maximum=5, minimum=2, period="whole").full_clean()
    with pytest.raises(IntegrityError):
        CapacityLimit.objects.create(name="x", maximum=5, minimum=6)

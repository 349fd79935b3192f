"""Optimised against baseline against holdout, from members and events."""

from datetime import timedelta

import numpy as np
import pytest

from campaigns.models import Arm, ArmPlan
from reports.errors import ReportError
from reports.services.arm_report import arm_report
from tests.factories import DAY, make_action
from tests.reports.ledger import make_contacts, make_customers, make_members, make_orders

pytestmark = pytest.mark.django_db
AS_OF = DAY + timedelta(days=10)


def make_plan(**fields) -> ArmPlan:
    return ArmPlan.objects.create(
        **{"starts_on": DAY, "holdout_share": 0.3, "baseline_share": 0.2} | fields
    )


def make_arms(plan, *, optimised=100, baseline=40, holdout=60):
    people = {
        Arm.OPTIMISED: make_customers(optimised),
        Arm.BASELINE: make_customers(baseline),
        Arm.HOLDOUT: make_customers(holdout),
    }
    for arm, customers in people.items():
        make_members(plan, arm, customers)
    return people


def comparison(report, treated, control):
    [match] = [
        c for c in report.comparisons if (c.treated.arm, c.control.arm) == (treated, control)
    ]
    return match


def test_value_per_customer_counts_everyone_and_takes_off_returns_and_costs():
    people = make_arms(make_plan())
    make_orders(people[Arm.OPTIMISED][:50], 1_000, DAY)
    make_orders(people[Arm.OPTIMISED][:10], 400, DAY + timedelta(days=2), kind="return")
    make_contacts(make_action(cost_cents=3), 20, customers=people[Arm.OPTIMISED][:20])
    make_orders(people[Arm.HOLDOUT][:24], 1_000, DAY + timedelta(days=1))

    report = arm_report(as_of=AS_OF)

    optimised, holdout = report.groups[Arm.OPTIMISED], report.groups[Arm.HOLDOUT]
    # By hand: 50 orders of 1,000, ten returns of 400, 20 contacts of 3, over 100 customers.
    assert optimised.value.mean == pytest.approx((50_000 - 4_000 - 60) / 100)
    assert (optimised.orders.mean, holdout.orders.mean) == (0.5, 0.4)
    assert holdout.value.mean == pytest.approx(400)
    assert (optimised.n_buyers, holdout.n_buyers) == (50, 24)
    values = np.array([597.0] * 10 + [997] * 10 + [1_000] * 30 + [0] * 50)
    assert optimised.value.variance == pytest.approx(values.var(ddof=1))
    difference = comparison(report, Arm.OPTIMISED, Arm.HOLDOUT)
    assert difference.total.estimate == pytest.approx(100 * (459.4 - 400))
    assert difference.lift.estimate == pytest.approx(59.4 / 400)


def test_running_totals_end_where_the_report_does():
    people = make_arms(make_plan())
    for day in range(5):
        make_orders(people[Arm.OPTIMISED][day : day + 40], 700, DAY + timedelta(days=day))
        make_orders(people[Arm.HOLDOUT][day : day + 10], 700, DAY + timedelta(days=day))

    report = arm_report(as_of=AS_OF)
    course = report.cumulative(Arm.OPTIMISED, Arm.HOLDOUT)

    assert [day for day, _ in course] == [DAY + timedelta(days=day) for day in range(5)]
    assert course[1][1].treated.value.mean == pytest.approx(700 * 80 / 100)
    assert course[-1][1] == comparison(report, Arm.OPTIMISED, Arm.HOLDOUT)


def test_the_largest_in_a_thousand_is_cut():
    people = make_arms(make_plan(), optimised=1_100, baseline=440, holdout=660)
    everyone = [c for customers in people.values() for c in customers]
    make_orders(everyone, 100, DAY)
    make_orders(people[Arm.OPTIMISED][:1], 9_999_900, DAY)

    report = arm_report(as_of=AS_OF)

    assert (report.winsor_cents, report.n_winsorised) == (100, 1)
    assert report.groups[Arm.OPTIMISED].value.mean == 100


def test_events_before_joining_before_the_period_or_on_the_day_do_not_count():
    plan = make_plan()
    late = make_customers(2)
    make_members(plan, Arm.OPTIMISED, late, since=DAY + timedelta(days=5))
    make_orders(late[:1], 100, DAY + timedelta(days=4))
    make_orders(late[1:], 100, DAY + timedelta(days=6))
    make_orders(late[1:], 100, DAY - timedelta(days=1))
    make_orders(late[1:], 100, AS_OF)

    report = arm_report(as_of=AS_OF)

    assert report.groups[Arm.OPTIMISED].orders.total == 1


def test_too_few_buyers_are_reported():
    people = make_arms(make_plan())
    make_orders(people[Arm.OPTIMISED][:50], 1_000, DAY)

    difference = comparison(arm_report(as_of=AS_OF), Arm.OPTIMISED, Arm.HOLDOUT)

    assert "0 buyers of 5" in difference.explanation
    assert difference.as_dict()["value_cents"] is None


def test_no_lift_over_a_holdout_that_may_be_worth_nothing():
    people = make_arms(make_plan())
    make_orders(people[Arm.OPTIMISED][:50], 1_000, DAY)
    make_orders(people[Arm.HOLDOUT][:20], 1_000, DAY)
    make_orders(people[Arm.HOLDOUT][20:40], 1_100, DAY, kind="return")

    difference = comparison(arm_report(as_of=AS_OF), Arm.OPTIMISED, Arm.HOLDOUT)

    assert difference.value.is_known
    assert not difference.lift.is_known


def test_a_broken_split_between_the_arms_hides_the_differences():
    people = make_arms(make_plan(), optimised=300, baseline=40, holdout=60)
    make_orders(people[Arm.OPTIMISED], 1_000, DAY)
    make_orders(people[Arm.HOLDOUT], 1_000, DAY)

    report = arm_report(as_of=AS_OF)

    assert report.split.is_alarm
    assert not any(c.value.is_known for c in report.comparisons)


def test_nothing_to_compare_is_refused_in_words():
    with pytest.raises(ReportError, match="There was no global control group before"):
        arm_report(as_of=AS_OF)
    make_plan()
    with pytest.raises(ReportError, match="ends before it starts"):
        arm_report(as_of=AS_OF, since=AS_OF)


def test_an_empty_plan_says_not_enough_data():
    make_plan()

    report = arm_report(as_of=AS_OF)

    assert all("Not enough data" in c.explanation for c in report.comparisons)

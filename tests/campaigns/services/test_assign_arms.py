from datetime import date, timedelta

import pytest
from scipy.stats import chisquare

from campaigns.models import Arm, ArmMembership, ArmPlan
from campaigns.services.assign_arms import arm_at, assign_arms, position
from tests.factories import DAY, make_customer

pytestmark = pytest.mark.django_db


def test_python_and_sql_put_every_customer_into_the_same_arm():
    customers = [make_customer() for _ in range(300)]
    plan = ArmPlan.objects.create(starts_on=DAY, holdout_share=0.3, baseline_share=0.3)

    assign_arms(DAY)

    stored = dict(ArmMembership.objects.values_list("customer_id", "arm"))
    assert stored == {customer.pk: arm_at(plan, customer.pk) for customer in customers}


def test_arms_are_given_once_and_newcomers_join():
    anna = make_customer()
    ArmPlan.objects.create(starts_on=DAY, holdout_share=1, baseline_share=0)
    assign_arms(DAY)
    ArmPlan.objects.update(holdout_share=0)
    bela = make_customer()

    assign_arms(DAY + timedelta(days=1))

    arms = {m.customer_id: (m.arm, m.since) for m in ArmMembership.objects.all()}
    assert arms == {
        anna.pk: (Arm.HOLDOUT, DAY),
        bela.pk: (Arm.OPTIMISED, DAY + timedelta(days=1)),
    }


def test_a_new_plan_keeps_the_history_of_the_old_one():
    anna = make_customer()
    ArmPlan.objects.create(starts_on=DAY, holdout_share=1, baseline_share=0)
    assign_arms(DAY)
    ArmPlan.objects.create(starts_on=DAY + timedelta(days=9), holdout_share=0, baseline_share=1)

    assign_arms(DAY + timedelta(days=9))

    history = ArmMembership.objects.filter(customer=anna).order_by("since")
    assert [(m.arm, m.since) for m in history] == [
        (Arm.HOLDOUT, date(2026, 3, 1)),
        (Arm.BASELINE, date(2026, 3, 10)),
    ]


def test_positions_are_even_and_those_of_two_salts_are_unrelated():
    first = [position("a", n) for n in range(20_000)]
    second = [position("b", n) for n in range(20_000)]
    cells = [0] * 100
    for x, y in zip(first, second, strict=True):
        cells[int(x * 10) * 10 + int(y * 10)] += 1

    assert chisquare(cells).pvalue > 1e-4

"""The arms are compared by persons: a merged record is no member, what it did is the person's."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from campaigns.models import Arm, ArmMembership, ArmPlan
from campaigns.services.arm_history import arms_of
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import Contact, EvidenceCut
from reports.services.arm_report import ArmReport, arm_report
from segments.models import Customer, CustomerMerge, Event
from tests.factories import DAY, make_action, make_contact
from tests.journeys.engine import make_customers, make_order

pytestmark = pytest.mark.django_db
COST = 7


def on(n: int) -> date:
    return DAY + timedelta(days=n)


def at(n: int, hour: float = 12) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n, hours=hour)


@pytest.fixture
def plan():
    return ArmPlan.objects.create(starts_on=DAY, holdout_share=0.4, baseline_share=0.2)


def join(plan: ArmPlan, customer: Customer, arm: Arm, since: int = 0) -> None:
    ArmMembership.objects.create(plan=plan, customer=customer, arm=arm, since=on(since))


def sizes(report: ArmReport) -> dict[Arm, tuple[int, float]]:
    """Of each arm: members, and their value in all."""
    return {arm: (group.n, group.value.total) for arm, group in report.groups.items()}


def test_records_of_different_arms_by_hand(plan):
    """Merged on day 5 at noon: as one from the 6th on, which is reported when the 7th begins."""
    older, younger = make_customers(2)
    join(plan, older, Arm.HOLDOUT)
    join(plan, younger, Arm.OPTIMISED)
    action = make_action(cost_cents=COST)
    for day in range(9):
        make_order(older, on=on(day), cents=100)
        make_order(younger, on=on(day), cents=1)
        make_contact(younger, action, as_of=on(day))
    merge = merge_customers(younger, older, at=at(5), by=None)

    nobody, daily = (0, 0.0), 101 - COST
    assert sizes(arm_report(as_of=on(4))) == {
        Arm.HOLDOUT: (1, 400), Arm.BASELINE: nobody, Arm.OPTIMISED: (1, 4 * (1 - COST)),
    }  # fmt: skip
    for as_of in (5, 6):
        assert sizes(arm_report(as_of=on(as_of))) == dict.fromkeys(Arm, nobody)
    for as_of in (7, 8):
        assert sizes(arm_report(as_of=on(as_of))) == {
            Arm.HOLDOUT: (1, (as_of - 6) * daily), Arm.BASELINE: nobody, Arm.OPTIMISED: nobody,
        }  # fmt: skip

    undo_merge(merge, at=at(7), by=None)
    for as_of in (7, 8):
        assert sizes(arm_report(as_of=on(as_of))) == dict.fromkeys(Arm, nobody)
    assert sizes(arm_report(as_of=on(9))) == {
        Arm.HOLDOUT: (1, 100), Arm.BASELINE: nobody, Arm.OPTIMISED: (1, 1 - COST),
    }  # fmt: skip


def test_records_of_one_arm_by_hand(plan):
    """Each counts from its own first day on; the person from the first of them."""
    kept, alias = make_customers(2)
    join(plan, kept, Arm.OPTIMISED, since=3)
    join(plan, alias, Arm.OPTIMISED, since=1)
    for day in range(8):
        make_order(kept, on=on(day), cents=10)
        make_order(alias, on=on(day), cents=1)
    merge = merge_customers(kept, alias, at=at(5), by=None)

    report = arm_report(as_of=on(7))
    assert sizes(report)[Arm.OPTIMISED] == (1, 4 * 10 + 6 * 1)
    assert report.groups[Arm.OPTIMISED].orders.total == 10
    assert {
        day: groups[Arm.OPTIMISED].n for day, groups in report.history.items()
    } == dict.fromkeys(map(on, range(1, 7)), 1)
    assert sizes(arm_report(as_of=on(4)))[Arm.OPTIMISED] == (2, 10 + 3)
    undo_merge(merge, at=at(6), by=None)
    assert sizes(arm_report(as_of=on(7)))[Arm.OPTIMISED] == (2, 46)


def test_the_split_is_checked_by_persons(plan):
    customers = make_customers(40)
    for number, customer in enumerate(customers):
        join(plan, customer, Arm.HOLDOUT if number < 20 else Arm.OPTIMISED)
    for first, second in zip(customers[:20:2], customers[1:20:2], strict=True):
        merge_customers(first, second, at=at(1), by=None)
    report = arm_report(as_of=on(3))
    assert {arm: group.n for arm, group in report.groups.items()} == {
        Arm.HOLDOUT: 10, Arm.BASELINE: 0, Arm.OPTIMISED: 20,
    }  # fmt: skip


def slow_report(plan: ArmPlan, as_of: date) -> dict[Arm, list[float]]:
    """The same, person by person and event by event; values of each arm's members."""
    merges = [
        m
        for m in CustomerMerge.objects.all()
        if m.merged_at.date() <= as_of and (m.undone_at is None or m.undone_at.date() > as_of)
    ]
    kept_of = {m.alias_id: m.kept_id for m in merges}
    since = dict(ArmMembership.objects.values_list("customer_id", "since"))
    for cut in EvidenceCut.objects.all():
        if cut.noted_on <= as_of:
            day = cut.up_to.date() + timedelta(days=1)
            since[cut.customer_id] = max(since[cut.customer_id], day)
    values: dict[int, float] = {}
    for customer, day in since.items():
        if day < as_of:
            values.setdefault(kept_of.get(customer, customer), 0)
    for event in Event.objects.all():
        if since[event.customer_id] <= event.occurred_at.date() < as_of:
            values[kept_of.get(event.customer_id, event.customer_id)] += event.amount_cents or 0
    for contact in Contact.objects.filter(is_control=False):
        if since[contact.customer_id] <= contact.as_of < as_of:
            values[kept_of.get(contact.customer_id, contact.customer_id)] -= COST
    values_by_arm: dict[Arm, list[float]] = defaultdict(list)
    for person, value in values.items():
        arm = arms_of(Customer.objects.get(pk=person), as_of - timedelta(days=1))[plan]
        values_by_arm[Arm(arm)].append(value)
    return values_by_arm


@pytest.mark.parametrize("seed", range(4))
def test_any_merges_are_reported_as_a_slow_model_does(plan, seed):
    rng = np.random.default_rng(seed)
    customers, action = make_customers(14), make_action(cost_cents=COST)
    for customer in customers:
        join(plan, customer, rng.choice(list(Arm)), since=int(rng.integers(0, 4)))
        for number in range(int(rng.integers(0, 6))):
            make_order(
                customer, on=on(int(rng.integers(0, 15))), hour=number,
                cents=int(rng.integers(1, 10)) * 100,
            )  # fmt: skip
        for day in rng.choice(15, size=int(rng.integers(0, 3)), replace=False).tolist():
            make_contact(customer, action, as_of=on(day), is_control=bool(rng.random() < 0.3))
    order = rng.permutation(14).tolist()
    for kept, alias in zip(order[:4], order[4:8], strict=True):
        begin = int(rng.integers(4, 9))
        merge = merge_customers(customers[kept], customers[alias], at=at(begin), by=None)
        if rng.random() < 0.5:
            undo_merge(merge, at=at(begin + int(rng.integers(0, 4))), by=None)
    merge_customers(customers[order[0]], customers[order[8]], at=at(13), by=None)

    for day in range(5, 16):
        slow = slow_report(plan, on(day))
        for arm, group in arm_report(as_of=on(day)).groups.items():
            assert group.n == len(slow[arm]), (day, arm)
            assert group.value.total == pytest.approx(sum(slow[arm])), (day, arm)

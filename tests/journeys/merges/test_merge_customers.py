"""Two records of one person: what merging and undoing write, and what they refuse."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.models import Arm, ArmChange, ArmMembership, ArmPlan
from campaigns.services.arm_history import arms_of
from campaigns.services.assign_arms import arm_at
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import EvidenceCut
from segments.errors import MergeRefused
from segments.models import Customer, CustomerMerge
from tests.factories import make_contact, make_customer

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def pair(**fields):
    return make_customer(external_id="a", **fields), make_customer(external_id="b")


def in_arms(*arms):
    """A plan, and two customers in its arms; the first is the older record."""
    plan = ArmPlan.objects.create(starts_on=date(2026, 1, 1))
    customers = pair()
    for customer, arm in zip(customers, arms, strict=True):
        ArmMembership.objects.create(customer=customer, plan=plan, arm=arm, since=date(2026, 1, 1))
    return plan, *customers


def test_kept_record_takes_over_what_it_lacks_and_gives_it_back():
    kept = make_customer(email="", phone="", country="PT", attributes={"shoe": 41})
    alias = make_customer(
        email="Ana@Example.com", country="ES", attributes={"shoe": 42, "hat": "L"}
    )
    merge = merge_customers(kept, alias, at=AT, by=None)
    kept.refresh_from_db()
    assert (kept.email, kept.email_key, kept.country) == (
        "Ana@Example.com",
        "ana@example.com",
        "PT",
    )
    assert kept.attributes == {"shoe": 41, "hat": "L"}
    undo_merge(merge, at=AT + DAY, by=None)
    kept.refresh_from_db()
    assert (kept.email, kept.email_key, kept.country) == ("", "", "PT")
    assert kept.attributes == {"shoe": 41}


def test_undoing_keeps_what_was_changed_since():
    kept, alias = make_customer(email=""), make_customer(email="ana@example.com")
    merge = merge_customers(kept, alias, at=AT, by=None)
    Customer.objects.filter(pk=kept.pk).update(email="new@example.com")
    undo_merge(merge, at=AT + DAY, by=None)
    kept.refresh_from_db()
    assert kept.email == "new@example.com"


def test_arm_of_the_older_record_holds_from_the_next_day_on():
    plan, older, younger = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    merge_customers(younger, older, at=AT, by=None)
    change = ArmChange.objects.get()
    assert (change.customer, change.plan, change.arm) == (younger, plan, Arm.HOLDOUT)
    assert change.since == date(2026, 3, 3)


def test_what_two_arms_got_is_no_evidence():
    _plan, older, younger = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    before = make_contact(customer=younger)
    merge = merge_customers(older, younger, at=AT, by=None)
    after = make_contact(customer=older)
    cuts = EvidenceCut.objects.filter(merge=merge)
    assert {cut.customer_id for cut in cuts} == {older.pk, younger.pk}
    assert all(before.pk < cut.below < after.pk for cut in cuts)


def test_records_in_one_arm_stay_evidence():
    _plan, older, younger = in_arms(Arm.BASELINE, Arm.BASELINE)
    merge_customers(older, younger, at=AT, by=None)
    assert not ArmChange.objects.exists()
    assert not EvidenceCut.objects.exists()


def test_undoing_gives_each_its_own_arm_back_and_leaves_out_what_lay_between():
    _plan, older, younger = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    merge = merge_customers(younger, older, at=AT, by=None)
    between = make_contact(customer=younger)
    undo_merge(merge, at=AT + 3 * DAY, by=None)
    for day, arm in ((5, Arm.HOLDOUT), (6, Arm.OPTIMISED)):
        assert list(arms_of(older, date(2026, 3, day)).values()) == [Arm.HOLDOUT]
        assert list(arms_of(younger, date(2026, 3, day)).values()) == [arm]
    newest = EvidenceCut.objects.filter(customer=younger).order_by("below").last()
    assert newest.below > between.pk


def test_arm_of_the_oldest_of_several_records_holds_also_when_one_of_them_leaves():
    plan, *pair_in_arms = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    second, third = pair_in_arms
    first = make_customer(external_id="c")
    Customer.objects.filter(pk=first.pk).update(created_at=AT - 100 * DAY)
    ArmMembership.objects.create(
        customer=first, plan=plan, arm=Arm.BASELINE, since=date(2026, 1, 1)
    )

    def arm_on(day: int) -> str:
        return arms_of(third, date(2026, 3, day))[plan]

    merge_customers(third, first, at=AT, by=None)
    merge = merge_customers(third, second, at=AT, by=None)  # on the same day
    assert [arm_on(2), arm_on(3)] == [Arm.OPTIMISED, Arm.BASELINE]
    assert EvidenceCut.objects.filter(merge=merge, customer=second).exists()
    undo_merge(merge, at=AT + DAY, by=None)
    assert arm_on(4) == Arm.BASELINE
    undo_merge(CustomerMerge.objects.get(alias=first), at=AT + 2 * DAY, by=None)
    assert [arm_on(4), arm_on(5)] == [Arm.BASELINE, Arm.OPTIMISED]


def test_a_record_without_an_arm_yet_gets_that_of_the_other():
    plan, member, _other = in_arms(Arm.BASELINE, Arm.OPTIMISED)
    newcomer = make_customer(external_id="c")
    merge = merge_customers(newcomer, member, at=AT, by=None)
    assert arms_of(newcomer, date(2026, 3, 3)) == {plan: Arm.BASELINE}
    assert not EvidenceCut.objects.exists()
    undo_merge(merge, at=AT + DAY, by=None)
    assert arms_of(newcomer, date(2026, 3, 4)) == {plan: arm_at(plan, newcomer.pk)}


def test_a_plan_that_began_meanwhile_may_have_drawn_different_arms():
    _plan, older, younger = in_arms(Arm.HOLDOUT, Arm.HOLDOUT)
    merge = merge_customers(older, younger, at=AT, by=None)
    later = ArmPlan.objects.create(starts_on=date(2026, 3, 4))
    for customer, arm in ((older, Arm.BASELINE), (younger, Arm.OPTIMISED)):
        ArmMembership.objects.create(customer=customer, plan=later, arm=arm, since=later.starts_on)
    undo_merge(merge, at=AT + 3 * DAY, by=None)
    assert {cut.customer for cut in EvidenceCut.objects.all()} == {older, younger}


def test_refused_with_itself():
    customer = make_customer()
    with pytest.raises(MergeRefused, match="itself"):
        merge_customers(customer, customer, at=AT, by=None)


def test_refused_for_an_erased_record():
    kept, alias = pair(erased_at=AT)
    with pytest.raises(MergeRefused, match="a was erased"):
        merge_customers(alias, kept, at=AT, by=None)


def test_refused_twice():
    kept, alias = pair()
    merge_customers(kept, alias, at=AT, by=None)
    with pytest.raises(MergeRefused, match="b is already merged into a"):
        merge_customers(make_customer(), alias, at=AT, by=None)
    with pytest.raises(MergeRefused, match="b is already merged into a"):
        merge_customers(alias, make_customer(), at=AT, by=None)


def test_refused_for_a_record_that_stands_for_others():
    kept, alias = pair()
    merge_customers(kept, alias, at=AT, by=None)
    with pytest.raises(MergeRefused, match="Other records are merged into a"):
        merge_customers(make_customer(), kept, at=AT, by=None)


def test_several_records_merge_into_one():
    kept, alias = pair()
    merge_customers(kept, alias, at=AT, by=None)
    merge_customers(kept, make_customer(), at=AT, by=None)


def test_undone_once_and_within_thirty_days():
    kept, alias = pair()
    merge = merge_customers(kept, alias, at=AT, by=None)
    with pytest.raises(MergeRefused, match="30 days"):
        undo_merge(merge, at=AT + 30 * DAY, by=None)
    undo_merge(merge, at=AT + 29 * DAY, by=None)
    with pytest.raises(MergeRefused, match="undone before"):
        undo_merge(merge, at=AT + 29 * DAY, by=None)


def test_merged_again_after_undoing():
    kept, alias = pair()
    undo_merge(merge_customers(kept, alias, at=AT, by=None), at=AT + DAY, by=None)
    merge_customers(alias, kept, at=AT + 2 * DAY, by=None)

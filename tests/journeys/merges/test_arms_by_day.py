"""A merged person's arm changes from the next day on; earlier days keep theirs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.test import Client

from campaigns.models import Arm, ArmChange, ArmMembership
from campaigns.services.load_arms import load_arms
from journeys.decisions.decide_now import Request, decide_now
from journeys.delivery.deliver_messages import deliver_messages
from journeys.explain.map_limits import limits_of
from journeys.explain.replay_run import replay_live, replay_run
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import Contact, Decision, DecisionRun, Delivery, LiveDecision
from reports.ledger_check.check_ledger import check_ledger
from reports.ledger_check.rule_names import CONSENT, GLOBAL_CONTROL
from segments.customers.record_consents import record_consents
from segments.models import CustomerMerge
from segments.models.consent import ConsentSource
from tests.factories import DAY, make_action, make_campaign, make_customer
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db


def at(day: int, hour: float = 12) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)


def on(day: int):
    return DAY + timedelta(days=day)


def in_arms(*arms: str, plan=None):
    """A plan, and a customer in each arm, the oldest first."""
    plan = plan or make_plan()
    customers = make_customers(len(arms))
    for customer, arm in zip(customers, arms, strict=True):
        ArmMembership.objects.create(customer=customer, plan=plan, arm=arm, since=on(-50))
    return plan, *customers


def test_the_newest_change_up_to_the_day_holds():
    plan, first, second, third = in_arms(Arm.HOLDOUT, Arm.BASELINE, Arm.OPTIMISED)
    ArmChange.objects.create(customer=first, plan=plan, arm=Arm.OPTIMISED, since=on(2))
    ArmChange.objects.create(customer=first, plan=plan, arm=Arm.BASELINE, since=on(4))
    newcomer = make_customer()
    ids = np.array([first.pk, second.pk, third.pk, newcomer.pk])

    arms = {day: load_arms(plan.pk, ids, as_of=on(day)).tolist() for day in (1, 2, 3, 4, 9)}

    others = [Arm.BASELINE, Arm.OPTIMISED, Arm.HOLDOUT]
    assert arms[1] == [Arm.HOLDOUT, *others]
    assert arms[2] == arms[3] == [Arm.OPTIMISED, *others]
    assert arms[4] == arms[9] == [Arm.BASELINE, *others]


def test_decisions_follow_from_the_next_day_on_and_earlier_ones_replay_unchanged():
    _plan, older, younger = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=1))

    def decided(day: int) -> dict[int, str]:
        decisions = Decision.objects.filter(as_of=on(day))
        return dict(decisions.values_list("customer_id", "arm"))

    runs = [decide_day()]
    merge = merge_customers(younger, older, at=at(0), by=None)
    runs.append(decide_day(on(1)))
    undo_merge(merge, at=at(1), by=None)
    runs.append(decide_day(on(2)))

    assert decided(0) == {older.pk: Arm.HOLDOUT, younger.pk: Arm.OPTIMISED}
    assert decided(1) == {younger.pk: Arm.HOLDOUT}
    assert decided(2) == {older.pk: Arm.HOLDOUT, younger.pk: Arm.OPTIMISED}
    sent = Contact.objects.order_by("as_of").values_list("as_of", "customer_id")
    assert list(sent) == [(on(0), younger.pk), (on(2), younger.pk)]
    assert [replay_run(run).differing for run in runs] == [[], [], []]


def test_answers_in_real_time_and_rehearsals_follow():
    _plan, older, younger = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    campaign = make_campaign(rank=1, control_share=0, repeat_after_days=1)
    make_action(campaign, channel="web", subject="")
    decide_day()
    merge_customers(younger, older, at=at(0, 1), by=None)
    request = Request(LiveDecision.Reason.INBOUND, channels=("web",))

    today = decide_now([younger.pk], at=at(0, 10), request=request)
    decide_day(on(1))
    tomorrow = decide_now([younger.pk], at=at(1, 10), request=request)

    assert today[younger.pk].contact_id is not None
    assert tomorrow[younger.pk].contact_id is None
    arms = Decision.objects.filter(run__kind=DecisionRun.Kind.LIVE).order_by("as_of")
    assert list(arms.values_list("arm", flat=True)) == [Arm.OPTIMISED, Arm.HOLDOUT]
    for run in DecisionRun.objects.filter(kind=DecisionRun.Kind.LIVE):
        assert not replay_live(run).differing
    [before] = limits_of(campaign, younger, at(0, 11)).values()
    [after] = limits_of(campaign, younger, at(1, 11)).values()
    assert "control group" not in " ".join(before.texts)
    assert "control group" in " ".join(after.texts)


def test_the_ledger_check_goes_by_the_group_of_the_day():
    plan, older, younger = in_arms(Arm.OPTIMISED, Arm.HOLDOUT)
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=1))
    decide_day()
    merge_customers(younger, older, at=at(0), by=None)
    deliver_messages(now=at(0, 13), owner="test")
    decide_day(on(1))
    deliver_messages(now=at(1, 13), owner="test")

    def found() -> int:
        findings = check_ledger(since=at(-1), now=at(3))
        return sum(f.n_violated for f in findings if f.rule == GLOBAL_CONTROL)

    assert Contact.objects.get(as_of=on(1)).customer == younger
    assert found() == 0
    ArmChange.objects.filter(customer=younger, plan=plan).update(since=on(2))
    assert found() == 1
    ArmMembership.objects.update(arm=Arm.OPTIMISED)
    ArmChange.objects.update(arm=Arm.HOLDOUT, since=on(1))
    assert found() == 1


def test_the_ledger_check_hears_what_was_said_under_either_number():
    make_plan()
    kept, alias, other = (make_customer(registered_on=on(-9), consents=[]) for _ in range(3))
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=1))
    said = {"kind": ConsentSource.API, "source": "crm"}
    for customer, yes, day in ((kept, False, -5), (alias, True, -4), (other, True, -4)):
        record_consents(customer, {"email": yes}, said_at=at(day), at=at(day), **said)
    merge = merge_customers(kept, alias, at=at(-1), by=None)
    decide_day()
    deliver_messages(now=at(0, 13), owner="test")

    def found() -> int:
        findings = check_ledger(since=at(-1), now=at(3))
        return sum(f.n_violated for f in findings if f.rule == CONSENT)

    assert Delivery.objects.filter(status="sent").count() == 2
    assert found() == 0
    undo_merge(merge, at=at(2), by=None)
    assert found() == 0  # it held when the message left
    CustomerMerge.objects.update(undone_at=at(0, 1))
    assert found() == 1


def test_the_page_of_groups_says_what_a_merge_changed(admin_client: Client):
    _plan, older, younger = in_arms(Arm.HOLDOUT, Arm.OPTIMISED)
    merge_customers(younger, older, at=at(0), by=None)

    page = admin_client.get("/admin/campaigns/armmembership/").content.decode()
    membership = ArmMembership.objects.get(customer=younger)
    details = admin_client.get(
        f"/admin/campaigns/armmembership/{membership.pk}/change/"
    ).content.decode()

    for text in (page, details):
        assert "global control group since 2026-03-02" in text
    assert page.count("since 2026-") == 1

"""Honest states that are not reported as a fault, each next to the fault that looks almost like it.

Groups, runs, imported messages, and what was known when.
"""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from campaigns.models import (
    ArmMembership,
    ArmPlan,
    Exclusion,
    FrequencyCap,
    MinimumGap,
)
from journeys.models import Decision, DecisionRun, Delivery, ReasonCode
from tests.factories import DAY, NOW, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan
from tests.reports.ledger_check.checking import (
    HOUR,
    decide,
    hand_over,
    make_import,
    make_person,
    send,
    violated,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class TestGroups:
    def make_plan(self, starts_on, anna, arm):
        plan = ArmPlan.objects.create(starts_on=starts_on)
        ArmMembership.objects.create(customer=anna, plan=plan, arm=arm, since=starts_on)
        return plan

    def test_of_the_plan_then(self):
        anna = make_person()
        self.make_plan(date(2020, 1, 1), anna, "holdout")
        send(anna, make_action())
        assert violated() == {"the global control group gets only transactional messages"}

    def test_of_an_earlier_and_a_later_plan(self):
        anna = make_person()
        self.make_plan(date(2020, 1, 1), anna, "holdout")
        self.make_plan(DAY, anna, "optimised")
        send(anna, make_action())
        self.make_plan(DAY + timedelta(days=1), anna, "holdout")
        assert not violated()

    def test_of_the_plan_that_the_run_used(self):
        """A plan that begins today was made after the day's run."""
        anna = make_person()
        before = self.make_plan(date(2020, 1, 1), anna, "optimised")
        self.make_plan(DAY, anna, "holdout")
        DecisionRun.objects.create(as_of=DAY, decided_at=NOW, seed=1, plan=before)
        send(anna, make_action())
        assert not violated()

    def test_a_campaign_was_transactional_then(self):
        anna, action = make_person(), make_action()
        self.make_plan(date(2020, 1, 1), anna, "holdout")
        hand_over(decide(anna, action, transactional=True, takes_slot=False), NOW)
        assert not violated()


class TestRuns:
    def make_run(self, **fields):
        make_plan()
        make_customers(3)
        make_action(make_campaign(control_share=0))
        run = decide_day()
        Delivery.objects.update(status="unknown", reason_code=ReasonCode.INTERRUPTED)
        DecisionRun.objects.filter(pk=run.pk).update(**fields)
        return run

    def test_its_figures_lag_behind(self):
        self.make_run(deliveries={})
        assert not violated()
        DecisionRun.objects.update(deliveries={"decided": 3, "waiting": 2})
        assert not violated()

    def test_a_message_is_missing(self):
        self.make_run(deliveries={})
        Delivery.objects.earliest("pk").delete()
        assert violated() == {
            "one delivery for each message",
            "decided = sent + failed + unknown + waiting + stopped",
        }

    def test_it_failed_and_says_so(self):
        self.make_run(status="failed", error="20 customers could not be decided.", counts={})
        assert not violated()

    def test_it_failed_without_a_word(self):
        self.make_run(status="failed", error="")
        assert violated() == {"a failed run says why"}

    def test_it_decided_for_too_few(self):
        self.make_run()
        Decision.objects.filter(pk=Decision.objects.earliest("pk").pk).delete()
        assert violated() == {"one decision for each customer and run"}


class TestImportedMessages:
    """Each was sent by another system an hour before our own, with room for one."""

    @pytest.fixture
    def anna(self):
        FrequencyCap.objects.create(name="One a day", limit=1, window="day")
        return make_person()

    def import_one(self, anna, **fields):
        return decide(anna, make_action(), NOW - HOUR, source="import", arm="baseline", **fields)

    def test_it_counts(self, anna):
        self.import_one(anna)
        send(anna, make_action())
        assert violated() == {"frequency cap “One a day”"}

    def test_a_withheld_one_counts_too(self, anna):
        self.import_one(anna, is_control=True)
        send(anna, make_action())
        assert violated() == {"frequency cap “One a day”"}

    def test_it_is_not_judged_itself(self, anna):
        send(anna, make_action(), NOW - 2 * HOUR)
        self.import_one(anna)
        assert not violated()

    def test_it_was_imported_later(self, anna):
        send(anna, make_action())
        self.import_one(anna)
        assert not violated()

    def test_its_import_was_not_done_when_ours_was_decided(self, anna):
        make_import(NOW - MINUTE, NOW + MINUTE, kind="contacts")
        self.import_one(anna)
        send(anna, make_action())
        assert not violated()

    def test_it_blocks_by_exclusion_and_gap_and_repetition(self):
        anna, berta = make_person(), make_person()
        Exclusion.objects.create(
            name="Apart", days=2,
            campaign=(first := make_action()).campaign,
            excluded_campaign=(second := make_action()).campaign,
        )  # fmt: skip
        MinimumGap.objects.create(name="Pause", hours=2)
        for customer in (anna, berta):
            decide(customer, first, NOW - HOUR, source="import", key=uuid4())
        send(anna, second)
        send(berta, first)
        assert violated() == {
            "exclusion “Apart”",
            "minimum gap “Pause”",
            "repetition: not before its days are over",
        }


class TestWhatWasKnown:
    def test_a_control_that_was_decided_before_counts(self):
        FrequencyCap.objects.create(name="One a day", limit=1, window="day")
        anna = make_person()
        decide(anna, make_action(), NOW - HOUR, is_control=True)
        send(anna, make_action())
        assert violated() == {"frequency cap “One a day”"}

    def test_a_control_that_a_run_decided_meanwhile_for_its_own_moment_does_not(self):
        """The run decides for nine o'clock, and is at it for an hour; ours left in between."""
        ours, others = make_action(), make_action(make_campaign(duration_days=7))
        anna = make_person()
        waiting = decide(anna, ours, NOW + HOUR / 2)
        decide(anna, others, NOW, is_control=True)
        hand_over(waiting, NOW + HOUR / 2)
        assert not violated()

    def test_a_control_of_the_day_before_counts_whichever_was_decided_first(self):
        ours, others = make_action(), make_action(make_campaign(duration_days=7))
        anna = make_person()
        waiting = decide(anna, ours, NOW - 48 * HOUR)
        decide(anna, others, NOW - 24 * HOUR, is_control=True)
        hand_over(waiting, NOW)
        assert violated(DAY - timedelta(days=3)) == {f"cool-down of “{others.campaign.name}”"}

    def test_what_left_while_this_one_was_being_handed_over_was_not_there_yet(self):
        FrequencyCap.objects.create(
            name="One a day", limit=1, window="day", counts_transactional=True
        )
        anna = make_person()
        first = decide(anna, make_action(), NOW)
        receipt = decide(
            anna, make_action(make_campaign(transactional=True)), NOW,
            transactional=True, takes_slot=False,
        )  # fmt: skip
        hand_over(first, NOW, sent_at=NOW + 9 * SECOND)
        hand_over(receipt, NOW + 3 * SECOND)
        assert not violated()

    def test_of_one_moment_the_one_that_was_due_first_left_first(self):
        FrequencyCap.objects.create(
            name="One a day", limit=1, window="day", counts_transactional=True
        )
        anna = make_person()
        receipt = decide(
            anna, make_action(make_campaign(transactional=True)), NOW,
            transactional=True, takes_slot=False,
        )  # fmt: skip
        first = decide(anna, make_action(), NOW - HOUR)
        hand_over(receipt, NOW)
        hand_over(first, NOW)
        assert not violated()

"""Honest states that are not reported as a fault, each next to the fault that looks almost like it.

Repetition, send time, what waits, and since when the rules hold.
"""

from datetime import time, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns.models import (
    Approval,
    Campaign,
    FrequencyCap,
    QuietHours,
)
from journeys.models import ChannelRoute, DecisionRun, Delivery, ReasonCode
from reports.ledger_check.check_ledger import default_since
from tests.factories import DAY, NOW, make_action, make_campaign
from tests.reports.ledger_check.checking import (
    HOUR,
    decide,
    hand_over,
    make_person,
    send,
    set_organisation,
    violated,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


class TestRepetition:
    def test_too_early(self):
        anna, action = make_person(), make_action(make_campaign(repeat_after_days=30))
        for days in (0, 29):
            send(anna, action, NOW + timedelta(days=days))
        assert violated() == {"repetition: not before its days are over"}

    def test_a_journey_lets_its_customers_in_again(self):
        """Its steps' campaigns have no days of their own."""
        campaign = make_campaign(recurrence=Campaign.Recurrence.STEP, repeat_after_days=None)
        anna, action = make_person(), make_action(campaign)
        for days in (0, 1):
            send(anna, action, NOW + timedelta(days=days))
        assert violated() == {"a journey's message belongs to a step"}

    def test_an_imported_one_was_found_out_about_later(self):
        anna, action = make_person(), make_action(make_campaign(repeat_after_days=30))
        send(anna, action)
        decide(anna, action, NOW - timedelta(days=3), source="import")
        assert not violated()


class TestSendTime:
    def make_run(self, decided_at):
        set_organisation(lock_time=time(8))
        DecisionRun.objects.create(as_of=DAY, decided_at=decided_at, seed=1)
        return make_person(), make_action(make_campaign(send_time_per_person=True))

    @pytest.mark.parametrize(("hours", "n_found"), [(24, 0), (25, 1)])
    def test_within_a_day_of_a_late_run(self, hours, n_found):
        anna, action = self.make_run(NOW)
        hand_over(decide(anna, action, NOW + hours * HOUR, as_of=DAY), NOW + hours * HOUR)
        assert len(violated()) == n_found

    def test_later_when_it_is_quiet_all_day(self):
        for name, start, end in (("Before noon", 0, 12), ("After noon", 12, 0)):
            QuietHours.objects.create(
                name=name, starts_at=time(start), ends_at=time(end), weekdays=[7, 1]
            )
        anna, action = self.make_run(NOW)  # a Sunday
        tuesday = NOW + 39 * HOUR
        hand_over(decide(anna, action, tuesday, as_of=DAY), tuesday)
        assert not violated()


class TestWhatWaits:
    """Long after DAY: the command's clock is the machine's."""

    @pytest.fixture
    def waiting(self):
        return hand_over(
            decide(make_person(), make_action()), NOW, status="new", attempted_at=None, sent_at=None
        )

    def test_it_is_overdue(self, waiting):
        assert violated() == {"what is due leaves or says why it waits"}

    def test_it_says_why(self, waiting):
        Delivery.objects.update(reason_code=ReasonCode.UNREACHABLE)
        assert not violated()

    def test_it_is_planned_for_later(self, waiting):
        Delivery.objects.update(due_at=NOW + timedelta(days=20_000))
        assert not violated()

    def test_its_route_is_closed(self, waiting):
        ChannelRoute.objects.update_or_create(
            channel="email", defaults={"transport": "smtp", "is_open": False}
        )
        assert not violated()

    def test_sending_is_stopped(self, waiting):
        set_organisation(sending_stopped=True)
        assert not violated()

    def test_others_of_the_channel_leave(self, waiting):
        now = timezone.now()
        send(make_person(), make_action(), now)
        assert not violated()

    def test_a_worker_holds_it(self, waiting):
        Delivery.objects.update(status="attempting", lease_until=timezone.now() + MINUTE)
        assert not violated()


class TestSinceWhenTheRulesHold:
    @pytest.fixture
    def somebody(self):
        return User.objects.create_superuser("root")

    def log(self, row, by, said):
        LogEntry.objects.log_actions(by.pk, [row], CHANGE, said, single_object=True)
        LogEntry.objects.update(action_time=NOW - HOUR)

    def test_a_form_that_was_saved_counts(self, somebody):
        self.log(FrequencyCap.objects.create(name="A", limit=1, window="day"), somebody, "[{}]")
        assert default_since(NOW) == NOW - HOUR

    def test_a_pause_changes_no_rule(self, somebody):
        self.log(make_campaign(), somebody, "Paused.")
        assert default_since(NOW) == NOW - timedelta(days=30)

    def test_an_approved_change_counts(self, somebody):
        """Of deleted quiet hours nothing else is left; others may hold in their place."""
        facts = {"name": "Rules", "audience": 1, "requested_at": NOW, "decided_at": NOW - HOUR}
        approval = Approval.objects.create(kind="rules", status="refused", **facts)
        assert default_since(NOW) == NOW - timedelta(days=30)
        Approval.objects.filter(pk=approval.pk).update(status="approved")
        assert default_since(NOW) == NOW - HOUR

    def test_what_runs_have_pinned_differs(self):
        """A script changed a limit: no page was saved."""
        for days, limit in ((3, 5), (2, 2), (1, 2)):
            DecisionRun.objects.create(
                as_of=DAY - timedelta(days=days), decided_at=NOW - timedelta(days=days), seed=1,
                rulebook={"caps": [{"name": "A", "limit": limit}], "campaigns": [days]},
            )  # fmt: skip
        assert default_since(NOW) == NOW - timedelta(days=2)

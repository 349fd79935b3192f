"""What an installation may look like without a fault of its own is not reported as one; and next
to each such state, the fault that looks almost like it is."""

from datetime import date, time, timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from campaigns.models import (
    Approval,
    ArmMembership,
    ArmPlan,
    Campaign,
    Exclusion,
    FrequencyCap,
    MinimumGap,
    QuietHours,
    Tag,
)
from journeys.models import ChannelRoute, Decision, DecisionRun, Delivery, ReasonCode
from reports.ledger_check.check_ledger import default_since
from segments.customers.erase_customer import erase_customer
from segments.customers.record_consents import record_consents
from segments.customers.suppress_addresses import suppress_address
from segments.models import Customer, ImportJob, Organisation
from segments.models.consent import ConsentSource
from tests.factories import DAY, NOW, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan
from tests.reports.ledger_check.checking import (
    HOUR,
    check,
    decide,
    hand_over,
    make_person,
    send,
    violated,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def make_import(begin, end, kind="customers"):
    return ImportJob.objects.create(
        kind=kind, status="done", file_name="a.csv", created_at=begin, finished_at=end
    )


def say(customer, at, *, email, kind=ConsentSource.API, said_at=None):
    """A yes or no to e-mail that we learned of at a moment."""
    said = {"kind": kind, "source": "test", "said_at": said_at or at, "at": at}
    record_consents(customer, {"email": email}, **said)


def set_organisation(**fields):
    Organisation.current()
    Organisation.objects.update(**fields)


@pytest.fixture
def quiet_in_tokyo():
    """NOW is 18:00 there."""
    QuietHours.objects.create(name="Evening", starts_at=time(17), ends_at=time(20))
    return make_person(time_zone="America/New_York", country="US")


class TestWhereACustomerWas:
    def test_unchanged_it_is_known(self, quiet_in_tokyo):
        send(make_person(time_zone="Asia/Tokyo"), make_action())
        assert violated() == {"quiet hours “Evening”"}

    def test_erased_since(self, quiet_in_tokyo):
        set_organisation(time_zone="Asia/Tokyo")
        send(quiet_in_tokyo, make_action())
        assert not violated()
        erase_customer(quiet_in_tokyo, source="letter", at=NOW + HOUR)

        status, rules = check()

        assert status == 0
        assert rules["quiet hours “Evening”"]["unclear"] == 1

    def test_moved_since(self, quiet_in_tokyo):
        send(quiet_in_tokyo, make_action())
        Customer.objects.update(time_zone="Asia/Tokyo", updated_at=NOW + HOUR)
        assert not violated()

    def test_moved_by_an_import_that_ran_at_the_time(self, quiet_in_tokyo):
        send(quiet_in_tokyo, make_action())
        Customer.objects.update(time_zone="Asia/Tokyo", updated_at=NOW - MINUTE)
        assert violated() == {"quiet hours “Evening”"}
        make_import(NOW - 2 * MINUTE, NOW + MINUTE)
        assert not violated()

    def test_a_calendar_day_is_that_of_the_place(self):
        FrequencyCap.objects.create(name="One a day", limit=1, window="day")
        anna = make_person(time_zone="Asia/Tokyo")
        for at in (NOW - HOUR, NOW + 12 * HOUR):  # 17:00, and 6:00 on the next day
            send(anna, make_action(), at)
        assert not violated()
        Customer.objects.update(time_zone="Europe/London", updated_at=NOW - 2 * HOUR)
        assert violated() == {"frequency cap “One a day”"}
        Customer.objects.update(updated_at=NOW + 13 * HOUR)
        assert not violated()


class TestConsents:
    @pytest.fixture
    def anna(self):
        anna = make_person()
        say(anna, NOW - 40 * HOUR, email=True)
        send(anna, make_action())
        return anna

    @pytest.mark.parametrize(("later", "broken"), [(-HOUR, {"consent"}), (HOUR, set())])
    def test_withdrawn_before_and_since(self, anna, later, broken):
        say(anna, NOW + later, email=False, kind=ConsentSource.UNSUBSCRIBE_PAGE)
        assert violated() == broken

    def test_withdrawn_before_and_we_learned_of_it_since(self, anna):
        say(anna, NOW + HOUR, said_at=NOW - HOUR, email=False)
        assert not violated()

    def test_an_old_no_that_came_late_changes_nothing(self, anna):
        say(anna, NOW - HOUR, said_at=NOW - 50 * HOUR, email=False)
        assert not violated()

    def test_a_system_cannot_undo_a_withdrawal_in_person(self, anna):
        say(anna, NOW - 3 * HOUR, email=False, kind=ConsentSource.UNSUBSCRIBE_PAGE)
        record_consents(
            anna, {"email": True}, kind=ConsentSource.API, source="CRM", has_own_time=False,
            said_at=NOW - HOUR, at=NOW - HOUR,
        )  # fmt: skip
        assert violated() == {"consent"}

    def test_erased_since(self, anna):
        erase_customer(anna, source="letter", at=NOW + HOUR)
        assert not violated()

    def test_erased_before(self, anna):
        erase_customer(anna, source="letter", at=NOW - HOUR)
        assert violated() == {"consent", "erased customers get nothing"}

    def test_withdrawn_by_an_import_that_was_not_done_yet(self, anna):
        say(anna, NOW - MINUTE, email=False)
        assert violated() == {"consent"}
        make_import(NOW - 2 * MINUTE, NOW + MINUTE)
        assert not violated()

    def test_withdrawn_while_it_was_being_handed_over(self):
        anna = make_person()
        send(anna, make_action(), sent_at=NOW + MINUTE)
        say(anna, NOW - HOUR, email=True)
        say(anna, NOW + 30 * SECOND, email=False)
        assert not violated()

    def test_given_before_anything_was_kept_and_withdrawn_since(self):
        anna = make_person()
        send(anna, make_action())
        say(anna, NOW + HOUR, email=False)
        status, rules = check()
        assert status == 0
        assert rules["consent"]["unclear"] == 1

    @pytest.mark.parametrize(("says_yes", "broken"), [(True, set()), (False, {"consent"})])
    def test_said_by_a_file(self, says_yes, broken):
        """A bit for each customer of a block."""
        anna = make_person()
        send(anna, make_action())
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO segments_fileconsents"
                " (block, channel, says_yes, said_at, recorded_at, source, customers)"
                " VALUES (%s, 'email', %s, %s, %s, 'file', set_bit(repeat('0', 4096)::bit(4096),"
                " %s, 1))",
                [anna.pk >> 12, says_yes, NOW - HOUR, NOW - HOUR, anna.pk & 4095],
            )
        assert violated() == broken


class TestSuppressedAddresses:
    def test_listed_before(self):
        anna = make_person()
        suppress_address("email", anna.email, reason="request", source="letter", at=NOW - HOUR)
        send(anna, make_action())
        assert violated() == {"suppressed addresses get nothing"}

    def test_the_address_is_new_since(self):
        anna, berta = make_person(), make_person()
        suppress_address("email", berta.email, reason="request", source="letter", at=NOW - HOUR)
        send(anna, make_action())
        Customer.objects.filter(pk=anna.pk).update(email=berta.email, updated_at=NOW + HOUR)
        status, rules = check()
        assert status == 0
        assert rules["suppressed addresses get nothing"]["unclear"] == 1

    def test_listed_by_an_import_that_was_not_done_yet(self):
        anna = make_person()
        send(anna, make_action())
        suppress_address("email", anna.email, reason="bounce", source="file", at=NOW - MINUTE)
        make_import(NOW - 2 * MINUTE, NOW + MINUTE, kind="events")
        assert not violated()


class TestTopics:
    def make_topic(self):
        campaign, topic = (
            make_campaign(),
            Tag.objects.create(name="Games", is_topic=True, title="Games"),
        )
        campaign.tags.add(topic)
        return make_action(campaign), topic

    @pytest.mark.parametrize(
        ("declined", "broken"), [(-HOUR, {"no message about a declined topic"}), (HOUR, set())]
    )
    def test_declined_before_and_since(self, declined, broken):
        action, topic = self.make_topic()
        anna = make_person()
        hand_over(decide(anna, action, tags=[topic.pk]), NOW)
        Customer.objects.update(topics_declined=[topic.pk], updated_at=NOW + declined)
        assert violated() == broken

    def test_the_campaign_had_lost_the_topic(self):
        action, topic = self.make_topic()
        anna = make_person(topics_declined=[topic.pk])
        hand_over(decide(anna, action, tags=[topic.pk]), NOW)
        action.campaign.tags.clear()
        assert not violated()


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

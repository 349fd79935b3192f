"""Honest states that are not reported as a fault, each next to the fault that looks almost like it.

Customers: where they were, what they allowed, which addresses are suppressed.
"""

from datetime import time, timedelta

import pytest
from django.db import connection

from campaigns.models import (
    FrequencyCap,
    QuietHours,
    Tag,
)
from journeys.merges.merge_customers import merge_customers, undo_merge
from segments.customers.erase_customer import erase_customer
from segments.customers.record_consents import record_consents
from segments.customers.suppress_addresses import suppress_address
from segments.models import Customer
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_action, make_campaign
from tests.reports.ledger_check.checking import (
    HOUR,
    check,
    decide,
    hand_over,
    make_import,
    make_person,
    send,
    set_organisation,
    violated,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def say(customer, at, *, email, kind=ConsentSource.API, said_at=None):
    """A yes or no to e-mail that we learned of at a moment."""
    said = {"kind": kind, "source": "test", "said_at": said_at or at, "at": at}
    record_consents(customer, {"email": email}, **said)


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

    @pytest.mark.parametrize("is_alias", [False, True])
    def test_said_under_another_number_of_the_person(self, anna, is_alias):
        say(anna, NOW - 30 * HOUR, email=False)
        other = make_person()
        say(other, NOW - 20 * HOUR, email=True)
        assert violated() == {"consent"}
        records = (other, anna) if is_alias else (anna, other)
        merge = merge_customers(*records, at=NOW - 10 * HOUR, by=None)
        assert not violated()
        undo_merge(merge, at=NOW - HOUR, by=None)
        assert violated() == {"consent"}

    def test_withdrawn_under_another_number_of_the_person(self, anna):
        kept, other = make_person(), make_person()
        for row in (anna, other):
            merge_customers(kept, row, at=NOW - 10 * HOUR, by=None)
        say(other, NOW - 5 * HOUR, email=False, kind=ConsentSource.UNSUBSCRIBE_PAGE)
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

"""A day that was decided and delivered is clean; whatever is planted by SQL is found."""

from datetime import time, timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Campaign, Exclusion, FrequencyCap, QuietHours
from journeys.delivery.deliver_messages import deliver_messages
from journeys.jobs.run_day import run_day
from journeys.models import Contact, Delivery
from optiengine.lib.partitions import ensure_partitions
from reports.ledger_check import read_evidence
from reports.ledger_check.check_ledger import check_ledger, default_since
from reports.ledger_check.read_evidence import PIECES
from reports.ledger_check.rule_names import NOT_CHECKED
from segments.models import Customer
from tests.factories import DAY, NOW, make_action, make_campaign, make_contact, make_delivery
from tests.journeys.engine import make_customers, make_plan
from tests.reports.ledger_check.checking import check

PLAIN = {"cursor_factory": psycopg.Cursor, "context": None}  # without Django's additions
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


@pytest.fixture
def day():
    """Twenty customers, some of whom got a message; returns the first one's."""
    make_plan()
    make_customers(20)
    make_action(make_campaign(control_share=0))
    run_day(DAY)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent"}
    Customer.objects.update(updated_at=NOW - timedelta(days=9))
    return Delivery.objects.order_by("pk").first()


def broken(rules):
    return {name for name, row in rules.items() if row["violated"]}


def execute(statement, **facts):
    with connection.cursor() as cursor:
        cursor.execute(statement, facts)
        assert cursor.rowcount


def test_a_clean_day_exits_with_zero(day):
    status, rules = check()

    assert (status, broken(rules)) == (0, set())
    assert rules["one delivery for each message"]["checked"] == Delivery.objects.count()
    assert rules["consent"]["checked"] == Delivery.objects.count()
    assert rules["one decision for each customer and run"]["checked"] == 1


def test_it_says_by_which_rules_and_what_it_leaves_out(day):
    out = StringIO()
    call_command("check_ledger", since=DAY, stdout=out)

    assert "by the rules in force now" in out.getvalue()
    assert all(text in out.getvalue() for text in NOT_CHECKED)


def another_message(day, **fields):
    """A second message to the same customer, an hour after the first."""
    action = make_action(make_campaign(control_share=0))
    contact = make_contact(day.customer, action, as_of=DAY, reserved_at=day.sent_at)
    return make_delivery(
        contact=contact, key=contact.key, status="sent",
        sent_at=day.sent_at + timedelta(hours=1), **fields,
    )  # fmt: skip


def test_a_message_that_was_delivered_twice_is_found(day):
    other = another_message(day)
    ensure_partitions("journeys_delivery", DAY + timedelta(days=1), DAY + timedelta(days=1))
    execute(
        "UPDATE journeys_delivery SET contact_id = %(contact)s, as_of = as_of + 1"
        " WHERE id = %(other)s",
        contact=day.contact_id, other=other.pk,
    )  # fmt: skip

    status, rules = check()

    assert status == 1
    assert "one delivery for each message" in broken(rules)


def test_a_cap_that_was_exceeded_is_found(day):
    FrequencyCap.objects.create(name="One a day", limit=1, window="day")
    assert check()[0] == 0
    another_message(day)

    status, rules = check()

    assert status == 1
    assert "frequency cap “One a day”" in broken(rules)


def test_an_exclusion_that_was_broken_is_found(day):
    other = another_message(day)
    Exclusion.objects.create(
        name="Apart",
        campaign=day.action.campaign,
        excluded_campaign=other.action.campaign,
        days=2,
    )

    status, rules = check()

    assert status == 1
    assert "exclusion “Apart”" in broken(rules)


def test_a_message_without_consent_is_found(day):
    execute(
        "UPDATE segments_customer SET consents = '{}' WHERE id = %(customer)s",
        customer=day.customer_id,
    )

    status, rules = check()

    assert status == 1
    assert broken(rules) == {"consent"}


def test_a_missing_decision_is_found(day):
    execute(
        "DELETE FROM journeys_decision WHERE customer_id = %(customer)s", customer=day.customer_id
    )

    status, rules = check()

    assert status == 1
    assert broken(rules) == {"one decision for each customer and run"}


def test_what_happened_before_the_checked_time_is_not_judged(day):
    execute("DELETE FROM journeys_decision")

    assert check(since=DAY + timedelta(days=1))[0] == 0


def test_the_newest_change_of_a_rule_begins_the_checked_time(day, admin_user):
    cap = FrequencyCap.objects.create(name="One a day", limit=1, window="day")
    execute(
        """
        INSERT INTO django_admin_log
            (action_time, object_id, object_repr, action_flag, change_message, content_type_id,
             user_id)
        SELECT '2026-03-01 08:00+00', %(cap)s, 'cap', 2, '[{}]', id, %(user)s
        FROM django_content_type WHERE app_label = 'campaigns' AND model = 'frequencycap'
        """,
        cap=str(cap.pk), user=admin_user.pk,
    )  # fmt: skip
    now = day.sent_at
    assert default_since(now).isoformat() == "2026-03-01T08:00:00+00:00"
    assert default_since(now + timedelta(days=90)) == now + timedelta(days=60)


def test_a_message_in_quiet_hours_is_found_without_a_lock_time(day):
    QuietHours.objects.create(name="Always", starts_at=time(0), ends_at=time(23, 59, 59))

    status, rules = check()

    assert status == 1
    assert "quiet hours “Always”" in broken(rules)


def test_it_reads_everybody_a_block_at_a_time(day, monkeypatch):
    FrequencyCap.objects.create(name="One a day", limit=1, window="day")
    another_message(day)
    whole = check()
    steps = []
    monkeypatch.setattr(read_evidence, "BLOCK_SIZE", 1)
    monkeypatch.setattr(read_evidence, "PIECE_BITS", 1)
    monkeypatch.setattr(read_evidence, "PIECES", PIECES.replace(">> 8", ">> 1"))
    with CaptureQueriesContext(connection) as queries:
        check_ledger(NOW - timedelta(hours=9), timezone.now(), progress=steps.append)

    assert check() == whole
    assert sum("FROM journeys_contact WHERE as_of" in query["sql"] for query in queries) > 9
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(1)


def test_what_is_decided_while_it_reads_is_not_half_seen(day, monkeypatch, settings):
    """Messages are read before deliveries: without a snapshot this one would be seen by half."""
    read = read_evidence.read_contacts

    def read_then_write(*args):
        contacts = read(*args)
        with psycopg.connect(**connection.get_connection_params() | PLAIN) as other:
            other.execute(
                """
                WITH k AS (
                    INSERT INTO journeys_contact (as_of, reserved_at, customer_id, campaign_id,
                        action_id, channel, tags, takes_slot, arm, is_control, source, key)
                    SELECT as_of, reserved_at, customer_id, campaign_id, action_id, channel, tags,
                           takes_slot, arm, false, source, gen_random_uuid()
                    FROM journeys_contact LIMIT 1 RETURNING *)
                INSERT INTO journeys_delivery (as_of, contact_id, customer_id, action_id, channel,
                    key, status, owner, due_at, attempts)
                SELECT as_of, id, customer_id, action_id, channel, key, 'sent', '', reserved_at, 1
                FROM k
                """
            )
        return contacts

    monkeypatch.setattr(read_evidence, "read_contacts", read_then_write)

    assert check()[0] == 0


def test_a_message_that_failed_and_still_counts_is_found(day):
    execute("UPDATE journeys_delivery SET status = 'failed', reason_code = 41 WHERE id = %(pk)s",
            pk=day.pk)  # fmt: skip

    assert "what will not leave no longer counts" in broken(check()[1])


def test_a_customer_who_is_decided_again_after_a_release_breaks_nothing(day):
    """Never again, and two days later once more: the first message was stopped and released."""
    Campaign.objects.update(repeat_after_days=None, status="paused")
    other = make_campaign(control_share=0, repeat_after_days=None, rank=1)
    make_action(other)
    run_day(DAY + timedelta(days=1), send=False)
    Campaign.objects.filter(pk=other.pk).update(status="paused")
    deliver_messages(now=NOW + timedelta(days=1), owner="a")
    Campaign.objects.filter(pk=other.pk).update(status="active")

    run_day(DAY + timedelta(days=3))

    assert Contact.objects.filter(campaign=other).count() == 40
    status, rules = check()
    assert (status, broken(rules)) == (0, set())
    assert rules["what will not leave no longer counts"]["put_to_test"] == 20

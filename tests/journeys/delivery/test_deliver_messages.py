"""What is checked before a message leaves, and what holds it. Mail goes to memory here."""

import json
from collections import Counter
from datetime import date, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.models import Model

from journeys.delivery import outbox
from journeys.delivery.begin_attempt import begin_attempt
from journeys.delivery.channels import EmailServer, Receipt, SendResult
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.numerics.last_check import Limits
from journeys.delivery.settle_delivery import settle
from journeys.errors import DeliveryNotUnclear
from journeys.models import ChannelRoute, Delivery, ReasonCode
from journeys.tasks import deliver_task
from segments.channels import outbound_channels
from segments.models import Customer, Organisation
from tests.factories import DAY, NOW, make_action, make_campaign, make_contact, make_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def drop(settings, tmp_path):
    settings.FILE_DROP_DIR = tmp_path / "drop"
    return settings.FILE_DROP_DIR


def let_leases_run_out() -> None:
    Delivery.objects.exclude(lease_until=None).update(lease_until=NOW - timedelta(days=365))


def claim(owner: str) -> outbox.Batch:
    batch = outbox.claim_batch("email", "smtp", owner=owner, size=10, now=NOW)
    assert batch
    return batch


REFUSED: dict[ReasonCode, tuple[str, dict[str, Any]]] = {
    ReasonCode.NO_CONSENT: ("customer", {"consents": ["sms"]}),
    ReasonCode.CUSTOMER_SUPPRESSED: ("customer", {"suppressed": True}),
    ReasonCode.CUSTOMER_ERASED: ("customer", {"erased_at": NOW}),
    ReasonCode.NO_ADDRESS: ("customer", {"email": ""}),
    ReasonCode.CAMPAIGN_INACTIVE: ("campaign", {"status": "ended"}),
}
HELD: dict[ReasonCode, tuple[str, dict[str, Any]]] = {
    ReasonCode.CAMPAIGN_PAUSED: ("campaign", {"status": "paused"}),
    ReasonCode.ACTION_INACTIVE: ("action", {"is_active": False}),
}


def change(delivery: Delivery, subject: str, values: dict[str, Any]) -> None:
    rows: dict[str, Model] = {
        "customer": delivery.customer,
        "action": delivery.action,
        "campaign": delivery.action.campaign,
    }
    row = rows[subject]
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


@pytest.mark.parametrize("reason", REFUSED, ids=str)
def test_what_changed_after_the_decision_stops_the_message(reason):
    delivery, other = make_delivery(), make_delivery()
    change(delivery, *REFUSED[reason])

    counts = deliver_messages(now=NOW, owner="a")

    assert counts == {"sent": 1, "failed": 0, "unknown": 0, "suppressed": 1, "new": 0}
    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason_code, delivery.attempts) == ("suppressed", reason, 0)
    assert [message.to for message in mail.outbox] == [[other.customer.email]]


@pytest.mark.parametrize("reason", HELD, ids=str)
def test_what_may_be_taken_back_holds_the_message_until_it_expires(reason):
    delivery, other = make_delivery(expires_at=NOW + timedelta(hours=1)), make_delivery()
    change(delivery, *HELD[reason])

    counts = deliver_messages(now=NOW, owner="a")

    assert counts == {"sent": 1, "failed": 0, "unknown": 0, "suppressed": 0, "new": 1}
    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason_code, delivery.attempts) == ("new", reason, 0)
    assert delivery.due_at > NOW
    assert deliver_messages(now=NOW + timedelta(hours=2), owner="a")["suppressed"] == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason_code) == ("suppressed", reason)
    assert [message.to for message in mail.outbox] == [[other.customer.email]]


def test_a_customer_who_is_gone_gets_nothing():
    delivery = make_delivery()
    Customer.objects.filter(pk=delivery.customer_id)._raw_delete("default")

    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1
    delivery.refresh_from_db()
    assert delivery.reason_code == ReasonCode.CUSTOMER_UNKNOWN


def test_a_campaign_sends_on_its_last_day_and_not_after_it():
    Organisation.objects.update_or_create(pk=1, defaults={"time_zone": "Pacific/Auckland"})
    make_delivery(action=make_action(make_campaign(ends_on=DAY)))
    make_delivery(action=make_action(make_campaign(ends_on=DAY)))

    # Auckland is 13 hours ahead: 10:30 in UTC is 23:30 of the last day there.
    assert deliver_messages(now=NOW.replace(hour=10, minute=30), owner="a", limit=1)["sent"] == 1
    assert deliver_messages(now=NOW.replace(hour=11), owner="a", limit=1)["suppressed"] == 1


def test_a_withdrawal_reaches_messages_that_are_already_claimed(monkeypatch):
    """Consent is checked again for each small group, not when the batch is claimed."""
    monkeypatch.setattr(EmailServer, "group_size", 1)
    first, second = make_delivery(), make_delivery()
    begin = begin_attempt

    def withdraw_meanwhile(batch, ids, **how):
        if ids == [second.pk]:
            Customer.objects.filter(pk=second.customer_id).update(consents=[])
        return begin(batch, ids, **how)

    monkeypatch.setattr("journeys.delivery.deliver_messages.begin_attempt", withdraw_meanwhile)

    assert deliver_messages(now=NOW, owner="a") == {
        "sent": 1,
        "failed": 0,
        "unknown": 0,
        "suppressed": 1,
        "new": 0,
    }
    assert [message.to for message in mail.outbox] == [[first.customer.email]]


def test_the_stop_switch_holds_everything_until_it_is_off(drop):
    make_delivery()
    make_delivery(action=make_action(channel="sms"))
    organisation = Organisation.current()
    organisation.sending_stopped = True
    organisation.save()

    assert not any(deliver_messages(now=NOW, owner="a").values())
    assert not mail.outbox
    assert not drop.exists()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"new"}

    organisation.sending_stopped = False
    organisation.save()
    assert deliver_messages(now=NOW, owner="a")["sent"] == 2


def test_the_stop_switch_holds_what_is_already_claimed(monkeypatch):
    monkeypatch.setattr(EmailServer, "group_size", 1)
    for _ in range(3):
        make_delivery()
    begin = begin_attempt

    def stop_after_the_first(batch, ids, **how):
        begun = begin(batch, ids, **how)
        Organisation.objects.update_or_create(pk=1, defaults={"sending_stopped": True})
        return begun

    monkeypatch.setattr("journeys.delivery.deliver_messages.begin_attempt", stop_after_the_first)

    counts = deliver_messages(now=NOW, owner="a")

    assert (counts["sent"], counts["new"], len(mail.outbox)) == (1, 2, 1)
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {"sent": 1, "new": 2}


def test_a_closed_route_holds_only_its_channel():
    make_delivery()
    waiting = make_delivery(action=make_action(channel="sms"))
    ChannelRoute.objects.update_or_create(
        channel="sms", defaults={"transport": "file_drop", "is_open": False}
    )

    assert deliver_messages(now=NOW, owner="a")["sent"] == 1
    waiting.refresh_from_db()
    assert waiting.status == "new"


def test_every_channel_has_a_route_whether_or_not_its_row_is_there():
    ChannelRoute.objects.all().delete()
    without = {each: ChannelRoute.for_channel(each).transport for each in outbound_channels()}
    import_module("journeys.migrations.0003_default_routes").make_routes(apps, None)

    assert without == dict(ChannelRoute.objects.values_list("channel", "transport"))
    assert without["email"] == "smtp"
    assert set(without.values()) == {"smtp", "file_drop"}


def test_the_mail_server_sends_only_e_mail():
    with pytest.raises(IntegrityError, match="smtp_carries_email"):
        ChannelRoute.objects.update_or_create(channel="sms", defaults={"transport": "smtp"})


def test_a_limit_and_a_channel_bound_one_call():
    for _ in range(3):
        make_delivery()
    make_delivery(action=make_action(channel="push"))

    assert deliver_messages(now=NOW, owner="a", channel="email", limit=2)["sent"] == 2
    assert deliver_messages(now=NOW, owner="a", channel="push")["sent"] == 1
    assert deliver_messages(now=NOW, owner="a")["sent"] == 1


def test_what_was_claimed_and_left_is_taken_over_when_the_lease_ends():
    delivery = make_delivery()
    lost = claim("lost")

    assert not any(deliver_messages(now=NOW, owner="a").values())
    let_leases_run_out()
    assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    # The first worker wakes up: its batch is no longer its own.
    assert begin_attempt(lost, [delivery.pk], now=NOW, limits=Limits()) == ([], Counter())
    assert not outbox.release(lost)
    delivery.refresh_from_db()
    assert delivery.status == "sent"


def test_a_receipt_of_a_worker_whose_lease_ran_out_still_counts():
    delivery = make_delivery()
    slow = claim("slow")
    begin_attempt(slow, [delivery.pk], now=NOW, limits=Limits())
    let_leases_run_out()
    assert deliver_messages(now=NOW, owner="a")["unknown"] == 1

    receipt = Receipt(delivery.pk, SendResult.SENT)
    assert outbox.record_receipts(slow, [receipt], now=NOW) == {"sent": 1}


def test_a_route_that_changes_after_a_crash_does_not_send_again(drop):
    """SMTP may have delivered it: that files could be repeated does not matter."""
    delivery = make_delivery()
    lost = claim("lost")
    begin_attempt(lost, [delivery.pk], now=NOW, limits=Limits())
    let_leases_run_out()
    ChannelRoute.objects.update_or_create(channel="email", defaults={"transport": "file_drop"})

    assert deliver_messages(now=NOW, owner="a")["unknown"] == 1
    assert not drop.exists()


def test_deliveries_of_several_months_leave_together():
    make_delivery(as_of=date(2026, 2, 27))
    make_delivery(as_of=date(2026, 3, 1))

    assert deliver_messages(now=NOW, owner="a")["sent"] == 2


def test_sending_a_hundred_costs_the_queries_of_their_groups(django_assert_max_num_queries):
    action = make_action()
    for _ in range(100):
        make_delivery(action=action)

    # Five groups, twelve statements each, and claims, limits, routes, releases and leftovers.
    with django_assert_max_num_queries(5 * 12 + 47):
        assert deliver_messages(now=NOW, owner="a")["sent"] == 100


@pytest.mark.parametrize(("sent", "status"), [(True, "sent"), (False, "failed")])
def test_a_person_settles_what_is_unclear_once(sent, status):
    delivery = make_delivery(status="unknown")

    settled = settle(delivery, sent=sent, by="ana", at=NOW)

    assert settled.status == status
    assert settled.sent_at == (NOW if sent else None)
    assert settled.reason_params == {"by": "ana"}
    assert settled.reason_text == f"Marked as {'sent' if sent else 'not sent'} by ana."
    with pytest.raises(DeliveryNotUnclear, match=str(delivery.key)):
        settle(delivery, sent=not sent, by="bob", at=NOW)
    assert not any(deliver_messages(now=NOW, owner="a").values())


def test_the_command_prints_its_counts_as_one_object():
    make_delivery()
    printed = StringIO()

    call_command("deliver", "--as-of", "2026-03-01", "--json", stdout=printed)

    counts = json.loads(printed.getvalue().splitlines()[-1])
    assert counts == {"sent": 1, "failed": 0, "unknown": 0, "suppressed": 0, "new": 0}
    assert Delivery.objects.get().sent_at == NOW


@pytest.mark.parametrize(
    "arguments", [("--now", "2026-03-01T09:00"), ("--limit", "-1"), ("--as-of", "1 March")]
)
def test_the_command_names_what_it_cannot_read(arguments):
    name, value = arguments
    with pytest.raises(CommandError, match=f"{name}.*{value}"):
        call_command("deliver", f"{name}={value}")


def test_the_task_says_what_it_did():
    make_delivery()

    assert deliver_task().startswith("1 sent, 0 failed")


def test_writers_need_not_know_the_outbox_columns():
    """Decisions are copied in: what only delivering fills in has defaults in the database."""
    delivery, contact = make_delivery(), make_contact()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journeys_delivery (as_of, contact_id, customer_id, action_id, channel,"
            " key, status, owner, attempts, due_at) SELECT as_of, %s,"
            " customer_id, action_id, channel, gen_random_uuid(), 'new', '', 0, due_at"
            " FROM journeys_delivery WHERE id = %s",
            [contact.pk, delivery.pk],
        )

    assert deliver_messages(now=NOW, owner="a")["sent"] == 2

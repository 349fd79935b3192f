"""E-mail leaves at most once, whichever side dies when. The peer is a real SMTP server."""

import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.core.mail.backends.smtp import EmailBackend
from django.db import OperationalError, connection, transaction
from django_q.exceptions import TimeoutException

from journeys.delivery.channels import EmailServer
from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import Delivery, Reason, ReasonCode
from segments.customers.suppress_addresses import find_suppression
from segments.events.feedback import record_feedback
from segments.models import Customer, Event, Suppression
from tests.factories import NOW, make_action, make_customer, make_delivery
from tests.journeys.smtp_peer import SmtpPeer, running_smtp_peer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def peer(settings):
    with running_smtp_peer() as peer:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", peer.port
        settings.DEFAULT_FROM_EMAIL = "Shop <news@shop.example>"
        yield peer


def make_deliveries(n: int) -> list[Delivery]:
    action = make_action()
    return [make_delivery(action=action) for _ in range(n)]


def statuses() -> dict[str, int]:
    return dict(Counter(Delivery.objects.values_list("status", flat=True)))


def let_leases_run_out() -> None:
    past = NOW - timedelta(days=365)
    Delivery.objects.exclude(lease_until=None).update(lease_until=past)


def let_back_offs_end() -> None:
    Delivery.objects.filter(status="new").update(due_at=NOW)


def test_every_message_arrives_once_as_it_was_written(peer: SmtpPeer):
    action = make_action(
        subject="Hello {{ customer.first_name }}",
        body="Dear {{ customer.first_name }},\n\n{{ offer }}!\n",
    )
    zoë = make_customer(first_name="Zoë", email="zoe@example.com")
    delivery = make_delivery(zoë, action)
    make_deliveries(44)

    counts = deliver_messages(now=NOW, owner="a")
    again = deliver_messages(now=NOW, owner="a")

    assert counts == {"sent": 45, "failed": 0, "unknown": 0, "suppressed": 0, "new": 0}
    assert not any(again.values())
    assert len(peer.taken) == 45
    assert set(peer.times_taken.values()) == {1}
    [message] = [message for recipient, message in peer.taken if recipient == "zoe@example.com"]
    assert message["Message-ID"] == f"<{delivery.key}@shop.example>"
    assert message["Subject"] == "Hello Zoë"
    assert message["Date"] == "Sun, 01 Mar 2026 09:00:00 +0000"
    assert message["List-Unsubscribe"] is None
    assert message.get_content().splitlines() == ["Dear Zoë,", "", "10 % off!"]
    delivery.refresh_from_db()
    assert (delivery.sent_at, delivery.attempts) == (NOW, 1)


def test_html_is_sent_with_the_text_and_its_values_escaped(peer: SmtpPeer):
    action = make_action(
        body="Dear {{ customer.first_name }}", html="<p>Dear {{ customer.first_name }}</p>"
    )
    make_delivery(make_customer(first_name="Zoë <b>"), action)

    assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    [(_recipient, message)] = peer.taken
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()  # the last is preferred (RFC 2046, 5.1.4)
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().strip() == "Dear Zoë <b>"
    assert html.get_content().strip() == "<p>Dear Zoë &lt;b&gt;</p>"


def test_the_server_never_hears_of_who_withdrew_after_the_decision(peer: SmtpPeer):
    stays, withdrew = make_deliveries(2)
    Customer.objects.filter(pk=withdrew.customer_id).update(consents=[])

    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1

    assert peer.recipients == [stays.customer.email]


def test_only_the_refused_recipient_fails(peer: SmtpPeer):
    _first, refused, later, _last = make_deliveries(4)
    peer.replies = {
        refused.customer.email: "550 no such mailbox",
        later.customer.email: "451 try again later",
    }

    counts = deliver_messages(now=NOW, owner="a")

    assert counts == {"sent": 2, "failed": 1, "unknown": 0, "suppressed": 0, "new": 1}
    refused.refresh_from_db()
    later.refresh_from_db()
    assert refused.status == "failed"
    assert refused.reason == Reason(ReasonCode.ADDRESS_REFUSED, {"answer": "550 no such mailbox"})
    assert (later.status, later.attempts) == ("new", 1)


def test_a_recipient_who_is_always_put_off_fails_after_five_attempts(peer: SmtpPeer):
    [delivery] = make_deliveries(1)
    peer.replies = {delivery.customer.email: "451 try again later"}

    n_tries = 0
    while Delivery.objects.get().status == "new":
        at_once = deliver_messages(now=NOW, owner="a")
        assert not any(deliver_messages(now=NOW, owner="a").values())  # the back-off holds
        n_tries += 1
        let_back_offs_end()

    assert n_tries == 5
    assert at_once["failed"] == 1
    reason = Delivery.objects.get().reason
    assert reason == Reason(ReasonCode.NOT_TAKEN, {"answer": "451 try again later"})


def test_an_address_that_the_server_refuses_is_written_to_no_more(peer: SmtpPeer):
    gone, _other = make_deliveries(2)
    peer.replies = {gone.customer.email: "550 no such mailbox"}
    deliver_messages(now=NOW, owner="a")
    again = make_delivery(gone.customer)

    assert deliver_messages(now=NOW + timedelta(hours=1), owner="a")["suppressed"] == 1

    event = Event.objects.get()
    assert (event.customer_id, event.kind, event.occurred_at) == (gone.customer_id, "bounce", NOW)
    assert event.properties == {
        "channel": "email",
        "hard": True,
        "campaign": gone.action.campaign_id,
        "action": gone.action_id,
        "delivery": str(gone.key),
    }
    assert find_suppression("email", gone.customer.email)
    assert Suppression.objects.get().reason == Suppression.Reason.BOUNCE
    again.refresh_from_db()
    assert again.reason_code == ReasonCode.ADDRESS_SUPPRESSED


def test_a_bounce_that_cannot_be_stored_is_listed_and_ends_nothing_else(
    peer: SmtpPeer, monkeypatch, caplog
):
    """Its delivery is not reported as settled without it; the other message and channel go on."""
    gone, other = make_deliveries(2)
    text = make_delivery(action=make_action(channel="sms"))
    peer.replies = {gone.customer.email: "550 no such mailbox"}

    def fail(*arguments, **how):
        record_feedback(*arguments, **how)
        raise OperationalError("deadlock detected")

    monkeypatch.setattr("journeys.delivery.report_bounces.record_feedback", fail)
    counts = deliver_messages(now=NOW, owner="a")

    assert counts["sent"] == 2
    deliveries = Delivery.objects.in_bulk([gone.pk, other.pk, text.pk])
    assert [deliveries[row.pk].status for row in (gone, other, text)] == [
        "attempting",
        "sent",
        "sent",
    ]
    assert str(gone.key) in caplog.text
    assert gone.customer.email not in caplog.text
    assert not Event.objects.exists()
    let_leases_run_out()
    assert deliver_messages(now=NOW + timedelta(hours=1), owner="a")["unknown"] == 1
    assert peer.recipients == [other.customer.email]


def test_a_worker_that_dies_before_a_bounce_is_stored_leaves_its_delivery_unclear(
    peer: SmtpPeer, monkeypatch
):
    gone, other = make_deliveries(2)
    peer.replies = {gone.customer.email: "550 no such mailbox"}

    def die(*arguments, **how):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("journeys.delivery.report_bounces.record_feedback", die)
        with pytest.raises(SystemExit):
            deliver_messages(now=NOW, owner="a")

    deliveries = Delivery.objects.in_bulk([gone.pk, other.pk])
    assert [deliveries[row.pk].status for row in (gone, other)] == ["attempting", "sent"]


def test_a_server_that_refuses_us_suppresses_nobody(peer: SmtpPeer):
    deliveries = make_deliveries(2)
    replies = ("550 5.7.1 your address is on a block list", "550 relaying denied")
    peer.replies = {
        row.customer.email: reply for row, reply in zip(deliveries, replies, strict=True)
    }

    assert deliver_messages(now=NOW, owner="a")["failed"] == 2

    assert not Event.objects.exists()
    assert not Suppression.objects.exists()


def test_a_task_that_is_cut_off_loses_what_was_on_its_way_and_no_more(peer: SmtpPeer, monkeypatch):
    """The queue ends a task that is too long by an exception, wherever it is just then."""
    make_deliveries(50)
    send = EmailBackend.send_messages

    def cut_off_at_the_fourth(self, messages):
        if len(peer.taken) == 3:
            raise TimeoutException
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", cut_off_at_the_fourth)
    with pytest.raises(TimeoutException):
        deliver_messages(now=NOW, owner="cut off")
    assert statuses() == {"sent": 3, "attempting": 1, "new": 16, "claimed": 30}

    monkeypatch.undo()
    let_leases_run_out()
    deliver_messages(now=NOW, owner="a")

    assert statuses() == {"sent": 49, "unknown": 1}
    assert len(peer.taken) == 49
    assert set(peer.times_taken.values()) == {1}


def test_a_worker_whose_time_is_up_leaves_between_two_groups(peer: SmtpPeer):
    make_deliveries(50)

    counts = deliver_messages(now=NOW, owner="a", has_time=lambda: len(peer.taken) < 30)

    assert (counts["sent"], counts["new"]) == (40, 10)  # groups of 20
    assert statuses() == {"sent": 40, "new": 10}
    assert deliver_messages(now=NOW, owner="b")["sent"] == 10


def test_many_messages_of_a_channel_do_not_hold_up_another_one(
    peer: SmtpPeer, monkeypatch, settings, tmp_path
):
    settings.FILE_DROP_DIR = tmp_path
    monkeypatch.setattr(EmailServer, "batch_size", 10)
    make_deliveries(30)
    make_delivery(action=make_action(channel="sms"))

    deliver_messages(now=NOW, owner="a", has_time=lambda: len(peer.taken) < 20)

    assert list(Delivery.objects.filter(channel="sms").values_list("status")) == [("sent",)]
    assert len(peer.taken) == 20


def test_a_server_that_hangs_up_after_five_messages_gets_the_others_by_new_connections(
    peer: SmtpPeer,
):
    make_deliveries(12)
    peer.messages_per_connection = 5

    counts = deliver_messages(now=NOW, owner="a")

    # The sixth and the twelfth hear the goodbye and come later.
    assert (counts["sent"], counts["new"]) == (10, 2)
    assert statuses() == {"sent": 10, "new": 2}
    let_back_offs_end()
    deliver_messages(now=NOW, owner="a")
    assert statuses() == {"sent": 12}
    assert set(peer.times_taken.values()) == {1}


def test_a_message_is_unclear_when_the_server_dies_after_taking_it(peer: SmtpPeer):
    deliveries = make_deliveries(30)
    peer.after_taking = lambda n, server: server.transport.abort() if n == 8 else None

    deliver_messages(now=NOW, owner="a")
    let_leases_run_out()
    deliver_messages(now=NOW, owner="a")

    assert statuses() == {"sent": 29, "unknown": 1}
    assert [row.pk for row in Delivery.objects.unsettled()] == [deliveries[7].pk]
    assert len(peer.taken) == 30
    assert set(peer.times_taken.values()) == {1}


def test_messages_wait_while_no_server_answers_and_fail_after_five_attempts(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    make_deliveries(3)

    for attempt in range(1, 5):
        assert deliver_messages(now=NOW, owner="a")["new"] == 3
        assert set(Delivery.objects.values_list("status", "attempts")) == {("new", attempt)}
        assert not any(deliver_messages(now=NOW, owner="a").values())  # the back-off holds
        let_back_offs_end()

    assert deliver_messages(now=NOW, owner="a")["failed"] == 3
    assert "refused" in Delivery.objects.latest("pk").reason_text


def test_two_workers_at_once_send_nothing_twice(peer: SmtpPeer, monkeypatch):
    monkeypatch.setattr(EmailServer, "batch_size", 15)
    make_deliveries(120)
    start, counts = threading.Barrier(2), {}

    def work(owner: str) -> None:
        try:
            start.wait()
            counts[owner] = deliver_messages(now=NOW, owner=owner)["sent"]
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[owner]) for owner in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(counts.values()) == len(peer.taken) == 120
    assert min(counts.values()) > 0
    assert set(peer.times_taken.values()) == {1}


def test_the_attempt_cannot_be_part_of_a_larger_transaction(peer: SmtpPeer):
    make_deliveries(1)

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        deliver_messages(now=NOW, owner="a")

    assert not peer.taken


WORKER = """
import sys
import django
django.setup()
from datetime import datetime
from django.conf import settings
from django.db import connection
from journeys.models import Delivery
from journeys.delivery import deliver_messages as delivering
from journeys.delivery.deliver_messages import deliver_messages

name, port, now, variant = sys.argv[1:]
connection.settings_dict["NAME"] = name
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(port)
settings.DEFAULT_FROM_EMAIL = "Shop <news@shop.example>"

if variant == "attempt not written down":
    begin = delivering.begin_attempt

    def forget(batch, ids, **how):
        found = begin(batch, ids, **how)
        Delivery.objects.filter(batch=batch.id, status="attempting").update(status="claimed")
        return found

    delivering.begin_attempt = forget

deliver_messages(now=datetime.fromisoformat(now), owner="killed")
"""


def kill_a_worker_after(n_taken: int, peer: SmtpPeer, *, variant: str) -> None:
    """Run a worker in a process of its own; kill -9 once the server has taken so many messages."""
    name = connection.settings_dict["NAME"]
    command = [sys.executable, "-c", WORKER, name, str(peer.port), NOW.isoformat(), variant]
    process = subprocess.Popen(command)
    peer.after_taking = lambda n, server: process.kill() if n == n_taken else None
    assert process.wait(timeout=60) == -9


def test_what_a_killed_worker_was_sending_is_listed_and_never_sent_again(peer: SmtpPeer):
    make_deliveries(50)

    kill_a_worker_after(27, peer, variant="")

    # Two groups of 20: the first is written down, the second is unclear; ten were not touched.
    assert statuses() == {"sent": 20, "attempting": 20, "claimed": 10}
    assert not any(deliver_messages(now=NOW, owner="a").values())  # the leases hold

    let_leases_run_out()
    counts = deliver_messages(now=NOW, owner="a")
    assert (counts["sent"], counts["unknown"]) == (10, 20)
    let_leases_run_out()
    deliver_messages(now=NOW, owner="a")

    assert statuses() == {"sent": 30, "unknown": 20}
    assert len(peer.taken) == 27 + 10
    assert set(peer.times_taken.values()) == {1}


@pytest.mark.parametrize("variant", ["attempt not written down", "repeated as if SMTP knew keys"])
def test_a_wrong_order_of_things_would_be_seen_as_a_double(peer: SmtpPeer, monkeypatch, variant):
    """The negative control of the test above: the same story with the ledger kept wrongly."""
    make_deliveries(50)

    kill_a_worker_after(27, peer, variant=variant)
    if variant == "repeated as if SMTP knew keys":
        monkeypatch.setattr(EmailServer, "takes_key", True)
    let_leases_run_out()
    deliver_messages(now=NOW, owner="a")

    assert max(peer.times_taken.values()) == 2

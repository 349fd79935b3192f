"""One effect a key, whichever side dies when. The peer is a real HTTP server."""

import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, time, timedelta, timezone
from time import sleep

import pytest
from django.db import connection
from standardwebhooks import Webhook

from campaigns.models import QuietHours
from journeys.delivery.channels.in_flight import MAX_FAILURES, N_THREADS
from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import ChannelRoute, Delivery, Reason, ReasonCode, RouteMinute, WebhookEndpoint
from tests.factories import NOW, make_action, make_campaign, make_customer, make_delivery
from tests.journeys.http_peer import OK, HttpPeer, running_http_peer
from tests.journeys.routes import (
    SECRET,
    let_time_pass,
    make_deliveries,
    make_endpoint,
    route,
    statuses,
)

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture
def peer(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    with running_http_peer() as peer:
        route("sms", "webhook", endpoint=make_endpoint(f"{peer.url}/in?a=b", timeout_seconds=2))
        yield peer


def test_every_message_arrives_once_signed_and_with_its_key(peer: HttpPeer):
    campaign = make_campaign(name="Spring, early")
    action = make_action(
        campaign, name="Text", channel="sms", subject="", body="Hi {{ customer.first_name }}"
    )
    zoë = make_customer(external_id="A-1", first_name="Zoë", phone="+49 170 1")
    delivery = make_delivery(zoë, action)
    make_deliveries(59)
    now = datetime.now(timezone(timedelta(hours=5)))  # the peer looks at its own clock

    counts = deliver_messages(now=now, owner="a")

    assert counts == {"sent": 60, "failed": 0, "unknown": 0, "suppressed": 0, "new": 0}
    assert set(peer.times_taken.values()) == {1}
    assert peer.times_taken.keys() == {str(row.key) for row in Delivery.objects.all()}
    for taken in peer.taken:
        assert Webhook(SECRET).verify(taken.body, taken.headers) == taken.json
        assert taken.headers["webhook-id"] == taken.key == taken.json["data"]["key"]
        assert int(taken.headers["webhook-timestamp"]) == int(now.timestamp())
        assert taken.headers["host"] == f"127.0.0.1:{peer.port}"
    assert {taken.path for taken in peer.taken} == {"/in?a=b"}
    [first] = [taken.json for taken in peer.taken if taken.key == str(delivery.key)]
    assert first == {
        "type": "message.send",
        "data": {
            "key": str(delivery.key),
            "day": "2026-03-01",
            "channel": "sms",
            "customer_id": "A-1",
            "address": "+49 170 1",
            "campaign": "Spring, early",
            "action": "Text",
            "offer": "10 % off",
            "subject": "",
            "text": "Hi Zoë",
            "html": "",
        },
    }
    assert peer.n_connections <= N_THREADS  # kept open


def test_a_slow_peer_gets_eight_at_a_time(peer: HttpPeer):
    together = threading.Barrier(N_THREADS)

    def wait_for_the_others(n, taken):
        together.wait(timeout=10)
        return OK

    peer.reply = wait_for_the_others
    make_deliveries(2 * N_THREADS)

    assert deliver_messages(now=NOW, owner="a")["sent"] == 2 * N_THREADS
    assert peer.most_at_once == N_THREADS


def answer_one(peer: HttpPeer, status: int, headers: dict[str, str] | None = None) -> Delivery:
    [delivery] = make_deliveries(1)
    peer.reply = lambda n, taken: (status, headers or {}, b"said so")
    deliver_messages(now=NOW, owner="a")
    delivery.refresh_from_db()
    return delivery


@pytest.mark.parametrize("status", [400, 402, 413, 422, 451])
def test_a_refused_message_fails(peer: HttpPeer, status):
    delivery = answer_one(peer, status)

    assert delivery.status == "failed"
    answer = {"answer": f"HTTP {status} said so"}
    assert delivery.reason == Reason(ReasonCode.MESSAGE_REFUSED, answer)


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 408, 410, 425, 429])
def test_what_says_nothing_of_the_message_makes_it_wait(peer: HttpPeer, status):
    delivery = answer_one(peer, status, {"Location": f"{peer.url}/elsewhere", "Retry-After": "9"})

    assert (delivery.status, delivery.attempts) == ("new", 1)
    assert len(peer.taken) == 1  # a redirect is not followed


@pytest.mark.parametrize("status", [409, 500, 502, 503, 504])
def test_what_may_have_been_taken_is_repeated_under_its_key(peer: HttpPeer, status):
    delivery = answer_one(peer, status)
    assert (delivery.status, delivery.attempts) == ("attempting", 1)
    assert not any(deliver_messages(now=NOW, owner="a").values())  # the back-off holds

    peer.reply = lambda n, taken: OK
    let_time_pass()
    assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    first, second = peer.taken
    assert (first.key, first.body) == (second.key, second.body)


def test_what_stays_unclear_five_times_is_unknown_and_not_failed(peer: HttpPeer):
    answer_one(peer, 500)
    for _ in range(4):
        let_time_pass()
        counts = deliver_messages(now=NOW, owner="a")

    assert counts["unknown"] == 1
    assert len(peer.taken) == 5
    let_time_pass()
    assert not any(deliver_messages(now=NOW, owner="a").values())


@pytest.mark.parametrize(("hours", "status", "n_taken"), [(23, "sent", 2), (25, "unknown", 1)])
def test_a_key_that_may_be_forgotten_is_not_repeated(peer: HttpPeer, hours, status, n_taken):
    delivery = answer_one(peer, 500)
    peer.reply = lambda n, taken: OK

    deliver_messages(now=NOW + timedelta(hours=hours), owner="a")

    delivery.refresh_from_db()
    assert (delivery.status, len(peer.taken)) == (status, n_taken)


@pytest.mark.parametrize("then", [400, 429])
def test_a_repeat_that_is_refused_says_nothing_of_the_first(peer: HttpPeer, then):
    delivery = answer_one(peer, 500)
    let_time_pass()
    peer.reply = lambda n, taken: (then, {}, b"")

    deliver_messages(now=NOW, owner="a")

    delivery.refresh_from_db()
    assert delivery.status == {400: "unknown", 429: "attempting"}[then]


def quiet_from(hour: int) -> None:
    QuietHours.objects.create(name="Night", starts_at=time(hour), ends_at=time(20))


def test_a_repeat_keeps_quiet_hours(peer: HttpPeer):
    """It may not have arrived the first time: then it would arrive now."""
    delivery = answer_one(peer, 500)
    peer.reply = lambda n, taken: OK
    quiet_from(hour=10)

    held = deliver_messages(now=NOW.replace(hour=10, minute=30), owner="a")

    delivery.refresh_from_db()
    assert (held["new"], len(peer.taken)) == (1, 1)
    assert (delivery.status, delivery.attempts) == ("attempting", 1)
    assert delivery.due_at == NOW.replace(hour=20)
    assert deliver_messages(now=NOW.replace(hour=20), owner="a")["sent"] == 1


def test_a_repeat_that_would_come_too_late_is_unknown(peer: HttpPeer):
    delivery = answer_one(peer, 500)
    Delivery.objects.update(expires_at=NOW.replace(hour=19))
    quiet_from(hour=10)

    deliver_messages(now=NOW.replace(hour=10, minute=30), owner="a")

    delivery.refresh_from_db()
    assert (delivery.status, len(peer.taken)) == ("unknown", 1)


def test_a_repeat_goes_where_the_first_went_whatever_the_route_says_now(peer: HttpPeer):
    delivery = answer_one(peer, 500)
    peer.reply = lambda n, taken: OK
    let_time_pass()
    with running_http_peer() as other:
        route("sms", "webhook", endpoint=make_endpoint(other.url))
        deliver_messages(now=NOW, owner="a")
        assert not other.taken

    delivery.refresh_from_db()
    assert delivery.status == "sent"
    assert peer.times_taken == {str(delivery.key): 2}


@pytest.mark.parametrize(
    ("status", "headers"), [(429, {}), (503, {"Retry-After": "60"}), (404, {}), (302, {})]
)
def test_a_peer_that_wants_no_more_gets_no_more(peer: HttpPeer, status, headers):
    make_deliveries(45)
    peer.reply = lambda n, taken: (status, headers, b"")

    counts = deliver_messages(now=NOW, owner="a")

    assert counts["new"] == 45
    assert len(peer.taken) <= N_THREADS
    attempts = Delivery.objects.filter(attempts=1).count()
    assert attempts == len(peer.taken)  # the others were not touched


def test_failures_in_a_row_open_the_circuit(peer: HttpPeer):
    make_deliveries(45)
    peer.reply = lambda n, taken: (500, {}, b"")

    deliver_messages(now=NOW, owner="a")

    assert MAX_FAILURES <= len(peer.taken) < MAX_FAILURES + N_THREADS
    assert statuses() == {"attempting": len(peer.taken), "new": 45 - len(peer.taken)}


def test_failures_now_and_then_do_not(peer: HttpPeer):
    make_deliveries(45)
    peer.reply = lambda n, taken: (500, {}, b"") if n % 12 == 0 else OK

    assert deliver_messages(now=NOW, owner="a")["sent"] == 42
    assert statuses() == {"sent": 42, "attempting": 3}


def cut(n, taken):
    raise ConnectionResetError


def drip(n, taken):
    sleep(4)
    return OK


@pytest.mark.parametrize("misbehave", [cut, drip])
def test_no_answer_is_unclear(peer: HttpPeer, misbehave):
    [delivery] = make_deliveries(1)
    peer.reply = misbehave

    deliver_messages(now=NOW, owner="a")

    delivery.refresh_from_db()
    assert delivery.status == "attempting"
    assert delivery.reason_code == ReasonCode.UNCLEAR_ANSWER
    assert delivery.reason_params["answer"].startswith("There was no answer")


def test_a_peer_that_nobody_runs_makes_messages_wait(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        endpoint = make_endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}")
        route("sms", "webhook", endpoint=endpoint)
        make_deliveries(12)

        counts = deliver_messages(now=NOW, owner="a")

    assert counts["new"] == 12
    delivery = Delivery.objects.exclude(reason_code=None).latest("pk")
    assert delivery.reason_code == ReasonCode.UNREACHABLE
    assert "There was no connection" in delivery.reason_text


def test_no_connection_is_made_to_a_private_address(peer: HttpPeer, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    make_deliveries(3)

    assert deliver_messages(now=NOW, owner="a")["new"] == 3

    assert peer.n_connections == 0
    assert "private network" in Delivery.objects.latest("pk").reason_text


def test_messages_wait_while_their_endpoint_is_not_active(peer: HttpPeer):
    """As behind a closed route: no attempt is counted, and what expires is too late."""
    make_deliveries(2)
    late, delivery = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=late.pk).update(expires_at=NOW + timedelta(hours=5))
    WebhookEndpoint.objects.update(is_active=False)

    for hours in range(12):
        counts = deliver_messages(now=NOW + timedelta(hours=hours), owner="a")
        assert (counts["new"], counts["suppressed"]) == ((2, 0) if hours <= 5 else (1, hours == 6))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.due_at) == ("new", 0, NOW)
    assert delivery.reason_code == ReasonCode.ENDPOINT_INACTIVE

    WebhookEndpoint.objects.update(is_active=True)
    counts = deliver_messages(now=NOW + timedelta(hours=12), owner="a")
    assert (counts["sent"], counts["suppressed"]) == (1, 0)


@pytest.mark.parametrize("is_active", [False, True])
def test_an_old_endpoint_that_is_gone_holds_up_nobody(peer: HttpPeer, is_active):
    """What is unclear there waits for its repeat; what goes to the new one leaves at once."""
    unclear = answer_one(peer, 500)
    gone = WebhookEndpoint.objects.get()
    # Its name is found nowhere (RFC 2606), or it is switched off: either is known before a message.
    WebhookEndpoint.objects.update(url="http://gone.invalid/", is_active=is_active)
    with running_http_peer() as other:
        route("sms", "webhook", endpoint=make_endpoint(other.url))
        make_deliveries(3)
        later = NOW + timedelta(minutes=5)

        counts = deliver_messages(now=later, owner="a")

        assert (counts["sent"], counts["new"], len(other.taken)) == (3, 1, 3)
    unclear.refresh_from_db()
    assert (unclear.status, unclear.attempts, unclear.peer_id) == ("attempting", 1, gone.pk)
    assert unclear.due_at > later  # the next call does not ask there at once
    WebhookEndpoint.objects.filter(pk=gone.pk).update(url=f"{peer.url}/", is_active=True)
    peer.reply = lambda n, taken: OK
    assert deliver_messages(now=unclear.due_at, owner="a")["sent"] == 1


def repeats_of(peer: HttpPeer, *sizes: int) -> None:
    """Batches that come due for their repeat together."""
    peer.reply = lambda n, taken: (409, {}, b"")
    for size in sizes:
        make_deliveries(size)
        deliver_messages(now=NOW, owner="a")
    assert statuses() == {"attempting": sum(sizes)}
    peer.taken.clear()
    peer.reply = lambda n, taken: OK
    let_time_pass()


def test_repeats_keep_the_throttle(peer: HttpPeer):
    repeats_of(peer, 6, 6)
    ChannelRoute.objects.filter(channel="sms").update(max_per_minute=10)
    make_deliveries(2)

    sent = []
    for seconds in (0, 30, 60, 120):
        deliver_messages(now=NOW + timedelta(seconds=seconds), owner="a")
        sent.append(len(peer.taken))

    # The second batch has no room in the first minute: none of it leaves. What is new has.
    assert sent == [8, 8, 14, 14]
    assert statuses() == {"sent": 14}
    minutes = RouteMinute.objects.order_by("minute").values_list("n_messages", flat=True)
    assert list(minutes) == [8, 6]


def test_a_repeat_larger_than_a_lowered_limit_leaves_in_a_minute_of_its_own(peer: HttpPeer):
    repeats_of(peer, 6)
    ChannelRoute.objects.filter(channel="sms").update(max_per_minute=4)
    RouteMinute.objects.create(channel="sms", minute=NOW, n_messages=1)

    assert deliver_messages(now=NOW, owner="a")["sent"] == 0
    assert deliver_messages(now=NOW + timedelta(minutes=1), owner="a")["sent"] == 6
    assert RouteMinute.objects.get(minute=NOW + timedelta(minutes=1)).n_messages == 6


def test_the_secret_and_the_names_are_in_no_log_and_in_no_reason(peer: HttpPeer, caplog):
    caplog.set_level(0)
    answer_one(peer, 500)

    assert SECRET not in caplog.text
    assert "Anna" not in caplog.text


WORKER = """
import sys
import django
django.setup()
from datetime import datetime
from django.conf import settings
from django.db import connection
from journeys.delivery.deliver_messages import deliver_messages

name, now = sys.argv[1:]
connection.settings_dict["NAME"] = name
settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
deliver_messages(now=datetime.fromisoformat(now), owner="killed")
"""


def kill_a_worker_after(n_taken: int, peer: HttpPeer) -> None:
    """Run a worker in a process of its own; kill -9 once the peer has taken so many messages."""
    name = connection.settings_dict["NAME"]
    process = subprocess.Popen([sys.executable, "-c", WORKER, name, NOW.isoformat()])

    def kill(n, taken):
        if n == n_taken:
            process.kill()
        return OK

    peer.reply = kill
    assert process.wait(timeout=60) == -9
    peer.reply = lambda n, taken: OK


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_worker_was_sending_has_one_effect(peer: HttpPeer):
    make_deliveries(100)

    kill_a_worker_after(60, peer)
    let_time_pass()
    deliver_messages(now=NOW, owner="a")

    assert statuses() == {"sent": 100}
    assert len(peer.times_taken) == 100  # one effect a key …
    assert max(peer.times_taken.values()) >= 2  # … though some were repeated
    bodies = {taken.key: taken.body for taken in peer.taken}
    assert all(taken.body == bodies[taken.key] for taken in peer.taken)


def test_a_message_is_signed_for_the_moment_in_any_zone(peer: HttpPeer):
    """The library takes the wall clock of any zone for UTC's."""
    make_deliveries(1)

    deliver_messages(now=NOW.astimezone(timezone(timedelta(hours=-9))), owner="a")

    [taken] = peer.taken
    signed = Webhook(SECRET).sign(taken.key, NOW.astimezone(UTC), taken.body.decode())
    assert taken.headers["webhook-signature"] == signed

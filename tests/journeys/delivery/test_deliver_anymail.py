"""E-mail by a provider leaves at most once. The peer is a server that answers as Postmark does."""

import json
import socket
from datetime import timedelta

import pytest
from requests.exceptions import ConnectTimeout

from journeys.delivery import outbox
from journeys.delivery.channels.anymail import ServiceProvider
from journeys.delivery.channels.in_flight import N_THREADS
from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import Delivery
from segments.customers.suppress_addresses import find_suppression
from segments.models import Customer, Event
from tests.factories import NOW, make_action, make_campaign, make_customer, make_delivery
from tests.journeys.http_peer import HttpPeer, Reply, Taken, running_http_peer
from tests.journeys.routes import let_time_pass, make_deliveries, route, statuses

pytestmark = pytest.mark.django_db
ADDRESS = "anna@example.com"
TOKEN = "a-token-that-nobody-may-see"


def taken_by_postmark(n: int, taken: Taken) -> Reply:
    answer = {"ErrorCode": 0, "Message": "OK", "MessageID": f"m{n}", "To": taken.json["To"]}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


@pytest.fixture
def peer(settings):
    with running_http_peer() as peer:
        peer.reply = taken_by_postmark
        settings.ANYMAIL_ESP = "postmark"
        settings.ANYMAIL = {
            "POSTMARK_SERVER_TOKEN": TOKEN,
            "POSTMARK_API_URL": f"{peer.url}/",
            "REQUESTS_TIMEOUT": 10,
        }
        settings.DEFAULT_FROM_EMAIL = "Shop <news@shop.example>"
        route("email", "anymail")
        yield peer


def refused_by_postmark(code: int, words: str) -> Reply:
    answer = {"ErrorCode": code, "Message": words}
    return 422, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def test_every_message_is_handed_over_once_with_its_key(peer: HttpPeer):
    campaign = make_campaign(name="Früh im Jahr!")
    action = make_action(campaign, subject="Hello", body="Dear you", html="<p>Dear you</p>")
    anna = make_customer(email="anna@example.com")
    delivery = make_delivery(anna, action)
    make_deliveries(29, "email")

    assert deliver_messages(now=NOW, owner="a")["sent"] == 30
    assert not any(deliver_messages(now=NOW, owner="a").values())

    addresses = [taken.json["To"] for taken in peer.taken]
    assert len(set(addresses)) == len(addresses) == 30
    [first] = [taken for taken in peer.taken if taken.json["To"] == "anna@example.com"]
    assert first.headers["x-postmark-server-token"] == TOKEN
    assert first.json["Metadata"] == {"delivery": str(delivery.key), "day": "2026-03-01"}
    assert first.json["Tag"] == "fruh-im-jahr"
    assert first.json["From"] == "Shop <news@shop.example>"
    assert (first.json["Subject"], first.json["TextBody"]) == ("Hello", "Dear you")
    assert first.json["HtmlBody"] == "<p>Dear you</p>"
    assert peer.n_connections <= N_THREADS


def deliver_one(peer: HttpPeer, reply: Reply) -> Delivery:
    delivery = make_delivery(make_customer(email=ADDRESS))
    peer.reply = lambda n, taken: reply
    deliver_messages(now=NOW, owner="a")
    delivery.refresh_from_db()
    return delivery


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (
            refused_by_postmark(
                406, f"Found inactive addresses: {ADDRESS}.\nInactive recipients are"
            ),
            "failed",
        ),
        (
            refused_by_postmark(300, f"Error parsing 'To': Illegal email address '{ADDRESS}'."),
            "failed",
        ),
        ((400, {}, b"said so"), "failed"),
        ((401, {}, b"said so"), "new"),
        ((402, {}, b"said so"), "new"),
        ((408, {}, b"said so"), "new"),
        ((429, {}, b"said so"), "new"),
        ((503, {"Retry-After": "9"}, b"said so"), "new"),
        ((500, {}, b"said so"), "unknown"),
        ((502, {}, b"said so"), "unknown"),
        ((200, {}, b"<html>said so"), "unknown"),
        ((200, {}, b"[]"), "unknown"),
    ],
)
def test_what_the_provider_says_decides(peer: HttpPeer, reply, status):
    delivery = deliver_one(peer, reply)

    assert delivery.status == status
    assert delivery.reason_text
    assert TOKEN not in delivery.reason_text
    if status == "unknown":
        let_time_pass()
        assert not any(deliver_messages(now=NOW + timedelta(days=2), owner="a").values())
        assert len(peer.taken) == 1  # never by itself again


def test_an_address_that_the_provider_refuses_bounces(peer: HttpPeer):
    words = f"Found inactive addresses: {ADDRESS}.\nInactive recipients are"
    refused = deliver_one(peer, refused_by_postmark(406, words))
    assert find_suppression("email", ADDRESS)
    deliver_one(peer, (400, {}, b"said so"))  # says nothing of the address

    [event] = Event.objects.all()
    assert (event.customer_id, event.properties["hard"]) == (refused.customer_id, True)


def test_no_answer_is_unclear_and_closes_the_session(peer: HttpPeer):
    make_deliveries(45, "email")

    def cut(n, taken):
        raise ConnectionResetError

    peer.reply = cut
    deliver_messages(now=NOW, owner="a")

    counts = statuses()
    assert 1 <= counts["unknown"] <= N_THREADS
    assert counts["new"] == 45 - counts["unknown"]


def test_a_provider_that_cannot_be_reached_makes_messages_wait(settings, peer):
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        settings.ANYMAIL["POSTMARK_API_URL"] = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        make_deliveries(3, "email")
        assert deliver_messages(now=NOW, owner="a")["new"] == 3

    assert TOKEN not in Delivery.objects.latest("pk").reason_text


def test_a_connection_that_is_not_made_in_time_never_left(peer: HttpPeer, monkeypatch):
    def time_out(*args, **kwargs):
        raise ConnectTimeout

    monkeypatch.setattr("requests.Session.request", time_out)
    make_deliveries(1, "email")

    assert deliver_messages(now=NOW, owner="a")["new"] == 1


def test_an_unset_provider_makes_messages_wait(settings):
    route("email", "anymail")
    settings.ANYMAIL_ESP = ""
    make_deliveries(1, "email")
    assert deliver_messages(now=NOW, owner="a")["new"] == 1
    assert "ANYMAIL_ESP" in Delivery.objects.get().reason_text

    settings.ANYMAIL_ESP, settings.ANYMAIL = "postmark", {}
    for _ in range(6):  # more than attempts there are
        let_time_pass()
        assert deliver_messages(now=NOW, owner="a")["new"] == 1
    assert Delivery.objects.get().attempts == 0
    assert "POSTMARK_SERVER_TOKEN" in Delivery.objects.get().reason_text


def test_an_invalid_address_holds_only_its_message(peer: HttpPeer):
    make_delivery(make_customer(email="a@example.com, b@example.com"))
    make_deliveries(1, "email")

    counts = deliver_messages(now=NOW, owner="a")

    assert (counts["sent"], counts["suppressed"], len(peer.taken)) == (1, 1, 1)


def test_who_withdrew_after_the_decision_is_not_named_to_the_provider(peer: HttpPeer):
    stays, withdrew = make_deliveries(2, "email")
    Customer.objects.filter(pk=withdrew.customer_id).update(consents=[])

    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1
    assert [taken.json["To"] for taken in peer.taken] == [stays.customer.email]


def die_after_taking(monkeypatch) -> None:
    """Hand over what waits; die before anything is written down about it."""

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "record_receipts", die)
        with pytest.raises(KeyboardInterrupt):
            deliver_messages(now=NOW, owner="lost")


def test_what_was_taken_before_a_crash_is_listed_and_never_sent_again(peer: HttpPeer, monkeypatch):
    make_deliveries(5, "email")
    die_after_taking(monkeypatch)

    let_time_pass()
    assert deliver_messages(now=NOW, owner="a")["unknown"] == 5
    assert len(peer.taken) == 5


def test_repeated_as_if_the_provider_knew_keys_it_would_be_seen_as_a_double(
    peer: HttpPeer, monkeypatch
):
    """The negative control of the test above."""
    make_deliveries(5, "email")
    die_after_taking(monkeypatch)
    monkeypatch.setattr(ServiceProvider, "takes_key", True)

    let_time_pass()
    deliver_messages(now=NOW, owner="a")

    assert len(peer.taken) == 10

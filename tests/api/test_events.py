"""Events handed in: each stored once, each answered by itself."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from segments.models import Event
from tests.factories import make_customer

pytestmark = [pytest.mark.django_db, pytest.mark.long]
ADDRESS = "/api/v1/events/"


def item(number=1, **fields):
    return {
        "external_id": f"e{number}",
        "customer": "K-1",
        "kind": "cart",
        "occurred_at": "2026-03-01T09:00:00Z",
    } | fields


def hand_in(client, *events, **more):
    body = json.dumps({"events": list(events), **more})  # half a character arrives as \\ud800
    return client.post(ADDRESS, body, content_type="application/json")


@pytest.fixture
def anna(db):
    return make_customer(external_id="K-1")


def test_events_are_stored_once_and_in_full(superuser, anna):
    cart = item(amount_cents=-5, properties={"category": "shoes", "deep": {"n": [1, 2.5, None]}})

    first = hand_in(superuser, cart, item(2, kind="Visit"), source="shop")
    again = hand_in(superuser, cart, item(2, kind="visit"), source="shop")

    assert (first.status_code, first.json()["stored"]) == (200, 2)
    assert (again.status_code, again.json()["repeated"]) == (200, 2)
    stored = Event.objects.order_by("external_id")
    assert [(e.source, e.kind, e.customer_id) for e in stored] == [
        ("shop", "cart", anna.pk), ("shop", "visit", anna.pk),
    ]  # fmt: skip
    assert stored[0].properties == cart["properties"]
    assert stored[0].amount_cents == -5


def test_each_event_is_refused_by_itself_with_its_reason(superuser, anna):
    make_customer(external_id="gone", erased_at=timezone.now())
    ahead = (timezone.now() + timedelta(days=2)).isoformat()
    bad = {
        "customer": item(2, customer="guest"),
        "erased": item(3, customer="gone"),
        "kind:": item(4, kind="two, words"),
        "in the future": item(5, occurred_at=ahead),
        "offset": item(6, occurred_at="2026-03-01T09:00:00"),
        "colour:": item(7, colour="red"),
        "external_id:": {"customer": "K-1", "kind": "cart", "occurred_at": "2026-03-01T09:00:00Z"},
        "other content": item(1, kind="visit"),
        "invalid character": item(8, properties={"a": ["\x00"]}),
        "contain an invalid character": item(9, properties={"a": "\ud800"}),
        "deeply": item(10, properties={"a": [[[[[[[[[1]]]]]]]]]}),
        "10,000": item(11, properties={"a": "x" * 10_001}),
        "channel": item(12, kind="complaint"),
        "hard": item(13, kind="bounce", properties={"channel": "email"}),
    }

    answer = hand_in(superuser, item(1), *bad.values(), item(1))

    body = answer.json()
    assert answer.status_code == 207
    assert (body["stored"], body["repeated"], body["refused"]) == (1, 1, len(bad))
    assert [result["index"] for result in body["results"]] == list(range(len(bad) + 2))
    for word, result in zip(bad, body["results"][1:], strict=False):
        assert result["status"] == "refused"
        assert word.lower() in result["reason"].lower(), result
    assert Event.objects.count() == 1


def test_feedback_takes_effect(superuser, anna):
    hard = {"channel": "email", "hard": True}
    hand_in(
        superuser,
        item(1, kind="bounce", properties=hard),
        item(2, kind="unsubscribe", properties={"channel": "sms"}),
    )
    anna.refresh_from_db()
    assert anna.suppressed_channels == ["email"]
    assert "sms" not in anna.consents


def test_a_batch_has_a_thousand_events_at_most(superuser, anna):
    many = [item(n) for n in range(1_001)]
    assert hand_in(superuser, *many).status_code == 400
    assert hand_in(superuser, *many[:1_000]).json()["stored"] == 1_000
    assert hand_in(superuser).status_code == 400
    for source in ("", "a b", "x" * 41):
        assert hand_in(superuser, item(), source=source).status_code == 400


def test_a_body_without_end_is_refused(superuser, anna):
    padded = item(properties={"a": "x" * 5_000_000})
    assert hand_in(superuser, padded).status_code == 413


@pytest.mark.django_db(transaction=True)
def test_the_same_event_from_two_at_once_is_stored_once(superuser):
    make_customer(external_id="K-1")
    answers = []

    def send(day):
        same_id = item(1, occurred_at=f"2026-0{day}-01T09:00:00Z")  # of different months
        answers.append(hand_in(superuser, same_id).json())
        connections.close_all()

    senders = [threading.Thread(target=send, args=(day,)) for day in (1, 2, 3, 4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert sum(answer["stored"] for answer in answers) == Event.objects.count() == 1
    assert sum(answer["refused"] for answer in answers) == 3

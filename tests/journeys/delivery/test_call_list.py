"""Calls to make: on the list once, while they may be called, and settled once."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError
from django.urls import reverse

from journeys.delivery import outbox
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.settle_call import settle_call
from journeys.errors import CallSettled
from journeys.models import Call
from segments.customers.erase_customer import erase_customer
from segments.models import ConsentStatement, Customer, Event
from tests.factories import DAY, NOW, make_action, make_customer, make_delivery
from tests.journeys.routes import let_time_pass, make_deliveries, route, statuses

pytestmark = pytest.mark.django_db
PAGE = "/admin/journeys/call/day/"


@pytest.fixture(autouse=True)
def listed():
    route("call", "call_list")


def list_calls(n: int = 1, **fields) -> list[Call]:
    make_deliveries(n, "call", **fields)
    assert deliver_messages(now=NOW, owner="a")["sent"] == n
    return list(Call.objects.order_by("pk"))


def test_a_call_is_sent_when_it_is_on_the_list():
    action = make_action(
        channel="call", subject="Ask about shoes", body="Dear {{ customer.first_name }}"
    )
    delivery = make_delivery(make_customer(first_name="Zoë"), action)

    assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    call = Call.objects.get()
    assert (call.key, call.customer_id, call.action_id) == (
        delivery.key,
        delivery.customer_id,
        action.pk,
    )
    assert call.script == "Ask about shoes\n\nDear Zoë"
    assert (call.as_of, call.listed_at, call.outcome) == (DAY, NOW, "waiting")


def test_a_batch_repeated_after_a_crash_is_on_the_list_once(monkeypatch):
    make_deliveries(5, "call")

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "record_receipts", die)
        with pytest.raises(KeyboardInterrupt):
            deliver_messages(now=NOW, owner="lost")
    let_time_pass()
    deliver_messages(now=NOW, owner="a")

    assert statuses() == {"sent": 5}
    assert Call.objects.count() == 5


def test_only_calls_go_on_the_list():
    with pytest.raises(IntegrityError, match="call_list_carries_calls"):
        route("sms", "call_list")


@pytest.mark.parametrize("outcome", ["reached", "not_reached"])
def test_what_came_of_a_call_is_an_event(outcome):
    [call] = list_calls()

    settle_call(call.pk, outcome, by="eva", at=NOW + timedelta(hours=1))

    event = Event.objects.get()
    assert (event.kind, event.occurred_at) == ("call", NOW + timedelta(hours=1))
    assert event.properties["outcome"] == outcome
    assert event.customer_id == call.customer_id
    call.refresh_from_db()
    assert (call.outcome, call.settled_by) == (outcome, "eva")
    assert "call" in call.customer.consents


def test_a_refused_call_withdraws_only_the_consent_for_calls():
    [call] = list_calls()

    settle_call(call.pk, "refused", by="eva", at=NOW)

    customer = Customer.objects.get(pk=call.customer_id)
    assert "call" not in customer.consents
    assert "email" in customer.consents
    statement = ConsentStatement.objects.get(customer=customer, says_yes=False)
    assert (statement.channel, statement.source, statement.said_at) == ("call", "call list", NOW)


def test_a_call_is_settled_once():
    [call] = list_calls()
    settle_call(call.pk, "reached", by="eva", at=NOW)

    with pytest.raises(CallSettled, match="reached"):
        settle_call(call.pk, "refused", by="ida", at=NOW)

    assert Event.objects.count() == 1


def test_the_page_shows_who_to_call_and_settles_by_a_button(admin_client):
    first, second = list_calls(2, subject="", body="Dear {{ customer.first_name }}, <b>shoes</b>")

    page = admin_client.get(PAGE).content.decode()
    assert first.customer.phone in page
    assert "Dear Anna, &lt;b&gt;shoes&lt;/b&gt;" in page

    url = reverse("admin:journeys_call_settle", args=[first.pk])
    assert admin_client.get(url).status_code == 405  # a link changes nothing
    for _twice in range(2):
        answer = admin_client.post(url, {"outcome": "refused"}, follow=True)
        assert answer.status_code == 200
    page = admin_client.get(f"{PAGE}?day={DAY}").content.decode()
    assert first.customer.phone not in page
    assert second.customer.phone in page
    assert Event.objects.count() == 1


def test_who_may_no_longer_be_called_is_not_shown(admin_client):
    calls = list_calls(5)
    changes = [
        {"consents": ["email"]},
        {"suppressed": True},
        {"erased_at": NOW},
        {"phone": "", "phone_key": ""},
        {"suppressed_channels": ["call"]},
    ]
    for call, change in zip(calls, changes, strict=True):
        Customer.objects.filter(pk=call.customer_id).update(**change)

    page = admin_client.get(PAGE).content.decode()
    file = admin_client.get(f"/admin/journeys/call/day.csv?day={DAY}").content.decode()

    for call in calls:
        assert call.customer.external_id not in page + file


def test_erasure_reaches_what_was_to_be_said():
    [call] = list_calls()

    erase_customer(call.customer, source="the customer", at=NOW)

    call.refresh_from_db()
    assert call.script == ""


def test_the_file_is_safe_to_open(admin_client):
    action = make_action(channel="call", subject="", body='=HYPERLINK("x")')
    make_delivery(make_customer(first_name="=1+1", last_name="", phone="+49 170 1"), action)
    deliver_messages(now=NOW, owner="a")

    answer = admin_client.get(f"/admin/journeys/call/day.csv?day={DAY}")

    [row] = csv.DictReader(StringIO(answer.content.decode()))
    assert row["script"] == '\'=HYPERLINK("x")'
    assert row["name"] == "'=1+1"
    assert row["phone"] == "+49 170 1"
    assert row["day"] == "2026-03-01"


@pytest.mark.parametrize("bad", ["?day=x", "?day=2026-02-30", "?day=%00"])
def test_a_day_that_is_none_is_said_so(admin_client, bad):
    assert admin_client.get(f"{PAGE}{bad}").status_code == 404
    assert admin_client.get(f"/admin/journeys/call/day.csv{bad}").status_code == 404


def test_unknown_outcomes_and_calls_are_not_found(admin_client):
    [call] = list_calls()
    for pk, outcome in ((call.pk, "waiting"), (call.pk, "x"), (call.pk, ""), (10**12, "reached")):
        url = reverse("admin:journeys_call_settle", args=[pk])
        assert admin_client.post(url, {"outcome": outcome}).status_code == 404
    assert not Event.objects.exists()


def test_seeing_and_settling_are_permissions_of_their_own(client):
    [call] = list_calls()
    user = User.objects.create_user("eva", password="x", is_staff=True)
    client.force_login(user)
    settle = reverse("admin:journeys_call_settle", args=[call.pk])
    assert client.get(PAGE).status_code == 403
    assert client.get("/admin/journeys/call/day.csv").status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="view_call"))
    page = client.get(PAGE)
    assert page.status_code == 200
    assert b'name="outcome"' not in page.content
    assert client.post(settle, {"outcome": "reached"}).status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="change_call"))
    assert client.post(settle, {"outcome": "reached"}).status_code == 302


def test_a_page_of_fifty_costs_as_many_queries_as_one_of_two(
    admin_client, django_assert_max_num_queries
):
    list_calls(50)
    with django_assert_max_num_queries(9):
        admin_client.get(PAGE)

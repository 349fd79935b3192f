"""The list of suppressed addresses: users with permission check and change it, nobody reads it."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from segments.customers.suppress_addresses import find_suppression, suppress_address
from segments.models import Suppression
from tests.factories import NOW, make_customer

pytestmark = pytest.mark.django_db
LIST, ASK = "/admin/segments/suppression/", "/admin/segments/suppression/address/"
ADDRESS = {"channel": "email", "address": "Anna@example.com", "reason": "wrote to us"}


@pytest.fixture
def client_with(client):
    def log_in(*permissions):
        user = User.objects.create_user("user", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in


def test_who_may_add_suppresses_and_asks(admin_client):
    anna = make_customer(email="anna@example.com")

    for wish, word in (("check", "is not"), ("add", "wrote to us"), ("check", "since")):
        answer = admin_client.post(ASK, {**ADDRESS, "wish": wish}).content.decode()
        assert word in answer

    anna.refresh_from_db()
    assert anna.suppressed_channels == ["email"]
    assert find_suppression("email", "anna@example.com").source == "admin: wrote to us"
    page = admin_client.get(LIST).content.decode()
    assert "wrote to us" in page
    assert "anna@example.com" not in page
    assert "E-mail" in admin_client.get(
        f"/admin/segments/customer/{anna.pk}/change/"
    ).content.decode().replace("e-mail", "E-mail")


def test_lifting_needs_a_reason_which_is_kept(admin_client):
    suppress_address("email", ADDRESS["address"], reason="bounce", source="t", at=NOW)

    admin_client.post(ASK, {**ADDRESS, "reason": " ", "wish": "lift"})
    assert Suppression.objects.count() == 1
    admin_client.post(ASK, {**ADDRESS, "wish": "lift"})

    assert not Suppression.objects.exists()
    assert "wrote to us" in LogEntry.objects.get().change_message


@pytest.mark.parametrize(
    ("permissions", "statuses"),
    [
        ([], {"get": 403, "check": 403, "add": 403, "lift": 403}),
        (["view_suppression"], {"get": 403, "check": 403, "add": 403, "lift": 403}),
        (["check_suppression"], {"get": 200, "check": 200, "add": 403, "lift": 403}),
        (
            ["check_suppression", "add_suppression"],
            {"get": 200, "check": 200, "add": 200, "lift": 403},
        ),
        (
            ["check_suppression", "lift_suppression"],
            {"get": 200, "check": 200, "add": 403, "lift": 200},
        ),
    ],
)
def test_each_wish_needs_its_permission(client_with, permissions, statuses):
    client = client_with(*permissions)
    answers = {"get": client.get(ASK).status_code}
    for wish in ("check", "add", "lift"):
        answers[wish] = client.post(ASK, {**ADDRESS, "wish": wish}).status_code
    assert answers == statuses


@pytest.mark.parametrize(
    "fields", [{"address": "anna"}, {"channel": "push"}, {"address": ""}, {"wish": "everything"}]
)
def test_incomplete_input_is_no_server_error(admin_client, fields):
    answer = admin_client.post(ASK, {**ADDRESS, **fields})
    assert answer.status_code in {200, 403}
    assert not Suppression.objects.exists()


def test_a_customer_is_erased_from_the_page_by_who_may(client_with):
    anna = make_customer()
    address = f"/admin/segments/customer/{anna.pk}/erase/"
    client = client_with("view_customer", "change_customer")
    assert client.post(address).status_code == 403
    User.objects.get().user_permissions.add(Permission.objects.get(codename="delete_customer"))

    client.post(address, {"_form_submitted": "True"})

    anna.refresh_from_db()
    assert (anna.first_name, anna.email) == ("", "")
    assert anna.erased_at is not None

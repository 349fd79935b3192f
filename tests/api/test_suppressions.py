"""Addresses suppressed by partner systems: written, never read."""

import json

import pytest
from django.contrib.auth.models import User

from segments.customers.suppress_addresses import find_suppression
from segments.models import Customer
from tests.api.conftest import client_of
from tests.factories import make_customer

pytestmark = pytest.mark.django_db
LIST = "/api/v1/suppressions/"
ASKED = {"channel": "email", "addresses": ["Anna@Example.com", "no address"], "source": "crm"}


def post(client, body):
    return client.post(LIST, json.dumps(body), content_type="application/json")


def test_addresses_are_suppressed_in_every_spelling_and_never_read(superuser):
    make_customer(external_id="K-1", email="anna@example.com")

    answer = post(superuser, ASKED)

    assert (answer.status_code, answer.json()) == (200, {"added": 1, "known": 0, "refused": [1]})
    assert post(superuser, ASKED).json() == {"added": 0, "known": 1, "refused": [1]}
    assert Customer.objects.get().suppressed_channels == ["email"]
    assert find_suppression("email", "ANNA@example.com").source.startswith("crm (API: ")
    assert superuser.get(LIST).status_code == 405


@pytest.mark.parametrize(
    "wrong", [{"channel": "push"}, {"addresses": []}, {"reason": "erasure"}, {"colour": "red"}]
)
def test_what_cannot_be_is_refused(superuser, wrong):
    assert post(superuser, {**ASKED, **wrong}).status_code == 400


def test_it_needs_the_permission_to_add(db):
    client = client_of(User.objects.create_user("reader"))
    assert post(client, ASKED).status_code == 403

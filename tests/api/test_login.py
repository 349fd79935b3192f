"""Getting and using a token."""

import logging

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
LOGIN = "/api/v1/login/"
PASSWORD = "correct horse battery"


@pytest.fixture
def partner() -> User:
    return User.objects.create_superuser("partner", password=PASSWORD)


def test_a_password_gives_the_token_that_opens_the_api(anonymous, partner):
    answer = anonymous.post(LOGIN, {"username": "partner", "password": PASSWORD}, format="json")

    assert answer.status_code == 200
    assert answer.json() == {"token": Token.objects.get(user=partner).key}
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert client.get("/api/v1/customers/").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "partner", "password": "wrong"}, "non_field_errors"),
        ({"username": "nobody", "password": PASSWORD}, "non_field_errors"),
        ({"username": "partner"}, "password"),
        ({"username": "par\x00tner", "password": PASSWORD}, "username"),
        ({"username": "x" * 151, "password": PASSWORD}, "username"),
        ({"username": "partner", "password": "x" * 5_000}, "password"),
        ({"username": ["partner"], "password": PASSWORD}, "username"),
        ({"username": "partner", "password": PASSWORD, "role": "admin"}, "role"),
        ([], "non_field_errors"),
    ],
)
def test_a_bad_log_in_is_refused_by_field(anonymous, partner, body, field):
    answer = anonymous.post(LOGIN, body, format="json")

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"username": NaN}', 400),
        (b'{"username": "\\ud800", "password": "x"}', 400),
        (b'{"username": 1e999, "password": "x"}', 400),
        (b'{"username": ' + b"9" * 5_000 + b"}", 400),
        (b"[" * 20_000, 400),
        (b'"' + b"x" * 70_000 + b'"', 413),
    ],
    ids=["cut", "not utf-8", "nan", "half a character", "infinite", "huge number", "deep", "large"],
)
def test_a_body_that_is_no_small_json_is_refused(anonymous, body, status):
    answer = anonymous.post(LOGIN, body, content_type="application/json")

    assert answer.status_code == status
    assert answer.json()


def test_a_deactivated_user_gets_no_token_and_has_no_use_of_an_old_one(anonymous, partner):
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=partner).key}")
    partner.is_active = False
    partner.save()

    assert anonymous.get("/api/v1/customers/").status_code == 401
    body = {"username": "partner", "password": PASSWORD}
    assert anonymous.post(LOGIN, body, format="json").status_code == 400


def test_the_eleventh_attempt_of_a_minute_waits_whatever_it_says_of_its_origin(anonymous, partner):
    for attempt in range(11):
        answer = anonymous.post(
            LOGIN,
            {"username": "partner", "password": str(attempt)},
            format="json",
            headers={"X-Forwarded-For": f"192.0.2.{attempt}"},
        )

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) <= 60


def test_neither_password_nor_token_is_logged(anonymous, partner, caplog):
    caplog.set_level(logging.DEBUG)
    body = {"username": "partner", "password": PASSWORD}

    token = anonymous.post(LOGIN, body, format="json").json()["token"]
    anonymous.post(LOGIN, body | {"extra": 1}, format="json")

    said = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert PASSWORD not in said
    assert token not in said


def test_a_token_in_the_address_opens_nothing(anonymous, partner):
    token = Token.objects.create(user=partner)

    assert anonymous.get(f"/api/v1/customers/?token={token.key}").status_code == 401


def test_a_session_needs_the_csrf_token_to_write(partner):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(partner)

    assert client.get("/api/v1/runs/").status_code == 200
    assert client.post("/api/v1/runs/", {"as_of": "2026-03-01"}, format="json").status_code == 403

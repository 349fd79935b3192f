"""Every address of the API, every method, every kind of caller: who gets what."""

import re

import pytest
from django.contrib.auth.models import User

from campaigns.models import CapacityLimit
from campaigns.services.approvals import ask_for_launch
from optiengine.api import router
from tests.factories import DAY, NOW

pytestmark = pytest.mark.long

METHODS = ["get", "head", "post", "put", "patch", "delete", "options"]
READ = {"get", "head"}
WRITES = {
    ("run-list", "post"),
    ("login-list", "post"),
    ("event-list", "post"),
    ("suppression-list", "post"),
    ("next-best-list", "post"),
    ("customer-consents", "patch"),
    ("customer-detail", "put"),
    ("customer-detail", "delete"),
    ("sign-up-list", "post"),
    ("approval-approve", "post"),
    ("approval-refuse", "post"),
}
SUCCEEDS = {("customer-detail", "put"): 200, ("customer-detail", "delete"): 204}  # without a body
WRITTEN_ALONE = {  # cannot be read
    *("event-list", "suppression-list", "sign-up-list", "approval-approve", "approval-refuse")
}
ADDRESSES = {
    "login-list": "/api/v1/login/",
    "customer-list": "/api/v1/customers/",
    "next-best-list": "/api/v1/customers/K-1/next-best-campaign/",
    "customer-consents": "/api/v1/customers/K-1/consents/",
    "event-list": "/api/v1/events/",
    "suppression-list": "/api/v1/suppressions/",
    "campaign-list": "/api/v1/campaigns/",
    "campaign-detail": "/api/v1/campaigns/{campaign}/",
    "capacity-limit-list": "/api/v1/capacity-limits/",
    "capacity-limit-detail": "/api/v1/capacity-limits/{limit}/",
    "frequency-cap-list": "/api/v1/frequency-caps/",
    "frequency-cap-detail": "/api/v1/frequency-caps/{cap}/",
    "minimum-gap-list": "/api/v1/minimum-gaps/",
    "minimum-gap-detail": "/api/v1/minimum-gaps/{gap}/",
    "quiet-hours-list": "/api/v1/quiet-hours/",
    "quiet-hours-detail": "/api/v1/quiet-hours/{quiet}/",
    "exclusion-list": "/api/v1/exclusions/",
    "exclusion-detail": "/api/v1/exclusions/{exclusion}/",
    "journey-map-list": "/api/v1/journey-maps/",
    "journey-map-detail": "/api/v1/journey-maps/{map}/",
    "campaign-mix-list": "/api/v1/campaigns/{campaign}/mix/",
    "decision-list": "/api/v1/decisions/",
    "decision-detail": f"/api/v1/decisions/{DAY}/K-1/",
    "decision-explanation": f"/api/v1/decisions/{DAY}/K-1/explanation/",
    "delivery-list": "/api/v1/deliveries/",
    "approval-list": "/api/v1/approvals/",
    "approval-detail": "/api/v1/approvals/{approval}/",
    "approval-approve": "/api/v1/approvals/{approval}/approve/",
    "approval-refuse": "/api/v1/approvals/{approval}/refuse/",
    "sign-up-list": "/api/v1/sign-ups/",
    "run-list": "/api/v1/runs/",
    "run-detail": f"/api/v1/runs/{DAY}/",
    "uplift-report-list": "/api/v1/reports/uplift/",
    "arm-report-list": "/api/v1/reports/arms/",
    "customer-detail": "/api/v1/customers/K-1/",  # last, for it can be erased
}


def test_the_matrix_knows_every_address():
    assert {pattern.name for pattern in router.urls} == set(ADDRESSES)
    for pattern in router.urls:
        address = re.sub(r"{\w+}", "1", ADDRESSES[pattern.name])
        address = address.removeprefix("/api/v1/")
        assert re.match(pattern.pattern.regex.pattern, address), pattern.name


def expected(name: str, method: str, role: str) -> set[int]:
    """Statuses that a caller may get; reading needs the view permission, writing its own."""
    if name == "login-list":
        return {400} if method == "post" else {405}
    if role == "anonymous":
        return {401}
    allowed = (name, method) in WRITES or (method in READ and name not in WRITTEN_ALONE)
    if method == "options":
        return {405}
    if role == "stranger" or (role == "viewer" and method not in READ):
        return {403}
    if name == "next-best-list":  # asks for nothing; the features of the tests are old by now
        return {503} if method == "post" else {405}
    if not allowed:
        return {405}
    if method in READ:
        return {200}
    return {SUCCEEDS.get((name, method), 400)}  # an empty body starts nothing


@pytest.mark.parametrize("role", ["anonymous", "stranger", "viewer", "superuser"])
def test_each_caller_gets_what_the_permissions_say(role, request, measured, campaign, rules):
    limit = CapacityLimit.objects.create(name="Calls", maximum=100)
    asker = User.objects.create(username="asker")
    approval = ask_for_launch("campaign", campaign.pk, by=asker, at=NOW)
    ids = {"campaign": campaign.pk, "limit": limit.pk, "approval": approval.pk, **rules}
    client = request.getfixturevalue(role)
    statuses, wanted = {}, {}
    for name, template in ADDRESSES.items():
        for method in METHODS:
            address = template.format(**ids)
            answer = getattr(client, method)(address, **_body(method))
            statuses[name, method] = {answer.status_code}
            wanted[name, method] = expected(name, method, role)
            if answer.status_code == 401:
                assert answer["WWW-Authenticate"] == "Token"

    assert statuses == wanted


def _body(method: str) -> dict:
    return {"data": {}, "format": "json"} if method in {"post", "put", "patch"} else {}


@pytest.mark.parametrize("address", ["/api/schema/", "/api/docs/"])
def test_the_description_is_for_those_who_are_logged_in(anonymous, client, stranger, address):
    refused = anonymous.get(address)
    if address == "/api/docs/":
        assert refused.status_code == 302
        assert refused["Location"].startswith("/admin/login/")
    else:
        assert refused.status_code == 401
        assert stranger.get(address).status_code == 200

"""An address with something else than an id in its place is a page that is not there, no fault."""

import re

import pytest
from django.contrib import admin
from django.contrib.admindocs.views import extract_views_from_urlpatterns, simplify_regex
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NO_IDS = ["anything-not-a-number", "99999999999999999999", "-1", "1.5", "0", "nul%00", "é "]
PLACE = re.compile(r"<[^>]+>")
MAKES_ONE = ("/api/v1/customers/<external_id>/", "put")
NOT_THERE = {302, 400, 403, 404, 405}


def routes(beginning: str) -> list[str]:
    """All addresses that take something from the caller, as /admin/segments/customer/<id>/…"""
    views = extract_views_from_urlpatterns(get_resolver().url_patterns)
    simple = {simplify_regex(str(regex)) for _view, regex, *_names in views}
    return sorted(r for r in simple if r.startswith(beginning) and PLACE.search(r))


ADMIN, API = routes("/admin/"), routes("/api/")


def statuses(client: Client, route: str, method: str) -> dict[str, int]:
    """By what stands in place of the id."""
    cache.clear()  # of what throttles counted
    client.raise_request_exception = False
    ask = getattr(client, method)
    return {text: ask(PLACE.sub(text, route)).status_code for text in NO_IDS}


@pytest.fixture
def partner() -> APIClient:
    client, user = APIClient(), User.objects.create_superuser("root")
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def test_every_registered_page_and_every_detail_of_the_api_is_walked():
    for model, page in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}_change"
        if name in {pattern.name for pattern in page.get_urls()}:
            folder = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
            assert f"{folder}/<path:object_id>/change/" in ADMIN
    assert len(ADMIN) > 150
    assert len(API) > 10


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", ADMIN)
def test_a_page_of_nothing_is_not_there(admin_client, route, method):
    wrong = {t: s for t, s in statuses(admin_client, route, method).items() if s not in NOT_THERE}
    assert not wrong


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("route", API)
def test_the_api_knows_nothing_of_it(partner, route, method):
    if (route, method) == MAKES_ONE:
        pytest.skip("A customer of any id is made there.")
    wrong = {t: s for t, s in statuses(partner, route, method).items() if s not in NOT_THERE}
    assert not wrong

"""The page that describes the API, in a real browser that may talk to nobody else."""

import os

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tab(browser, live_server):
    """A logged-in browser tab."""
    session = Client()
    session.force_login(User.objects.create_superuser("root"))
    cookie = session.cookies[settings.SESSION_COOKIE_NAME].value
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
    )
    yield context.new_page()
    context.close()


def test_the_page_works_without_the_internet_and_its_own_policy_lets_it(tab: Page, live_server):
    complaints, strangers = [], []
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on(
        "request",
        lambda r: None if r.url.startswith((live_server.url, "data:")) else strangers.append(r.url),
    )

    tab.goto(f"{live_server.url}/api/docs/")
    tab.wait_for_selector(".opblock")

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert tab.locator(".opblock").count() == sum(map(len, paths.values()))
    tab.click("#operations-campaigns-campaigns_list .opblock-summary-control")
    tab.click("text=Try it out")
    tab.click("button.execute")
    status = tab.locator(".live-responses-table tbody .response-col_status")
    status.wait_for()
    assert status.inner_text().startswith("200")
    if folder := os.environ.get("SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/api_docs.png", full_page=True)
    assert not complaints
    assert not strangers

"""The page that describes the API, in a real browser that may talk to nobody else."""

import os
import shutil

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs the system's Chromium"),
]


@pytest.fixture
def page(live_server, monkeypatch):
    """A logged-in browser tab; whatever it complains about or asks of others is kept."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright runs a loop
    session = Client()
    session.force_login(User.objects.create_superuser("root"))
    cookie = session.cookies[settings.SESSION_COOKIE_NAME].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
        )
        tab = context.new_page()
        yield tab
        browser.close()


def test_the_page_works_without_the_internet_and_its_own_policy_lets_it(page: Page, live_server):
    complaints, strangers = [], []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith((live_server.url, "data:")) else strangers.append(r.url),
    )

    page.goto(f"{live_server.url}/api/docs/")
    page.wait_for_selector(".opblock")

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert page.locator(".opblock").count() == sum(map(len, paths.values()))
    page.click("#operations-campaigns-campaigns_list .opblock-summary-control")
    page.click("text=Try it out")
    page.click("button.execute")
    status = page.locator(".live-responses-table tbody .response-col_status")
    status.wait_for()
    assert status.inner_text().startswith("200")
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/api_docs.png", full_page=True)
    assert not complaints
    assert not strangers

"""A real browser: Chromium of the system, headless, with nothing but this machine to talk to."""

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User

# Playwright runs an event loop; our own calls to the database are plain, and in order.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, live_server):
    """A page of a logged-in superuser; a script error on any page fails the test."""
    User.objects.create_superuser("root", password="secret-of-the-test")
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1400, "height": 1000}
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/admin/")
    page.fill("[name=username]", "root")
    page.fill("[name=password]", "secret-of-the-test")
    page.press("[name=password]", "Enter")
    page.wait_for_selector("text=OptiEngine")
    yield page
    context.close()
    assert not errors

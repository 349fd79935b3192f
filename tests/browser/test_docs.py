"""The documentation in a real browser: on a phone, and with nobody else to talk to."""

import pytest

from optiengine.docs.site import Site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
WIDTH = 360  # pixels: a small phone


@pytest.fixture
def phone(browser):
    context = browser.new_context(viewport={"width": WIDTH, "height": 740})
    yield context.new_page()
    context.close()


def test_every_page_fits_a_phone_and_asks_nobody_else(phone, live_server):
    complaints, strangers = [], []
    phone.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    phone.on(
        "request",
        lambda r: None if r.url.startswith(live_server.url) else strangers.append(r.url),
    )
    wide = []

    site = Site()
    for address in [site.address(p, code) for p in site.pages for code in site.languages]:
        phone.goto(f"{live_server.url}/docs/{address}")
        if phone.evaluate("document.documentElement.scrollWidth") > WIDTH:
            wide.append(address)

    assert (wide, complaints, strangers) == ([], [], [])


def test_the_pages_are_listed_on_a_phone_at_a_tap(phone, live_server):
    phone.goto(f"{live_server.url}/docs/reference/limits.html")
    assert not phone.locator("nav.pages").is_visible()

    phone.click("text=All pages")
    phone.click("nav.pages >> text=Settings")

    phone.wait_for_url("**/docs/reference/settings.html")
    assert phone.locator("h1").inner_text() == "Settings"

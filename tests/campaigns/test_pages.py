"""Pages that customers reach from messages, over real HTTP."""

import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import requests
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from campaigns.models import Tag
from campaigns.numerics.verdict_codes import Verdict
from campaigns.services.preferences import masked
from journeys.delivery.begin_attempt import begin_attempt
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.load_limits import load_limits
from journeys.delivery.outbox import claim_batch
from journeys.models import Delivery, ReasonCode
from optiengine.day_figures import warnings_of
from segments.customers.customer_links import (
    PREFERENCES,
    UNSUBSCRIBE,
    Reader,
    make_token,
    page_url,
    read_token,
)
from segments.models import ConsentStatement, Customer, Event
from tests.factories import DAY, NOW, make_action, make_campaign, make_customer, make_delivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _no_requests_counted():
    cache.clear()


@pytest.fixture
def site(monkeypatch, settings, live_server):
    # The server's threads keep no connection that would outlive the test.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def link(customer, page=UNSUBSCRIBE, channel="email", campaign_id=None) -> str:
    return page_url(page, Reader(customer.pk, channel, campaign_id))


def test_one_click_in_the_mail_ends_the_consent_without_cookie_or_login(site):
    anna, action = make_customer(), make_action()
    make_delivery(anna, action)
    waiting = make_delivery(anna, make_action())
    deliver_messages(now=NOW, owner="a", limit=1)
    header = mail.outbox[0].message()["List-Unsubscribe"]

    answer = requests.post(header.strip("<>"), data=ONE_CLICK, timeout=5)

    assert answer.status_code == 200
    assert not answer.cookies
    anna.refresh_from_db()
    assert "email" not in anna.consents
    assert "sms" in anna.consents
    statement = ConsentStatement.objects.get()
    assert (statement.source, statement.channel) == ("unsubscribe link", "email")
    event = Event.objects.get()
    assert (event.kind, event.properties["campaign"]) == ("unsubscribe", action.campaign_id)
    deliver_messages(now=NOW, owner="a")
    waiting.refresh_from_db()
    assert (waiting.status, len(mail.outbox)) == ("suppressed", 1)


def test_one_click_reaches_what_is_claimed_and_not_yet_handed_over(site):
    anna = make_customer()
    delivery = make_delivery(anna)
    batch = claim(delivery)

    requests.post(link(anna), data=ONE_CLICK, timeout=5)

    allowed, stopped = begin_attempt(batch, batch.delivery_ids, now=NOW, limits=load_limits())
    assert (allowed, stopped["suppressed"]) == ([], 1)


def claim(delivery: Delivery):
    batch = claim_batch("email", "smtp", owner="a", size=10, now=NOW)
    assert batch is not None
    assert batch.delivery_ids == [delivery.pk]
    return batch


def test_the_same_click_twice_is_one_event(site):
    anna = make_customer()
    clicks = [
        threading.Thread(target=requests.post, args=(link(anna), ONE_CLICK), kwargs={"timeout": 5})
        for _ in range(4)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()

    assert Event.objects.count() == 1


@pytest.mark.parametrize("page", [UNSUBSCRIBE, PREFERENCES])
def test_reading_changes_nothing_however_often(site, page):
    anna = make_customer()
    before = Customer.objects.values().get()
    agent = {"User-Agent": "Mozilla/5.0 (compatible; MailScanner)"}

    statuses = set()
    for number in range(100):
        method = "HEAD" if number % 3 == 0 else "GET"
        address = link(anna, page) + ("?List-Unsubscribe=One-Click" if number % 2 else "")
        statuses.add(requests.request(method, address, headers=agent, timeout=5).status_code)

    assert statuses == {200}
    assert Customer.objects.values().get() == before
    assert ConsentStatement.objects.count() == Event.objects.count() == 0


def test_posting_anything_else_changes_nothing(site):
    anna = make_customer()
    for data in ({}, {"List-Unsubscribe": "Two-Clicks"}, {"list-unsubscribe": "One-Click"}):
        assert requests.post(link(anna), data=data, timeout=5).status_code == 400
    assert requests.put(link(anna), timeout=5).status_code == 405
    assert ConsentStatement.objects.count() == 0


def test_a_forged_token_is_not_found(site):
    anna = make_customer()
    token = make_token(UNSUBSCRIBE, Reader(anna.pk, "email"))
    forged = [
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        token[4:],
        "x",
        "%00",
        "é" * 30,
        make_token(PREFERENCES, Reader(anna.pk, "email")),  # of the other page
        make_token(UNSUBSCRIBE, Reader(anna.pk + 99, "email")),  # of nobody
    ]
    for each in forged:
        answer = requests.post(f"{site}/u/{each}/", data=ONE_CLICK, timeout=5)
        assert answer.status_code == 404, each
        assert anna.external_id not in answer.text
    assert ConsentStatement.objects.count() == 0


def test_a_token_tells_nobody_who_it_is_for_and_outlives_a_change_of_key(settings):
    reader = Reader(123456, "email", 7)
    settings.SECRET_KEY = "first"
    token = make_token(UNSUBSCRIBE, reader)
    assert "123456" not in token
    assert token == make_token(UNSUBSCRIBE, reader)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", ["first"]
    assert read_token(UNSUBSCRIBE, token) == reader
    settings.SECRET_KEY_FALLBACKS = []
    assert read_token(UNSUBSCRIBE, token) is None


def test_headers_of_an_email(settings):
    settings.PUBLIC_URL = "https://brand.example"
    settings.UNSUBSCRIBE_MAILBOX = "leave@brand.example"
    delivery = make_delivery()
    deliver_messages(now=NOW, owner="a")

    message = mail.outbox[0].message()
    page, mailbox = message["List-Unsubscribe"].split(", ")
    assert page == f"<{link(delivery.customer, campaign_id=delivery.action.campaign_id)}>"
    token = page.split("/")[-2]
    assert mailbox == f"<mailto:leave@brand.example?subject={token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    read = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert read["List-Unsubscribe"].strip() == f"{page}, {mailbox}"


@pytest.mark.parametrize(("url", "transactional"), [("", False), ("https://brand.example", True)])
def test_no_header_without_an_address_or_in_a_transactional_message(settings, url, transactional):
    settings.PUBLIC_URL = url
    make_delivery(action=make_action(make_campaign(transactional=transactional)))
    deliver_messages(now=NOW, owner="a")

    message = mail.outbox[0].message()
    assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None


def test_the_preference_page_shows_and_keeps_what_is_chosen(site):
    shoes = Tag.objects.create(name="shoes", is_topic=True, title="Shoes & more")
    bags = Tag.objects.create(name="bags", is_topic=True, title="Bags")
    Tag.objects.create(name="internal")
    anna = make_customer(email="anna@example.com", consents=["email", "sms"], language="pt")
    address = link(anna, PREFERENCES)

    page = requests.get(address, timeout=5)
    assert 'lang="pt"' in page.text
    assert "Shoes &amp; more" in page.text
    assert "a•••@e•••.com" in page.text
    for private in ("anna@example.com", anna.external_id, anna.last_name, anna.phone, "internal"):
        assert private not in page.text
    saved = requests.post(
        address, data={"save": "chosen", "channel": ["sms", "web"], "topic": [bags.pk]}, timeout=5
    )

    assert saved.url.endswith("?saved")
    assert saved.status_code == 200
    anna.refresh_from_db()
    assert anna.consents == ["sms"]
    assert anna.topics_declined == [shoes.pk]
    requests.post(
        address,
        data={"save": "chosen", "channel": ["email"], "topic": [shoes.pk, bags.pk]},
        timeout=5,
    )
    anna.refresh_from_db()
    assert (anna.consents, anna.topics_declined) == (["email"], [])
    sources = set(ConsentStatement.objects.values_list("source", flat=True))
    assert sources == {"preference page"}


@pytest.mark.parametrize("odd", ["9" * 5000, "٣", "-1", "x", "", "\0"])
def test_a_topic_that_the_page_did_not_offer_changes_nothing(site, odd):
    shoes = Tag.objects.create(name="shoes", is_topic=True, title="Shoes")
    anna = make_customer(consents=["email"])
    chosen = {"save": "chosen", "channel": ["email"], "topic": [odd, shoes.pk]}

    answer = requests.post(link(anna, PREFERENCES), data=chosen, timeout=5)

    assert answer.status_code == 200
    anna.refresh_from_db()
    assert (anna.consents, anna.topics_declined) == (["email"], [])


def test_unsubscribing_from_everything_keeps_the_topics(site):
    shoes = Tag.objects.create(name="shoes", is_topic=True, title="Shoes")
    anna = make_customer(topics_declined=[shoes.pk])

    requests.post(link(anna, PREFERENCES), data={"save": "none", "channel": "email"}, timeout=5)

    anna.refresh_from_db()
    assert (anna.consents, anna.topics_declined) == ([], [shoes.pk])


@pytest.mark.parametrize("page", [UNSUBSCRIBE, PREFERENCES])
def test_nothing_is_loaded_from_elsewhere_and_nothing_is_kept(site, page):
    answer = requests.get(link(make_customer(), page), timeout=5)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert "http" not in answer.text.replace("https://", "http").split("<html")[1]
    assert "<script" not in answer.text


def test_the_language_is_the_customers_else_the_browsers(site):
    wants = {"Accept-Language": "pt"}
    for language, expected in (("", "pt"), ("en-GB", "en"), ("xx", "pt")):
        anna = make_customer(language=language)
        page = requests.get(link(anna), headers=wants, timeout=5)
        assert page.headers["Content-Language"] == expected


def test_tokens_cannot_be_tried_by_the_thousand(site, settings):
    statuses = [requests.get(f"{site}/u/{'x' * 40}/", timeout=5).status_code for _ in range(125)]
    assert statuses[:120] == [404] * 120
    assert set(statuses[120:]) == {429}
    # Who has a real one gets out all the same.
    assert requests.post(link(make_customer()), data=ONE_CLICK, timeout=5).status_code == 200


def test_an_erased_customer_has_no_page(site):
    anna = make_customer(erased_at=timezone.now())
    assert requests.get(link(anna, PREFERENCES), timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("address", "shown"),
    [("anna@example.com", "a•••@e•••.com"), ("+49 170 1242", "•••42"), ("", ""), ("1", "•••1")],
)
def test_a_masked_address_is_recognised_only_by_its_owner(address, shown):
    assert masked(address) == shown


def test_a_declined_topic_stops_what_waits():
    shoes = Tag.objects.create(name="shoes", is_topic=True, title="Shoes")
    anna, campaign = make_customer(topics_declined=[shoes.pk]), make_campaign()
    campaign.tags.add(shoes)
    about_shoes = make_delivery(anna, make_action(campaign))
    make_delivery(anna, make_action(), as_of=DAY - timedelta(days=1))

    assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    about_shoes.refresh_from_db()
    assert about_shoes.reason_code == ReasonCode.TOPIC_DECLINED


def test_a_suppressed_address_stops_what_waits():
    from segments.customers.suppress_addresses import suppress_address

    delivery = make_delivery()
    suppress_address("email", delivery.customer.email, reason="bounce", source="t", at=NOW)

    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1
    assert Verdict.TOPIC_DECLINED == 6


def test_the_dashboard_says_when_emails_have_no_way_out(settings):
    def warnings() -> list[str]:
        return [text for _colour, text, _page in warnings_of([], {"unknown": 0}, today=DAY)]

    make_action(make_campaign(transactional=True))
    assert warnings() == []  # nobody unsubscribes from what they ordered
    make_action()
    assert any("PUBLIC_URL" in text for text in warnings())
    settings.PUBLIC_URL = "https://brand.example"
    assert warnings() == []

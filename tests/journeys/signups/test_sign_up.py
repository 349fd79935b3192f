"""Double opt-in: a form or a call, a message, a link, a button; only then is there a consent."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.utils import timezone

from campaigns.models import Tag
from journeys.errors import SignUpRefused
from journeys.models import SignUp, SignUpForm
from journeys.signups.begin_sign_up import MOST_A_DAY, begin_sign_up
from journeys.signups.confirm_sign_up import confirm_sign_up
from journeys.signups.send_confirmations import confirmation_url, send_confirmations
from segments.channels import EMAIL
from segments.customers.erase_customer import erase_customer
from segments.customers.read_statements import statements_of
from segments.customers.suppress_addresses import suppress_address
from segments.customers.withdraw_consent import withdraw_consent
from segments.models import ConsentStatement, Customer, Organisation
from segments.models.consent import ConsentSource
from tests.api.conftest import client_of
from tests.factories import NOW, make_customer

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
ADDRESS = "zoe@example.com"
AGREED = {"address": ADDRESS, "agree": "yes"}


@pytest.fixture(autouse=True)
def settings_of_site(settings):
    cache.clear()  # nobody has asked too often yet
    settings.PUBLIC_URL = "http://testserver"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def form():
    form = SignUpForm.objects.create(
        name="newsletter", title="Our newsletter", language="en", wording="Yes, send me offers."
    )
    form.topics.add(Tag.objects.create(name="shoes", is_topic=True, title="Shoes"))
    return form


def begin(form, address=ADDRESS, at=NOW, **more):
    return begin_sign_up(form, address, topics=[], source="test", at=at, **more)


def link_in(message) -> str:
    (link,) = re.findall(r"http://testserver(/c/\S+)", message.body)
    return link


def test_from_the_form_to_the_consent_with_its_proof(client, form):
    shoes = form.topics.get()
    page = client.get("/s/newsletter/")
    assert "Yes, send me offers." in page.text
    assert not page.cookies
    answer = client.post("/s/newsletter/", AGREED | {"topic": [shoes.pk]})
    assert "open the link" in answer.text
    assert not Customer.objects.exists()

    assert send_confirmations(now=timezone.now()) == 1
    message = mail.outbox[0]
    assert message.to == [ADDRESS]
    assert "Yes, send me offers." in message.body
    address = link_in(message)
    for _ in range(3):  # as mail scanners do
        assert "Confirm" in client.get(address).text
    assert client.post(address, {}).status_code == 400
    assert not ConsentStatement.objects.exists()

    assert "confirmed" in client.post(address, {"confirm": "yes"}).text
    assert "confirmed" in client.post(address, {"confirm": "yes"}).text
    zoe = Customer.objects.get()
    assert (zoe.email, zoe.consents, zoe.topics_declined) == (ADDRESS, [EMAIL], [])
    said = ConsentStatement.objects.get(channel=EMAIL)
    assert (said.kind, said.by_customer, said.brings_back) == (ConsentSource.SIGN_UP, True, True)
    assert said.proof["wording"] == "Yes, send me offers."
    assert (said.proof["wording version"], said.proof["address"]) == (1, ADDRESS)
    assert {"asked at", "confirmed at", "IP"} <= said.proof.keys()
    assert SignUp.objects.get().address == ""
    assert len(mail.outbox) == 1


def test_it_brings_back_who_unsubscribed_for_all_records_of_the_mailbox(form):
    zoe, twin = make_customer(email=ADDRESS), make_customer(email="Zoe@Example.com")
    for customer in (zoe, twin):
        withdraw_consent(
            customer,
            EMAIL,
            kind="unsubscribe",
            campaign_id=None,
            by=ConsentSource.UNSUBSCRIBE_PAGE,
            source="t",
            at=NOW - HOUR,
        )
    confirm_sign_up(begin(form).pk, at=NOW + HOUR)
    for customer in (zoe, twin):
        customer.refresh_from_db()
        assert EMAIL in customer.consents
    assert Customer.objects.count() == 2


def test_nobody_learns_from_the_page_who_is_known_or_suppressed(client, form):
    make_customer(email="known@example.com")
    suppress_address(EMAIL, "gone@example.com", reason="complaint", source="t", at=NOW)
    pages = {
        client.post("/s/newsletter/", AGREED | {"address": address}).text.replace(address, "")
        for address in ("known@example.com", "gone@example.com", "new@example.com")
    }
    assert len(pages) == 1
    send_confirmations(now=timezone.now())
    assert sorted(message.to[0] for message in mail.outbox) == [
        "known@example.com",
        "new@example.com",
    ]


@pytest.mark.parametrize(
    "sent", [{}, {"address": ADDRESS}, {"agree": "yes"}, AGREED | {"address": "x"}]
)
def test_the_page_says_what_is_missing(client, form, sent):
    page = client.post("/s/newsletter/", sent)
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert not SignUp.objects.exists()


def test_programs_that_fill_in_every_field_start_nothing(client, form):
    assert client.post("/s/newsletter/", AGREED | {"website": "x"}).status_code == 200
    assert not SignUp.objects.exists()


def test_an_address_is_not_flooded_by_means_of_the_form(form):
    for number in range(MOST_A_DAY):
        assert begin(form, at=NOW + number * HOUR)
    assert begin(form, address="ZOE@example.com", at=NOW + 9 * HOUR) is None
    assert begin(form, at=NOW + 30 * HOUR)


def test_a_number_is_not_flooded_by_its_spellings():
    Organisation.objects.update_or_create(pk=1, defaults={"country": "DE"})
    by_text = SignUpForm.objects.create(
        name="texts", title="Texts", channel="sms", language="en", wording="Yes, text me."
    )
    spellings = ("0170 1234567", "+49 170 1234567", "0049 (170) 1234567")
    assert all(begin(by_text, spelling) for spelling in spellings)
    assert begin(by_text, "0170/1234567") is None
    assert set(SignUp.objects.values_list("address", flat=True)) == {"+491701234567"}


def test_an_address_that_cannot_be_compared_is_refused(form):
    grows = f"{'a' * 64}@{'ü' * 50}.{'ö' * 50}.{'ä' * 50}.{'é' * 30}.example"
    for address in (grows, "zoe@exаmple.com"):  # the latter with a Cyrillic letter
        with pytest.raises(SignUpRefused, match="valid address"):
            begin(form, address)


def test_an_expired_or_closed_sign_up_confirms_nothing(client, form, settings):
    sign_up = begin(form)
    with pytest.raises(SignUpRefused):
        confirm_sign_up(sign_up.pk, at=NOW + 48 * HOUR)
    page = client.post(confirmation_url(sign_up), {"confirm": "yes"})
    assert "expired" in page.text
    assert not ConsentStatement.objects.exists()
    begin(form, address="other@example.com", at=NOW + 90 * HOUR)
    assert not SignUp.objects.filter(pk=sign_up.pk).exists()  # forgotten
    form.is_open = False
    form.save()
    assert client.get("/s/newsletter/").status_code == 404
    with pytest.raises(SignUpRefused, match="closed"):
        begin(form)
    settings.PUBLIC_URL = ""
    with pytest.raises(SignUpRefused, match="PUBLIC_URL"):
        begin(form)


def test_a_forged_link_is_not_found(client, form):
    begin(form)
    for token in ("x", "é", "%00", confirmation_url(SignUp(pk=999)).split("/")[-2]):
        assert client.post(f"/c/{token}/", {"confirm": "yes"}).status_code == 404


def test_stopped_is_stopped_and_each_message_leaves_once(form):
    begin(form)
    Organisation.current()
    Organisation.objects.update(sending_stopped=True)
    assert send_confirmations(now=NOW) == 0
    Organisation.objects.update(sending_stopped=False)
    assert [send_confirmations(now=NOW + i * HOUR) for i in range(3)] == [1, 0, 0]


def test_a_server_that_cannot_be_reached_is_asked_again(form, settings):
    begin(form)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert send_confirmations(now=NOW) == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send_confirmations(now=NOW + timedelta(minutes=1)) == 0
    assert send_confirmations(now=NOW + timedelta(minutes=6)) == 1


def test_another_wording_is_another_version_and_what_was_shown_is_kept(form):
    sign_up = begin(form)
    form.wording = "Yes, and calls."
    form.save()
    form.save()
    assert form.wording_version == 2
    confirm_sign_up(sign_up.pk, at=NOW + HOUR)
    said = ConsentStatement.objects.get(channel=EMAIL)
    assert (said.proof["wording"], said.proof["wording version"]) == ("Yes, send me offers.", 1)


def test_erasure_forgets_the_sign_up(form):
    confirm_sign_up(begin(form).pk, at=NOW + HOUR)
    zoe = Customer.objects.get()
    erase_customer(zoe, source="letter", at=NOW + 2 * HOUR)
    assert not SignUp.objects.exists()
    assert all(each.proof == {} for each in statements_of(zoe))


def test_partners_begin_a_sign_up(form):
    kim = make_customer(external_id="K-1", email="", consents=[])
    client = client_of(User.objects.create_superuser("shop"))
    body = {"form": "newsletter", "address": ADDRESS, "customer": "K-1"}
    answer = client.post("/api/v1/sign-ups/", body, format="json")
    assert (answer.status_code, answer.json()) == (202, {"status": "begun"})
    confirm_sign_up(SignUp.objects.get().pk, at=timezone.now())
    kim.refresh_from_db()
    assert (kim.email, kim.consents) == (ADDRESS, [EMAIL])

    for odd in ({"form": "other"}, {"address": "x"}, {"customer": "nobody"}, {"topics": ["x"]}):
        assert client.post("/api/v1/sign-ups/", body | odd, format="json").status_code == 400
    not_offered = client.post("/api/v1/sign-ups/", body | {"topics": [999]}, format="json")
    assert not_offered.json() == {"topics": ["The form does not offer these topics: 999."]}
    kim.email = "kim@example.com"
    kim.save()
    refused = client.post("/api/v1/sign-ups/", body, format="json")
    assert "another address" in refused.json()["address"][0]
    nobody = client_of(User.objects.create_user("nobody"))
    assert nobody.post("/api/v1/sign-ups/", body, format="json").status_code == 403


def test_one_computer_cannot_start_sign_ups_by_the_hundred(client, form):
    answers = [
        client.post("/s/newsletter/", AGREED | {"address": f"n{number}@example.com"}).status_code
        for number in range(12)
    ]
    assert answers == [200] * 10 + [429] * 2

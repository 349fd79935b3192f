"""The preview of a campaign's messages, and proofs of them by a real SMTP server."""

import csv

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from campaigns.models import Campaign
from journeys.models import ChannelRoute, Contact, Delivery
from segments.customers.suppress_addresses import suppress_address
from segments.models import Organisation, TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_action, make_campaign, make_customer
from tests.journeys.smtp_peer import SmtpPeer, running_smtp_peer

pytestmark = pytest.mark.django_db
READER = ["view_campaign", "view_customer"]


@pytest.fixture
def peer(settings):
    with running_smtp_peer() as peer:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", peer.port
        yield peer


def address(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_preview", args=[campaign.pk])


def log_in(client, *codenames: str) -> None:
    user = User.objects.create_user("reader", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)


def test_a_customers_messages_are_shown_with_values_as_data(admin_client):
    campaign = make_campaign(name="Spring")
    make_action(
        campaign,
        subject="Hello {{ customer.first_name }}",
        html="<h1>{{ customer.first_name }}</h1><a href='{{ unsubscribe_url }}'>out</a>",
    )
    make_action(campaign, channel="sms", subject="", body="Olá {{ customer.first_name }} ção €")
    make_customer(external_id="Z", first_name="<script>alert(1)</script>")

    response = admin_client.get(address(campaign), {"customer": "Z"})

    page = response.content.decode()
    assert "<script>alert(1)" not in page
    assert "Hello &lt;script&gt;" in page
    email, sms = (preview for preview, _framed in response.context["previews"])
    assert email.words.html.startswith("<h1>&lt;script&gt;")
    assert "example.com/unsubscribe" in email.words.html
    assert 'sandbox=""' in page
    assert "Content-Security-Policy" in page
    assert sms.sms.encoding == "UCS-2"
    assert "“áçã” is not in the standard SMS alphabet" in page


def test_next_and_previous_stay_in_the_target_group(admin_client):
    anna, _bob, cleo = (
        make_customer(external_id=name, country=country)
        for name, country in (("anna", "PT"), ("bob", "DE"), ("cleo", "PT"))
    )
    build_state(DAY)
    rule = {"field": "country", "op": "eq", "value": "PT"}
    campaign = make_campaign(target_group=TargetGroup.objects.create(name="PT", rule=rule))

    def shown(**query):
        return admin_client.get(address(campaign), query).context["customer"]

    assert shown(customer="anna", go="next") == cleo
    assert shown(customer="anna", go="previous") == cleo
    assert shown(customer="cleo", go="previous") == anna
    assert {shown() for _ in range(8)} <= {anna, cleo}


def test_what_cannot_be_shown_is_said(admin_client):
    campaign = make_campaign()
    make_action(campaign, body="{{ nobody }}")
    empty = admin_client.get(address(campaign)).content.decode()
    unknown = admin_client.get(address(campaign), {"customer": "x"}).content.decode()
    make_customer()
    faulty = admin_client.get(address(campaign)).content.decode()

    assert "No customer in the target group can be contacted." in empty
    assert "Customer “x” does not exist" in unknown
    assert "Line 1: “nobody” does not exist" in faulty
    assert admin_client.get(address(Campaign(pk=0))).status_code == 404
    assert admin_client.get(f"/admin/campaigns/campaign/{'9' * 30}/preview/").status_code == 404


@pytest.mark.parametrize("codename", READER)
def test_who_may_not_see_customers_or_campaigns_sees_no_preview(client, codename):
    log_in(client, codename)

    assert client.get(address(make_campaign())).status_code == 403


def test_who_may_look_may_not_yet_send(client):
    log_in(client, *READER)
    campaign = make_campaign()
    action, customer = make_action(campaign), make_customer()
    sent = {"action": action.pk, "customer": customer.external_id, "addresses": "a@example.com"}

    assert b"Send a proof" not in client.get(address(campaign)).content
    assert client.post(address(campaign), sent).status_code == 403


def prove(client, campaign: Campaign, addresses: str, **fields) -> str:
    """Send a proof of the campaign's first action; returns the page that follows."""
    action = campaign.actions.all()[0]
    fields = {"action": action.pk, "customer": "anna", "addresses": addresses} | fields
    return client.post(address(campaign), fields, follow=True).content.decode()


@pytest.fixture
def campaign():
    campaign = make_campaign()
    make_action(
        campaign,
        name="Mail",
        subject="Hello {{ customer.first_name }}",
        body="Out: {{ unsubscribe_url }}",
        html="<p>{{ customer.first_name }}</p>",
    )
    make_customer(external_id="anna", email="anna@customers.example", consents=[])
    return campaign


def test_a_proof_arrives_and_counts_nowhere(client, campaign, peer: SmtpPeer):
    log_in(client, *READER, "proof_campaign")

    page = prove(client, campaign, "a@example.com, b@example.com\n a@example.com")

    assert "for customer anna sent to a@example.com, b@example.com" in page
    assert peer.recipients == ["a@example.com", "b@example.com"]
    for _recipient, message in peer.taken:
        assert message["Subject"] == "[Proof] Hello Anna"
        assert message["List-Unsubscribe"] is None
        text, html = message.iter_parts()
        assert text.get_content().strip() == "Out: https://example.com/unsubscribe"
        assert html.get_content().strip() == "<p>Anna</p>"
    assert set(peer.times_taken.values()) == {1}
    assert not Contact.objects.exists()
    assert not Delivery.objects.exists()
    [entry] = LogEntry.objects.all()
    assert entry.object_id == str(campaign.pk)
    assert "sent to a@example.com, b@example.com" in entry.get_change_message()


def test_what_an_error_nobody_foresaw_leaves_open_is_said(admin_client, campaign, monkeypatch):
    def fail(self, messages):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)

    page = prove(admin_client, campaign, "a@example.com\nb@example.com")

    unclear = "It is unclear whether the message was accepted: ZeroDivisionError: by nought"
    assert f"a@example.com: may have been sent. {unclear}" in page
    assert (
        "b@example.com: not sent. The message cannot be sent: ZeroDivisionError: by nought" in page
    )


def test_one_refused_address_leaves_the_others(admin_client, campaign, peer: SmtpPeer):
    peer.replies = {"no@example.com": "550 no such mailbox"}

    page = prove(admin_client, campaign, "no@example.com\nyes@example.com")

    assert peer.recipients == ["yes@example.com"]
    assert "no@example.com: not sent. The address was refused: 550 no such mailbox" in page


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ("", "addresses for a test send."),
        ("\n".join(f"a{n}@example.com" for n in range(11)), "10 at most"),
        ("a@example.com\nnobody", "“nobody” is not a valid address"),
        ("a@example.com\rBcc: b@example.com", "” is not a valid address for this channel ("),
    ],
)
def test_a_proof_requested_with_bad_input_sends_nothing(
    admin_client, campaign, peer: SmtpPeer, addresses, said
):
    assert said in prove(admin_client, campaign, addresses)

    assert not peer.taken
    assert not LogEntry.objects.exists()


def test_a_proof_goes_to_no_suppressed_address_and_to_each_address_once(
    admin_client, campaign, peer: SmtpPeer
):
    suppress_address("email", "Gone@Example.com", reason="request", source="test", at=NOW)
    page = prove(admin_client, campaign, "a@example.com\ngone@EXAMPLE.com")
    assert "“gone@EXAMPLE.com” is on the suppression list" in page
    assert not peer.taken

    prove(admin_client, campaign, "a@example.com\nA@example.COM")
    assert len(peer.taken) == 1


def test_a_proof_heeds_the_stop_switch_the_route_and_the_channel(
    admin_client, campaign, peer: SmtpPeer
):
    route = ChannelRoute.for_channel("email")
    route.is_open = False
    route.save()
    assert "route is closed" in prove(admin_client, campaign, "a@example.com")
    route.is_open = True
    route.save()
    organisation = Organisation.current()
    organisation.sending_stopped = True
    organisation.save()
    assert "Sending is stopped" in prove(admin_client, campaign, "a@example.com")
    push = make_action(campaign, channel="push")
    assert "Test sends are not available for this channel (" in prove(
        admin_client, campaign, "a", action=push.pk
    )

    assert not peer.taken


def test_a_proof_by_text_message_goes_the_channels_way(admin_client, settings, tmp_path):
    settings.FILE_DROP_DIR = tmp_path
    campaign = make_campaign()
    make_action(campaign, channel="sms", subject="", body="Hi {{ customer.first_name }}")
    make_customer(external_id="anna")

    prove(admin_client, campaign, "+49 170 1234567")

    [file] = tmp_path.iterdir()
    [row] = csv.DictReader(file.read_text().splitlines())
    assert (row["address"], row["text"]) == ("+49 170 1234567", "[Proof] Hi Anna")


def test_the_pages_of_campaign_and_action_lead_to_the_preview(admin_client):
    action = make_action()
    campaign_page = reverse("admin:campaigns_campaign_change", args=[action.campaign_id])
    action_page = reverse("admin:campaigns_action_change", args=[action.pk])

    assert address(action.campaign) in admin_client.get(campaign_page).content.decode()
    link = reverse("admin:campaigns_action_preview", args=[action.pk])
    assert link in admin_client.get(action_page).content.decode()
    led_to = admin_client.get(link).headers["Location"]
    assert led_to == f"{address(action.campaign)}#action-{action.pk}"

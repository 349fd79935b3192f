"""Endpoints, targets and routes: secrets go in and never come out; a test is answered in words."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.urls import reverse

from journeys.models import ChannelRoute, SftpTarget, WebhookEndpoint
from tests.journeys.http_peer import running_http_peer
from tests.journeys.routes import SECRET, make_endpoint, route
from tests.journeys.sftp_peer import PASSWORD, SftpPeer, running_sftp_peer

pytestmark = pytest.mark.django_db
ENDPOINTS = "/admin/journeys/webhookendpoint/"
TARGETS = "/admin/journeys/sftptarget/"
ROUTES = "/admin/journeys/channelroute/"


def endpoint_form(**fields) -> dict[str, str]:
    defaults = {"name": "Texts", "url": "https://texts.example/in", "secret": SECRET}
    return defaults | {"timeout_seconds": "10", "is_active": "on"} | fields


def test_an_endpoint_is_made_and_its_secret_is_never_shown(admin_client):
    assert admin_client.post(f"{ENDPOINTS}add/", endpoint_form()).status_code == 302

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.secret == SECRET
    assert SECRET not in endpoint.sealed_secret
    pages = [ENDPOINTS, f"{ENDPOINTS}{endpoint.pk}/change/", f"{ENDPOINTS}{endpoint.pk}/history/"]
    for page in pages:
        shown = admin_client.get(page).content.decode()
        assert SECRET not in shown
        assert endpoint.sealed_secret not in shown
    assert not [log for log in LogEntry.objects.all() if SECRET in log.change_message]


def test_an_empty_secret_keeps_the_present_one_and_the_address_stays(admin_client):
    endpoint = make_endpoint("https://texts.example/in")
    page = f"{ENDPOINTS}{endpoint.pk}/change/"

    form = endpoint_form(name="Renamed", secret="", url="https://elsewhere.example/")
    assert admin_client.post(page, form).status_code == 302

    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.secret) == ("Renamed", SECRET)
    assert endpoint.url == "https://texts.example/in"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"secret": ""}, "Enter a secret."),
        ({"secret": "whsec_short"}, "24 to 64 bytes"),
        ({"secret": "whsec_é"}, "24 to 64 bytes"),
        ({"url": "http://texts.example/"}, "https://"),
        (
            {"url": "https://user:pw@texts.example/"},
            "The address must not contain a user name or password.",
        ),
        ({"url": "https://texts.example:22/"}, "Port 22"),
        ({"timeout_seconds": "11"}, "less than or equal to 10"),
    ],
)
def test_what_cannot_work_is_said_at_once(admin_client, fields, sentence):
    answer = admin_client.post(f"{ENDPOINTS}add/", endpoint_form(**fields))

    assert answer.status_code == 200
    shown = answer.content.decode()
    assert sentence in shown
    assert SECRET not in shown  # not even what was just typed
    assert not WebhookEndpoint.objects.exists()


def messages_of(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def ask_for_a_test(client, page: str, row) -> list[str]:
    form = {"action": "test_selected", "_selected_action": [row.pk]}
    return messages_of(client.post(page, form, follow=True))


def test_a_test_by_webhook_says_that_it_was_taken_or_why_not(admin_client, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    with running_http_peer() as peer:
        endpoint = make_endpoint(peer.url)
        [good] = ask_for_a_test(admin_client, ENDPOINTS, endpoint)
        assert "The test message was accepted." in good
        assert [taken.json["type"] for taken in peer.taken] == ["message.test"]

        peer.reply = lambda n, taken: (401, {}, b"wrong signature")
        [bad] = ask_for_a_test(admin_client, ENDPOINTS, endpoint)
        assert "not accepted: HTTP 401 wrong signature" in bad

    settings.WEBHOOK_ALLOW_PRIVATE = False
    [refused] = ask_for_a_test(admin_client, ENDPOINTS, endpoint)
    assert "private network" in refused

    settings.SECRETS_KEYS = ["another"]
    [unread] = ask_for_a_test(admin_client, ENDPOINTS, endpoint)
    assert "The secret cannot be decrypted with the current SECRETS_KEYS. Enter it again." in unread


def target_form(peer: SftpPeer, **fields) -> dict[str, str]:
    defaults = {"name": "Letters", "host": "127.0.0.1", "port": str(peer.port), "folder": "."}
    more = {"username": "shop", "host_key": peer.host_key_line, "secret": PASSWORD}
    return defaults | more | {"is_active": "on"} | fields


def test_a_target_is_made_and_tested(admin_client, tmp_path):
    with running_sftp_peer(tmp_path) as peer:
        for wrong, sentence in (
            ({"host_key": "nonsense"}, "ssh-keyscan"),
            ({"secret": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "cannot be read"),
            ({"folder": "a\x00b"}, "ull characters"),
        ):
            answer = admin_client.post(f"{TARGETS}add/", target_form(peer, **wrong))
            assert sentence in answer.content.decode()
        assert admin_client.post(f"{TARGETS}add/", target_form(peer)).status_code == 302
        target = SftpTarget.objects.get()
        assert PASSWORD not in admin_client.get(f"{TARGETS}{target.pk}/change/").content.decode()

        [good] = ask_for_a_test(admin_client, TARGETS, target)
        assert "was accepted" in good
        [file] = peer.folder.iterdir()
        assert file.name.startswith("test_")

    [gone] = ask_for_a_test(admin_client, TARGETS, target)
    assert "not accepted" in gone


def test_the_test_of_a_mail_route_goes_to_the_user_who_sends_it(admin_client, admin_user):
    mail_route = route("email", "smtp")
    admin_user.email = ""
    admin_user.save()
    [without] = ask_for_a_test(admin_client, ROUTES, mail_route)
    assert "no e-mail address" in without

    admin_user.email = "me@example.com"
    admin_user.save()
    button = reverse("admin:journeys_channelroute_test_one", args=[mail_route.pk])
    assert admin_client.get(button).status_code == 200
    assert not mail.outbox  # a link sends nothing
    assert admin_client.post(button, {"_form_submitted": "True"}).headers["HX-Redirect"]
    assert [message.to for message in mail.outbox] == [["me@example.com"]]


def test_a_route_needs_what_its_transport_needs(admin_client):
    row = route("sms", "file_drop")
    endpoint = make_endpoint("https://texts.example/in")
    page = f"{ROUTES}{row.pk}/change/"
    form = {"channel": "sms", "is_open": "on", "endpoint": "", "target": "", "max_per_minute": ""}
    for wrong, sentence in (
        (
            {"transport": "webhook"},
            "Choose an endpoint for a webhook, and none for other transports.",
        ),
        (
            {"transport": "file_drop", "endpoint": endpoint.pk},
            "Choose an endpoint for a webhook, and none for other transports.",
        ),
        ({"transport": "sftp"}, "Choose a target for SFTP, and none for other transports."),
        ({"transport": "anymail"}, "An e-mail service provider can only be used for e-mail."),
        ({"transport": "call_list"}, "The call list can only be used for calls."),
    ):
        assert sentence in admin_client.post(page, form | wrong).content.decode(), wrong
    good = form | {"transport": "webhook", "endpoint": endpoint.pk}
    assert admin_client.post(page, good).status_code == 302
    assert ChannelRoute.for_channel("sms").peer_id == endpoint.pk


def test_a_test_needs_the_permission_to_change(client, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    user = User.objects.create_user("eva", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_webhookendpoint"))
    client.force_login(user)
    with running_http_peer() as peer:
        endpoint = make_endpoint(peer.url)
        ask = {"action": "test_selected", "_selected_action": [endpoint.pk]}
        client.post(ENDPOINTS, ask, follow=True)
        client.post(
            f"{ENDPOINTS}{endpoint.pk}/send-a-test/", {"_form_submitted": "True"}, follow=True
        )
        assert not peer.taken

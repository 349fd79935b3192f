"""A channel more is one entry in segments.channels: no migration, and nothing else to touch."""

import csv
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from campaigns.models import QuietHours
from campaigns.numerics.verdicts import Verdict
from campaigns.services.preferences import ChannelChoice, offered_channels
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.send_proof import send_proof
from journeys.explain.replay_run import Replay, replay_run
from journeys.models import Contact, Decision, Delivery, ReasonCode
from segments.channels import CHANNELS, Channel
from segments.customers.customer_links import PREFERENCES, UNSUBSCRIBE, Reader, page_url
from segments.customers.erase_customer import erase_customer
from segments.customers.suppress_addresses import find_suppression, suppress_address
from segments.models import Customer, StateBuild, Suppression, TargetGroup
from segments.rules.numerics.rule import parse_rule
from segments.rules.rule_fields import parse_known_rule, rule_fields
from segments.state.count_reachable import count_reachable
from segments.state.load_batch import load_batch
from tests.factories import (
    DAY,
    NOW,
    make_action,
    make_campaign,
    make_contact,
    make_customer,
    make_delivery,
)
from tests.journeys.engine import decide_day, make_customers, make_plan
from tests.journeys.http_peer import running_http_peer
from tests.journeys.routes import make_endpoint, route
from tests.segments.importing import counts, import_text, warned

pytestmark = pytest.mark.django_db
WHATSAPP = "whatsapp"
PHONE = "+49 170 12345"


@pytest.fixture(autouse=True)
def whatsapp(monkeypatch, settings, tmp_path):
    settings.FILE_DROP_DIR = tmp_path / "drop"
    entry = Channel(WHATSAPP, "WhatsApp", address_field="phone", can_be_typed=True)
    monkeypatch.setitem(CHANNELS, WHATSAPP, entry)


@pytest.fixture
def caller() -> APIClient:
    cache.clear()  # of what throttles counted
    client, user = APIClient(), User.objects.create_superuser("root")
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def make_anna(**fields) -> Customer:
    return make_customer(**{"external_id": "K-1", "phone": PHONE, "consents": [WHATSAPP]} | fields)


def make_text(**fields):
    campaign = make_campaign(**fields)
    return make_action(campaign, channel=WHATSAPP, subject="", body="Hi {{ customer.first_name }}")


def test_it_needs_no_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_longer_name_fits_every_column(monkeypatch):
    name = "instagram_messages"
    monkeypatch.setitem(CHANNELS, name, Channel(name, "Instagram", address_field="phone"))
    anna = make_anna(consents=[name])
    suppress_address(name, PHONE, reason="request", source="test", at=NOW)
    make_delivery(anna, make_action(channel=name))

    anna.refresh_from_db()
    assert anna.suppressed_channels == [name]
    assert Delivery.objects.get().channel == Contact.objects.get().channel == name


def test_a_file_says_who_allowed_it(tmp_path):
    job = import_text(
        tmp_path,
        "customer_id,phone,consent_whatsapp,optin_sms\n"
        f"K-1,{PHONE},yes,no\nK-2,+49 170 2,,yes\nK-3,+49 170 3,perhaps,\n",
    )

    assert counts(job) == (3, 3, 0, 0, 0)
    assert "perhaps" in warned(job)[4]
    allowed = dict(Customer.objects.values_list("external_id", "consents"))
    assert allowed == {"K-1": [WHATSAPP], "K-2": ["sms"], "K-3": []}
    assert Customer.objects.get(external_id="K-3").consents_unclear == [WHATSAPP]


def test_partners_read_and_change_the_consent(caller):
    make_anna(consents=["email"])
    body = {"consents": {WHATSAPP: True}, "source": "app, wording 2"}
    address = "/api/v1/customers/K-1/consents/"

    assert caller.patch(address, body, format="json").status_code == 200
    assert caller.get("/api/v1/customers/K-1/").json()["consents"] == ["email", WHATSAPP]
    body["consents"] = {"pigeon": True}
    assert caller.patch(address, body, format="json").status_code == 400


def test_people_see_and_change_the_consent_in_the_admin(admin_client):
    anna = make_anna()
    address = f"/admin/segments/customer/{anna.pk}/change/"
    assert "WhatsApp" in admin_client.get(address).text
    listed = admin_client.get("/admin/segments/customer/", {"consent": WHATSAPP})
    assert "K-1" in listed.text

    form = {"external_id": "K-1", "phone": PHONE, "attributes": "{}", "consents": ["email"]}
    form |= {"initial-consents": [WHATSAPP], "consent_proof": "By phone, 1 March"}
    saved = admin_client.post(address, form)

    assert saved.status_code == 302
    anna.refresh_from_db()
    assert anna.consents == ["email"]


def test_people_choose_it_for_actions_limits_and_routes(admin_client):
    for page in ("campaigns/frequencycap", "campaigns/quiethours", "journeys/channelroute"):
        assert f'value="{WHATSAPP}"' in admin_client.get(f"/admin/{page}/add/").text, page
    make_text().full_clean()
    QuietHours(name="Night", channel=WHATSAPP, starts_at="22:00", ends_at="08:00").full_clean()


def test_rules_ask_for_the_consent():
    field = f"consent.{WHATSAPP}"
    rule = {"all": [{"field": field, "op": "eq", "value": True}]}
    fields = rule_fields(None)
    assert "WhatsApp" in fields[field].label
    assert parse_known_rule(rule, fields).fields() == {field}


def test_reachable_is_who_allowed_it_and_has_a_number_that_is_not_suppressed():
    make_plan()
    make_customers(2, consents=[WHATSAPP])
    make_customers(1, consents=[WHATSAPP], phone="")
    make_customers(1, consents=["sms"])
    decide_day()
    state = StateBuild.objects.get()

    reached = count_reachable(parse_rule({}), [WHATSAPP], state, timeout_ms=10_000)
    suppress_address(
        WHATSAPP, Customer.objects.earliest("pk").phone, reason="request", source="test", at=NOW
    )
    batch = load_batch(state, 0, 2**40)

    assert sum(n for _all, n in reached.values()) == 2
    assert batch.consents[WHATSAPP].tolist() == [True, True, True, False]
    assert batch.addresses[WHATSAPP].tolist() == [True, True, False, True]
    assert batch.barred[WHATSAPP].tolist() == [True, False, False, False]


def test_a_number_is_suppressed_however_it_is_spelt():
    anna = make_anna()
    suppress_address(WHATSAPP, "0049 (170) 12345", reason="request", source="test", at=NOW)

    anna.refresh_from_db()
    assert anna.suppressed_channels == [WHATSAPP]


def test_people_look_the_number_up_on_the_page_of_suppressed_addresses(admin_client):
    form = {"channel": WHATSAPP, "address": PHONE, "reason": "by phone", "wish": "add"}
    page = admin_client.post("/admin/segments/suppression/address/", form)

    assert "Suppressed since" in page.text
    assert find_suppression(WHATSAPP, PHONE) is not None


def test_a_complaint_suppresses_the_number_and_ends_the_consent(caller, tmp_path):
    anna, berta = make_anna(), make_anna(external_id="K-2", phone="+49 170 2")
    event = {
        "external_id": "1",
        "customer": "K-1",
        "kind": "complaint",
        "occurred_at": "2026-03-01T08:00:00Z",
        "properties": {"channel": WHATSAPP},
    }
    answer = caller.post("/api/v1/events/", {"events": [event]}, format="json")
    import_text(
        tmp_path,
        f"customer,kind,occurred_at,channel,id\nK-2,complaint,2026-03-01,{WHATSAPP},7\n",
        kind="events",
    )

    assert answer.status_code in (200, 202), answer.text
    for customer in (anna, berta):
        customer.refresh_from_db()
        assert (customer.consents, customer.suppressed_channels) == ([], [WHATSAPP])


def test_it_is_decided_handed_over_as_a_file_and_replayed(settings):
    make_plan()
    group = TargetGroup.objects.create(name="Everyone")
    make_text(target_group=group, rank=1)
    old = DAY - timedelta(days=100)
    anna = make_anna(registered_on=old)
    make_anna(external_id="K-2", registered_on=old, phone="")
    make_anna(external_id="K-3", registered_on=old, consents=["sms"])
    run = decide_day()

    kept = {row.customer.external_id: row.verdicts for row in Decision.objects.all()}
    assert [row.customer_id for row in Contact.objects.all()] == [anna.pk]
    assert list(kept["K-2"]) == [Verdict.NO_ADDRESS]
    assert list(kept["K-3"]) == [Verdict.NO_CONSENT]
    assert replay_run(run) == Replay(n_decisions=3)

    assert deliver_messages(now=NOW, owner="a")["sent"] == 1
    [file] = settings.FILE_DROP_DIR.iterdir()
    with file.open(newline="") as lines:
        [row] = csv.DictReader(lines)
    assert (row["channel"], row["address"], row["text"]) == (WHATSAPP, PHONE, "Hi Anna")


def test_it_is_handed_over_by_a_webhook_with_the_number(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = True
    make_delivery(make_anna(), make_text())
    with running_http_peer() as peer:
        route(WHATSAPP, "webhook", endpoint=make_endpoint(f"{peer.url}/in"))
        assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    [taken] = peer.taken
    assert (taken.json["data"]["channel"], taken.json["data"]["address"]) == (WHATSAPP, PHONE)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"phone": ""}, ReasonCode.NO_ADDRESS),
        ({"consents": ["sms"]}, ReasonCode.NO_CONSENT),
        ({"suppressed_channels": [WHATSAPP]}, ReasonCode.ADDRESS_SUPPRESSED),
    ],
)
def test_what_changed_since_stops_the_message(change, reason):
    anna = make_anna()
    delivery = make_delivery(anna, make_text())
    Customer.objects.filter(pk=anna.pk).update(**change)

    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1
    delivery.refresh_from_db()
    assert delivery.reason_code == reason


def test_the_ledger_check_finds_a_message_to_a_suppressed_number():
    make_plan()
    contact = make_contact(make_anna(), make_text())
    make_delivery(contact=contact, key=contact.key)
    assert deliver_messages(now=NOW, owner="a")["sent"] == 1
    Customer.objects.update(updated_at=NOW)
    call_command("check_ledger", since=DAY, stdout=StringIO())

    before = NOW - timedelta(hours=1)
    suppress_address(WHATSAPP, "0049 (170) 12345", reason="request", source="test", at=before)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_ledger", since=DAY, json=True, stdout=out)

    violated = [row["rule"] for row in json.loads(out.getvalue())["rules"] if row["violated"]]
    assert violated == ["suppressed addresses get nothing"]


def test_a_proof_goes_to_a_number_that_is_typed(settings):
    [(address, receipt)] = send_proof(make_text(), make_anna(), ["+49 30 1"], as_of=DAY, now=NOW)
    assert (address, receipt.result) == ("+49 30 1", "sent")


def test_customers_turn_it_off_on_their_pages(client, settings):
    cache.clear()
    settings.PUBLIC_URL = "http://testserver"
    anna = make_anna(consents=["email", WHATSAPP])
    assert ChannelChoice(WHATSAPP, "WhatsApp", "•••45", True) in offered_channels(anna)

    unsubscribe = client.get(page_url(UNSUBSCRIBE, Reader(anna.pk, WHATSAPP, None)))
    preferences = page_url(PREFERENCES, Reader(anna.pk, WHATSAPP, None))
    client.post(preferences, {"save": "chosen", "channel": ["email"]})

    assert "WhatsApp" in unsubscribe.text
    anna.refresh_from_db()
    assert anna.consents == ["email"]


def test_after_an_erasure_only_the_hash_of_the_number_is_left(tmp_path):
    anna = make_anna()
    erase_customer(anna, source="letter", at=NOW)

    anna.refresh_from_db()
    assert (anna.phone, anna.consents, anna.suppressed_channels) == ("", [], [])
    assert find_suppression(WHATSAPP, PHONE).reason == Suppression.Reason.ERASURE
    import_text(tmp_path, f"customer_id,phone,consent_whatsapp\nK-9,{PHONE},yes\n")
    assert WHATSAPP in Customer.objects.get(external_id="K-9").suppressed_channels


def test_the_description_of_the_api_names_it():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    assert "`whatsapp` - WhatsApp" in json.dumps(schema["components"]["schemas"])

"""Limits in the admin, and as contacts, runs and explanations see them."""

from datetime import UTC, datetime, time, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction

from campaigns.models import FrequencyCap, MinimumGap, QuietHours
from campaigns.numerics.quiet_hours import QuietEntry
from campaigns.services.load_rulebook import load_rulebook
from journeys.explain.explain_decision import explain_decision
from journeys.models import Contact, Decision
from tests.factories import DAY, make_action, make_campaign, make_contact
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_limits_are_listed_in_words(admin_client):
    FrequencyCap.objects.create(name="Open", limit=None)
    FrequencyCap.objects.create(name="Shut", limit=0, scope="channel", channel="sms")
    FrequencyCap.objects.create(name="Week", limit=2, window="week", week_starts_on=7)
    MinimumGap.objects.create(name="Gap", channel="sms", hours=36)
    QuietHours.objects.create(
        name="Night", country="DE", starts_at=time(22), ends_at=time(8), weekdays=[1, 5]
    )

    caps = text_of(admin_client.get("/admin/campaigns/frequencycap/"))
    gaps = text_of(admin_client.get("/admin/campaigns/minimumgap/"))
    quiet = text_of(admin_client.get("/admin/campaigns/quiethours/"))

    assert "no cap on all messages" in caps
    assert "no messages allowed: SMS" in caps
    assert "2 in calendar week, from Sunday: all messages" in caps
    assert "at least 36 hours between two messages by SMS" in gaps
    assert "all channels in DE: Monday, Friday from 22:00 to 08:00 of the next day" in quiet


def test_quiet_hours_are_made_by_hand_and_reach_the_rulebook(admin_client):
    form = {
        "name": "Night",
        "is_active": "on",
        "channel": "sms",
        "country": "DE",
        "starts_at": "22:00",
        "ends_at": "08:30",
    }

    refused = admin_client.post(
        "/admin/campaigns/quiethours/add/", form | {"ends_at": "22:00", "weekdays": ["1"]}
    )
    admin_client.post("/admin/campaigns/quiethours/add/", form | {"weekdays": ["7", "1"]})
    admin_client.post("/admin/campaigns/quiethours/add/", form | {"channel": ""})

    assert "Quiet hours must not start and end at the same time." in text_of(refused)
    assert load_rulebook(DAY).quiet_hours == (
        QuietEntry("sms", "DE", 22 * 60, 8 * 60 + 30, (1, 7)),
        QuietEntry("", "DE", 22 * 60, 8 * 60 + 30, (1, 2, 3, 4, 5, 6, 7)),
    )


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (QuietHours, {"starts_at": time(8), "ends_at": time(8)}),
        (QuietHours, {"starts_at": time(8), "ends_at": time(9), "weekdays": [8]}),
        (MinimumGap, {"hours": 0}),
        (FrequencyCap, {"week_starts_on": 0}),
    ],
)
def test_the_database_refuses_limits_that_mean_nothing(model, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(name="x", **fields)


def test_conflicts_are_shown_to_those_who_may_see_the_rules(admin_client, client):
    make_action(made := make_campaign(name="Birthday"))
    FrequencyCap.objects.create(name="None", limit=0)
    sentence = "“Birthday” can never be sent: the cap “None” allows no messages."

    page = text_of(admin_client.get("/admin/campaigns/frequencycap/conflicts/"))
    campaign_page = text_of(admin_client.get(f"/admin/campaigns/campaign/{made.pk}/change/"))
    guest = User.objects.create_user("guest", password="x", is_staff=True)
    guest.user_permissions.add(Permission.objects.get(codename="view_frequencycap"))
    client.force_login(guest)

    assert sentence in page
    assert "never sent" in page
    assert "The campaign is running, but:" in campaign_page
    assert sentence in campaign_page
    assert client.get("/admin/campaigns/frequencycap/conflicts/").status_code == 403


def test_a_contact_freezes_what_its_campaign_was():
    make_customers(3)
    make_plan()
    receipt = make_campaign(transactional=True, not_counted_by_caps=True, control_share=0)
    make_action(receipt)
    plain = make_campaign(rank=1, control_share=0)
    make_action(plain)

    decide_day()

    flags = Contact.objects.values_list("campaign", "takes_slot", "counted", "transactional")
    assert set(flags) == {(receipt.pk, False, False, True), (plain.pk, True, True, False)}
    assert flags.count() == 6


def test_a_run_keeps_gaps_and_tells_which_one():
    (customer,) = make_customers(1)
    make_plan()
    action = make_action(make_campaign(rank=1, control_share=0, repeat_after_days=0))
    MinimumGap.objects.create(name="Two days", hours=48)
    before = make_action(make_campaign(status="ended"))
    make_contact(customer, before, as_of=DAY - timedelta(days=1))

    run = decide_day()

    decision = Decision.objects.get(run=run)
    assert decision.campaign is None
    (option,) = [
        o for o in explain_decision(decision).options if o.campaign_id == action.campaign_id
    ]
    assert option.verdict == (
        "The minimum gap “Two days” of 48 hours applies: another message (all "
        "messages) was sent within it or is scheduled."
    )


def test_a_calendar_day_is_that_of_the_customers_country():
    # Decided at 9:00 UTC on 1 March, 22:00 in Auckland. A contact at 13:00 UTC of the day before
    # was on the same day there, at 2:00, and on another one in UTC, the organisation's zone.
    here, there = make_customers(1)[0], make_customers(1, country="NZ")[0]
    make_plan()
    make_action(make_campaign(rank=1, control_share=0))
    FrequencyCap.objects.create(name="One a day", limit=1, window="day")
    before = make_action(make_campaign(status="ended"))
    moment = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) - timedelta(hours=11)
    for customer in (here, there):
        make_contact(customer, before, as_of=DAY - timedelta(days=1), reserved_at=moment)

    run = decide_day(decided_at=datetime(DAY.year, DAY.month, DAY.day, 9, tzinfo=UTC))

    contacted = Decision.objects.filter(run=run).exclude(campaign=None)
    assert list(contacted.values_list("customer", flat=True)) == [here.pk]

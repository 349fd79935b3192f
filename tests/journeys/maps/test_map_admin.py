"""The pages of maps and travellers: what is wrong is seen, and who may set it right."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from campaigns.models import Campaign
from journeys.maps.edit_map import save_graph
from journeys.maps.save_drawing import drawing_token
from journeys.models import JourneyMap, Traveller
from tests.factories import NOW, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, put_in, send, wait

pytestmark = pytest.mark.django_db

MAPS = reverse("admin:journeys_journeymap_changelist")
TRAVELLERS = reverse("admin:journeys_traveller_changelist")


@pytest.fixture
def parked():
    journey = launch(draw({"e": ENTRY, "w": wait(60)}, "e>w"))
    put_in(journey, make_customer(), at=NOW)
    Traveller.objects.update(fault="poison", due_at=None)
    return Traveller.objects.get()


def resume(client, traveller):
    data = {"action": "resume_selected", "_selected_action": [traveller.pk]}
    client.post(TRAVELLERS, data, follow=True)
    traveller.refresh_from_db()


def test_a_parked_traveller_is_reported_and_resumed(admin_client, parked):
    assert "1 participant is parked." in admin_client.get(MAPS).content.decode()

    resume(admin_client, parked)

    assert (parked.fault, parked.due_at is None) == ("", False)
    assert "parked" not in admin_client.get(MAPS).content.decode()


def test_resuming_and_launching_ask_for_their_permission(client, parked):
    user = User.objects.create_user("marketer", password="x", is_staff=True)
    wanted = ["view_traveller", "view_journeymap", "change_journeymap"]
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.login(username="marketer", password="x")

    resume(client, parked)
    data = {"action": "pause_selected", "_selected_action": [parked.map_id]}
    client.post(MAPS, data, follow=True)

    assert parked.fault == "poison"
    assert JourneyMap.objects.get().status == "active"


def launch_from_list(client, journey) -> str:
    data = {"action": "launch_selected", "_selected_action": [journey.pk]}
    return client.post(MAPS, data, follow=True).content.decode()


def launch_from_canvas(client, journey) -> str:
    url = reverse("admin:journeys_journeymap_launch", args=[journey.pk])
    body = json.dumps({"base": drawing_token(journey.versions.get())})
    return client.post(url, body, content_type="application/json").json()["text"]


@pytest.mark.parametrize("launch_it", [launch_from_list, launch_from_canvas])
def test_draft_campaigns_start_with_the_map_only_for_who_may_launch_campaigns(client, launch_it):
    campaign = make_step_campaign(name="Reminder", status="draft")
    journey = JourneyMap.objects.create(name="Cart")
    save_graph(journey, draw({"e": ENTRY, "m": send(campaign)}, "e>m"), by="anna", at=NOW)
    user = User.objects.create_user("marketer", password="x", is_staff=True)
    wanted = ["view_journeymap", "change_journeymap", "launch_journeymap"]
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(user)

    said = launch_it(client, journey)

    assert (
        "These campaigns are drafts, and you do not have permission to launch campaigns: Reminder."
    ) in said
    assert status_of(journey, campaign) == ("draft", "draft")
    user.user_permissions.add(Permission.objects.get(codename="launch_campaign"))
    assert "Launched." in launch_it(client, journey)
    assert status_of(journey, campaign) == ("active", "active")


def status_of(journey: JourneyMap, campaign: Campaign) -> tuple[str, str]:
    journey.refresh_from_db()
    campaign.refresh_from_db()
    return journey.status, campaign.status

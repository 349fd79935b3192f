"""The pages of maps and travellers: what is wrong is seen, and who may set it right."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from journeys.models import JourneyMap, Traveller
from tests.factories import NOW, make_customer
from tests.journeys.maps import ENTRY, draw, launch, put_in, wait

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


def test_a_parked_traveller_is_told_of_and_resumed(admin_client, parked):
    assert "1 traveller is parked." in admin_client.get(MAPS).content.decode()

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

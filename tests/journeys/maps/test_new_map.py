"""A new journey map: blank or from a template."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from campaigns.models import Campaign
from journeys.maps.map_templates import template_graphs
from journeys.models import JourneyMap
from tests.factories import make_goal

pytestmark = pytest.mark.django_db

URL = "/admin/journeys/journeymap/add/"


def canvas_of(journey) -> str:
    return reverse("admin:journeys_journeymap_canvas", args=[journey.pk])


def test_a_blank_map_needs_a_name_of_its_own(admin_client):
    JourneyMap.objects.create(name="Taken")

    nameless = admin_client.post(URL, {"template": "blank", "name": ""})
    taken = admin_client.post(URL, {"template": "blank", "name": "Taken"})
    made = admin_client.post(URL, {"template": "blank", "name": "Mine"})

    assert "A blank journey needs a name." in nameless.content.decode()
    assert "There is already a journey with this name." in taken.content.decode()
    assert made["Location"] == canvas_of(JourneyMap.objects.get(name="Mine"))


@pytest.mark.parametrize("template", template_graphs())
def test_each_template_opens_on_the_canvas_without_overlap(admin_client, template):
    make_goal(event_kind="order")
    make_goal(event_kind="order")  # which of the two is used does not matter
    answer = admin_client.post(URL, {"template": template, "name": ""})

    journey = JourneyMap.objects.get()
    assert answer["Location"] == canvas_of(journey)
    assert admin_client.get(answer["Location"]).status_code == 200
    graph = journey.versions.get().graph
    places = [(step["x"], step["y"]) for step in graph["steps"]]
    level = {step["id"]: step["y"] for step in graph["steps"]}
    for i, (x, y) in enumerate(places):
        for other_x, other_y in places[i + 1 :]:
            assert abs(x - other_x) >= 248 or abs(y - other_y) >= 92  # the size of a card
    assert all(level[link["to"]] > level[link["from"]] for link in graph["links"])
    assert not Campaign.objects.exclude(status="draft").exists()


def test_a_template_may_be_given_a_name(admin_client):
    admin_client.post(URL, {"template": "birthday", "name": "Our birthdays"})

    assert JourneyMap.objects.get().name == "Our birthdays"


def test_templates_are_for_those_who_may_add_campaigns(client):
    user = User.objects.create_user("drawer", password="x", is_staff=True)
    names = ["add_journeymap", "view_journeymap"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)

    assert (
        "Templates create campaigns, goals and target groups, which you do not have "
        "permission to add."
    ) in client.get(URL).content.decode()
    assert client.post(URL, {"template": "welcome", "name": "x"}).status_code == 200
    assert client.post(URL, {"template": "blank", "name": "x"}).status_code == 302
    assert not Campaign.objects.exists()


def test_users_without_the_permission_make_no_journey(client):
    client.force_login(User.objects.create_user("other", password="x", is_staff=True))

    assert client.get(URL).status_code == 403
    assert client.post(URL, {"template": "blank", "name": "x"}).status_code == 403

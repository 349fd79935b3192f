"""Last year's journey again, as a draft with campaigns of its own."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from journeys.maps.check_map import check_graph
from journeys.maps.copy_map import copy_map
from journeys.maps.edit_map import launch_map, newest_version
from journeys.models import JourneyMap, Traveller
from tests.factories import DAY, NOW, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, put_in, send, wait

pytestmark = pytest.mark.django_db


@pytest.fixture
def welcome():
    first, second = make_step_campaign(name="Hello"), make_step_campaign(name="How is it?")
    steps = {"e": ENTRY, "a": send(first), "w": wait(60), "b": send(second), "c": send(first)}
    journey = launch(
        draw(steps, "e>a a>w w>b b>c"), name="Welcome", control_share=0.2, reentry="after",
        reentry_days=30, exit_rule={},
    )  # fmt: skip
    put_in(journey, make_customer(), at=NOW)
    return journey


def copied(journey):
    return copy_map(journey, by="eva", at=NOW + timedelta(days=1), today=DAY)


def test_a_copy_is_a_draft_with_the_drawing_and_copies_of_its_campaigns(welcome):
    copy = copied(welcome)

    journey = copy.journey
    assert (journey.name, journey.status, journey.active_version) == (
        "Welcome (copy)",
        "draft",
        None,
    )
    assert (journey.control_share, journey.reentry, journey.reentry_days) == (0.2, "after", 30)
    assert journey.seed != welcome.seed
    old, new = newest_version(welcome).graph, newest_version(journey).graph
    assert new["links"] == old["links"]
    names = {c.pk: c.name for c in copy.campaigns}
    steps = {step["id"]: names.get(step.get("campaign")) for step in new["steps"]}
    assert steps == {
        "e": None, "a": "Hello (copy)", "w": None, "b": "How is it? (copy)", "c": "Hello (copy)",
    }  # fmt: skip
    assert {c.status for c in copy.campaigns} == {"draft"}
    assert not Traveller.objects.filter(map=journey).exists()
    assert newest_version(welcome).graph == old


def test_a_copy_can_be_launched(welcome):
    copy = copied(welcome)

    assert check_graph(newest_version(copy.journey).graph) == []
    launch_map(copy.journey, by="eva", at=NOW + timedelta(days=1))
    copy.campaigns[0].refresh_from_db()
    assert copy.campaigns[0].status == "active"


def test_a_journey_without_a_drawing_is_copied_too():
    journey = JourneyMap.objects.create(name="Empty")

    assert newest_version(copied(journey).journey) is None


def test_the_button_leads_to_the_canvas_of_the_draft(admin_client, welcome):
    page = admin_client.get(reverse("admin:journeys_journeymap_change", args=[welcome.pk]))
    address = f"/admin/journeys/journeymap/{welcome.pk}/copy/"
    assert address in page.content.decode()

    answer = admin_client.post(address, {"_form_submitted": "1"})

    draft = JourneyMap.objects.get(name="Welcome (copy)")
    canvas = reverse("admin:journeys_journeymap_canvas", args=[draft.pk])
    assert answer.headers["HX-Redirect"] == canvas
    admin_client.post(
        reverse("admin:journeys_journeymap_changelist"),
        {"action": "copy_selected", "_selected_action": [welcome.pk]},
    )
    assert JourneyMap.objects.filter(name="Welcome (copy 2)").exists()


def test_who_may_not_add_campaigns_may_not_copy_journeys(client, django_user_model, welcome):
    user = django_user_model.objects.create_user("eva", is_staff=True)
    names = ["view_journeymap", "change_journeymap", "add_journeymap"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)

    answer = client.post(f"/admin/journeys/journeymap/{welcome.pk}/copy/", {"_form_submitted": "1"})

    assert answer.status_code == 403
    assert JourneyMap.objects.count() == 1

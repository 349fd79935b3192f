"""The canvas of a journey map: who may see and change it, and what it answers."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from journeys.maps.edit_map import save_graph
from journeys.maps.save_drawing import drawing_token
from journeys.models import JourneyMap, MapVersion, StepTally
from tests.factories import NOW
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, send, wait

pytestmark = pytest.mark.django_db


def url(journey, name: str = "canvas") -> str:
    return reverse(f"admin:journeys_journeymap_{name}", args=[journey.pk])


def post(client, journey, name: str, body):
    return client.post(url(journey, name), json.dumps(body), content_type="application/json")


def make_map(graph=None, name: str = "Abandoned cart") -> JourneyMap:
    journey = JourneyMap.objects.create(name=name)
    if graph is not None:
        save_graph(journey, graph, by="anna", at=NOW)
    return journey


def newest_token(journey) -> str:
    return drawing_token(journey.versions.order_by("-number").first())


def whole():
    """Entry, an hour's wait, a message."""
    steps = {"s1": ENTRY, "s2": wait(60), "s3": send(make_step_campaign())}
    return draw(steps, "s1>s2 s2>s3")


@pytest.fixture
def reader(client):
    """May look at maps, and no more."""
    user = User.objects.create_user("reader", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_journeymap"))
    client.force_login(user)
    return client


def test_the_page_of_an_empty_map_and_of_a_drawn_one_open(admin_client):
    for journey in (make_map(), make_map(whole(), "Drawn"), launch(whole())):
        assert admin_client.get(url(journey)).status_code == 200


def test_the_page_costs_the_same_queries_for_a_large_drawing(admin_client):
    counts = []
    for n in (2, 60):
        steps = {"s0": ENTRY} | {f"s{i}": wait(i) for i in range(1, n)}
        journey = make_map(draw(steps, " ".join(f"s{i}>s{i + 1}" for i in range(n - 1))), f"{n}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            admin_client.get(url(journey))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_drawing_is_described_step_by_step_without_being_saved(admin_client):
    journey = make_map()
    graph = draw({"s1": ENTRY, "s2": wait(60), "s3": {"kind": "exit"}}, "s1>s2")

    answer = post(admin_client, journey, "check", {"graph": graph}).json()

    assert answer["steps"]["s2"] == {"words": "Wait 1 hour", "problems": []}
    assert answer["steps"]["s3"]["problems"] == ["This step cannot be reached from the entry."]
    assert [problem["step"] for problem in answer["problems"]] == ["s3"]
    assert not journey.versions.exists()


def test_a_broken_draft_is_saved_but_not_launched(admin_client):
    journey = make_map()
    graph = draw({"s1": ENTRY})

    saved = post(admin_client, journey, "save", {"graph": graph, "base": ""})
    refused = post(admin_client, journey, "launch", {"base": saved.json()["base"]})

    assert saved.status_code == 200
    assert journey.versions.get().graph == graph
    assert journey.versions.get().made_by == "admin"
    assert refused.status_code == 400
    assert "The entry is not connected to a step." in refused.json()["text"]
    assert JourneyMap.objects.get().status == "draft"


def test_a_map_is_launched_paused_and_ended_from_its_canvas(admin_client):
    journey = make_map(whole())
    base = {"base": newest_token(journey)}

    for name, status in [("launch", "active"), ("pause", "paused"), ("end", "ended")]:
        assert post(admin_client, journey, name, base).status_code == 200
        journey.refresh_from_db()
        assert journey.status == status


def test_what_another_saved_meanwhile_is_not_overwritten_unasked(admin_client):
    journey = make_map(whole())
    opened = newest_token(journey)
    theirs = draw({"s1": ENTRY, "s2": wait(5)}, "s1>s2")
    save_graph(journey, theirs, by="berta", at=NOW.replace(minute=30))
    later_save = {"graph": draw({"s1": ENTRY, "s2": wait(9)}, "s1>s2"), "base": opened}

    answer = post(admin_client, journey, "save", later_save)
    assert answer.status_code == 409
    assert "berta" in answer.json()["text"]
    assert journey.versions.get().graph == theirs
    assert post(admin_client, journey, "launch", {"base": opened}).status_code == 409

    again = post(admin_client, journey, "save", later_save | {"base": answer.json()["base"]})
    assert again.status_code == 200
    assert journey.versions.get().graph == later_save["graph"]


def test_two_who_open_an_empty_map_do_not_overwrite_each_other(admin_client):
    journey = make_map()
    first, second = ({"graph": draw({"s1": ENTRY, "s2": wait(n)}), "base": ""} for n in (1, 2))

    assert post(admin_client, journey, "save", first).status_code == 200
    assert post(admin_client, journey, "save", second).status_code == 409


def test_a_draft_of_a_live_journey_is_a_separate_version(admin_client):
    journey = launch(whole())
    changed = draw({"s1": ENTRY, "s2": wait(5)}, "s1>s2")

    post(admin_client, journey, "save", {"graph": changed, "base": newest_token(journey)})

    assert [v.number for v in journey.versions.order_by("number")] == [1, 2]
    page = admin_client.get(url(journey)).context["canvas"]
    assert [row["words"] for row in page["versions"]] == ["Version 2 – draft", "Version 1 – live"]
    assert page["isEditable"]
    old = admin_client.get(url(journey) + "?version=1")
    assert not old.context["canvas"]["isEditable"]
    assert old.context["canvas"]["drawn"] == MapVersion.objects.get(number=1).graph
    assert not old.context["acts"]


def test_counts_come_from_the_tallies_of_the_version(admin_client):
    journey = launch(whole())
    version = journey.active_version
    for step, result, n in [
        ("s1", "arrived", 7),
        ("s1", "next", 7),
        ("s2", "arrived", 7),
        ("s2", "goal", 1),
        ("s2", "next", 2),
        ("s3", "arrived", 2),
        ("s3", "end", 2),
    ]:
        StepTally.objects.create(version=version, step=step, result=result, n=n)

    answer = admin_client.get(f"{url(journey, 'counts')}?version=1").json()

    assert answer["steps"]["s2"] == {"here": "4", "passed": "3", "busy": True}
    assert answer["figures"] == [
        ["Entered version 1", "7"],
        ["In the journey now", "4"],
        ["Ended: goal reached", "1"],
        ["Ended: end of the journey", "2"],
    ]
    rows = admin_client.get(url(journey)).context["canvas"]["versions"]
    assert rows[0]["words"] == "Version 1 – live, 4 in the journey"


def test_who_may_only_look_changes_nothing(reader):
    journey = make_map(whole())
    base = newest_token(journey)

    page = reader.get(url(journey))
    assert page.status_code == 200
    assert not page.context["is_editable"]
    assert not page.context["acts"]
    assert post(reader, journey, "save", {"graph": {}, "base": base}).status_code == 403
    for name in ("launch", "pause", "end"):
        assert post(reader, journey, name, {"base": base}).status_code == 403


def test_users_without_permission_see_nothing(client):
    client.force_login(User.objects.create_user("other", password="x", is_staff=True))
    journey = make_map(whole())

    assert client.get(url(journey)).status_code == 403
    assert client.get(url(journey, "counts")).status_code == 403
    assert post(client, journey, "check", {"graph": {}}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"graph": []}',
        '{"graph": {"steps": 3}}',
        '{"graph": {"steps": [{"id": "s1", "kind": "exit", "reason": NaN}]}}',
        '{"graph": {"steps": [{"id": "s1", "kind": "exit", "reason": 1e999}]}}',
        '{"graph": {"steps": [{"id": "s1", "kind": "exit", "reason": "\\u0000"}]}}',
        '{"graph": {"steps": [{"id": "s1", "kind": "exit", "reason": "\\ud800"}]}}',
        '{"graph": {"steps": ' + "[" * 5000 + "]" * 5000 + "}}",
    ],
)
def test_what_is_no_drawing_is_refused_with_a_sentence(admin_client, body):
    journey = make_map()
    for name in ("check", "save"):
        answer = admin_client.post(url(journey, name), body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["text"]
    assert not journey.versions.exists()


def test_pages_of_maps_and_versions_that_are_not_there(admin_client):
    journey = make_map(whole())

    assert admin_client.get(url(journey) + "?version=9").status_code == 404
    assert admin_client.get(url(journey).replace(str(journey.pk), "999999")).status_code == 404


def test_the_list_leads_to_the_canvas(admin_client):
    journey = launch(whole())

    page = admin_client.get(reverse("admin:journeys_journeymap_changelist")).content.decode()

    assert url(journey) in page


def test_without_an_exit_rule_nobody_leaves_and_the_form_says_so(admin_client):
    journey = make_map(whole())
    page = reverse("admin:journeys_journeymap_change", args=[journey.pk])

    assert "No conditions: the exit rule is off." in admin_client.get(page).content.decode()
    fields = {"name": "Cart", "exit_rule": "{}", "reentry": "never", "control_share": "0.2"}
    assert admin_client.post(page, fields).status_code == 302

    journey.refresh_from_db()
    assert (journey.name, journey.exit_rule, journey.control_share) == ("Cart", {}, 0.2)

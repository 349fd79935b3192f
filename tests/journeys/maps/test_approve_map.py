"""A journey map that many could enter is launched by two people, as it was drawn for both."""

import pytest
from django.contrib.auth.models import User

from campaigns.models import Approval, Campaign
from campaigns.services.approvals import approve, ask_for_launch
from journeys.errors import MapNeedsApproval
from journeys.explain.dry_run import dry_run
from journeys.maps.edit_map import launch_map, pause_map, save_graph
from journeys.models import JourneyMap
from segments.models import TargetGroup
from tests.campaigns.admin.test_second_person import change_page, form_of
from tests.campaigns.services.test_approvals import limit_to, make_user
from tests.factories import NOW, make_action, make_campaign
from tests.journeys.drawn_maps import ENTRY, draw, make_step_campaign, send, wait
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.long]

MAP = Approval.Kind.MAP


@pytest.fixture
def maker(db) -> User:
    return make_user("maker", superuser=True)


@pytest.fixture
def second(db) -> User:
    return make_user("second", "approve_approval", "view_approval")


@pytest.fixture
def group(db) -> TargetGroup:
    """Seven of ten customers, decided today; above five needs approval."""
    make_plan()
    make_customers(7, country="DE")
    make_customers(3, country="PT")
    make_action(make_campaign(rank=1, control_share=0))
    decide_day()
    limit_to(5)
    return TargetGroup.objects.create(
        name="Germans", rule={"field": "country", "op": "eq", "value": "DE"}
    )


def map_for(group: TargetGroup, *, by: str = "maker", **fields) -> JourneyMap:
    """Customers in the group get a message at once, and another after an hour."""
    first, then = make_step_campaign(control_share=0, rank=None), make_step_campaign()
    entry = {"kind": "entry", "by": "target_group", "target_group": group.pk}
    graph = draw({"e": entry, "s": send(first), "w": wait(60), "t": send(then)}, "e>s s>w w>t")
    journey = JourneyMap.objects.create(**{"name": "Hello", "control_share": 0} | fields)
    save_graph(journey, graph, by=by, at=NOW)
    return journey


def launched_by_two(journey: JourneyMap, maker: User, second: User) -> Approval:
    approval = approve(ask_for_launch(MAP, journey.pk, by=maker, at=NOW), by=second, at=NOW)
    launch_map(journey, by="maker", at=NOW)
    return approval


def test_a_map_waits_for_a_second_person_and_goes_on_after_a_pause(group, maker, second):
    journey = map_for(group)
    with pytest.raises(MapNeedsApproval, match="could reach 7 customers, more than 5"):
        launch_map(journey, by="maker", at=NOW)

    launched_by_two(journey, maker, second)
    pause_map(journey)

    assert launch_map(journey, by="maker", at=NOW).status == "active"


def test_the_person_who_drew_a_journey_cannot_approve_it(group, maker, second):
    journey = map_for(group, by="second")

    with pytest.raises(
        Exception,
        match="neither the person who requested it nor the last person to change it",
    ):
        approve(ask_for_launch(MAP, journey.pk, by=maker, at=NOW), by=second, at=NOW)


def test_moving_a_step_is_no_edit_and_any_other_stroke_is(group, maker, second):
    journey = map_for(group)
    approval = approve(ask_for_launch(MAP, journey.pk, by=maker, at=NOW), by=second, at=NOW)
    graph = journey.versions.get().graph
    graph["steps"][1]["x"] += 200
    save_graph(journey, graph, by="maker", at=NOW)
    approval.refresh_from_db()
    assert approval.status == "approved"
    graph["steps"][2]["minutes"] = 90

    save_graph(journey, graph, by="maker", at=NOW)

    approval.refresh_from_db()
    assert (approval.status, approval.reason) == ("withdrawn", "“Hello” has been changed since.")
    with pytest.raises(
        MapNeedsApproval, match=f"“{journey}” has changed since it was approved. Request"
    ):
        launch_map(journey, by="maker", at=NOW)


@pytest.mark.parametrize(
    "edit",
    [
        lambda journey, group: JourneyMap.objects.update(control_share=0.3),
        lambda journey, group: JourneyMap.objects.update(reentry="always"),
        lambda journey, group: JourneyMap.objects.update(
            exit_rule={"field": "country", "op": "eq", "value": "DE"}
        ),
        lambda journey, group: TargetGroup.objects.update(rule={}),
    ],
    ids=["control", "reentry", "exit", "group"],
)
def test_settings_and_the_entering_group_are_part_of_it(group, maker, second, edit):
    journey = map_for(group)
    approve(ask_for_launch(MAP, journey.pk, by=maker, at=NOW), by=second, at=NOW)

    edit(journey, group)

    with pytest.raises(
        MapNeedsApproval, match=f"“{journey}” has changed since it was approved. Request"
    ):
        launch_map(journey, by="maker", at=NOW)


def test_a_new_drawing_of_a_running_map_needs_its_own_approval(group, maker, second):
    journey = map_for(group)
    launched_by_two(journey, maker, second)
    graph = journey.versions.get().graph
    graph["steps"][2]["minutes"] = 90
    save_graph(journey, graph, by="maker", at=NOW)

    with pytest.raises(MapNeedsApproval):
        launch_map(journey, by="maker", at=NOW)


def test_settings_of_a_running_map_and_its_group_are_rules_in_force(group, maker, second, client):
    journey = map_for(group)
    launched_by_two(journey, maker, second)
    client.force_login(maker)
    url = change_page(journey)
    client.post(url, form_of(client, url) | {"control_share": "0.5"})
    client.post(change_page(group), {"name": "Germans", "rule": ""})

    journey.refresh_from_db()
    group.refresh_from_db()
    assert (journey.control_share, bool(group.rule)) == (0, True)
    for approval in Approval.objects.filter(kind="rules"):
        approve(approval, by=second, at=NOW)
    journey.refresh_from_db()
    group.refresh_from_db()
    assert (journey.control_share, group.rule) == (0.5, {})
    assert journey.status == "active"


def test_drafts_of_its_steps_are_approved_and_launched_with_it(group, maker, second):
    journey = map_for(group)
    Campaign.objects.filter(recurrence="step").update(status="draft")
    draft = Campaign.objects.filter(recurrence="step").first()
    approval = approve(ask_for_launch(MAP, journey.pk, by=maker, at=NOW), by=second, at=NOW)
    draft.actions.update(body="Other")
    with pytest.raises(
        MapNeedsApproval, match=f"“{journey}” has changed since it was approved. Request"
    ):
        launch_map(journey, by="maker", at=NOW)
    draft.refresh_from_db()
    assert (approval.status, draft.status) == ("approved", "draft")

    launched_by_two(journey, maker, second)

    draft.refresh_from_db()
    assert draft.status == "active"


def test_the_settings_lead_to_a_dry_run_and_a_request(group, maker, client):
    journey = map_for(group)
    client.force_login(maker)
    page = client.get(change_page(journey)).content.decode()

    for name in ("dry-run", "ask-for-approval"):
        url = f"/admin/journeys/journeymap/{journey.pk}/{name}/"
        assert url in page
        answer = client.post(url, {"_form_submitted": "1", "note": "Please"})
        assert answer["HX-Redirect"].startswith("/admin/campaigns/approval/")

    assert set(Approval.objects.values_list("kind", "status")) == {
        ("map", "tried"),
        ("map", "waiting"),
    }


def test_entry_by_event_counts_all_who_allowed_one_of_its_channels(group, maker):
    make_customers(4, consents=["sms"])
    message = make_step_campaign(control_share=0)
    journey = JourneyMap.objects.create(name="Cart", control_share=0)
    save_graph(journey, draw({"e": ENTRY, "s": send(message)}, "e>s"), by="maker", at=NOW)

    approval = ask_for_launch(MAP, journey.pk, by=maker, at=NOW)

    assert approval.audience == 10
    report = dry_run(approval)
    assert (report["notes"], report["changes"]) == (["nobody_at_once"], [])


def test_a_dry_run_shows_the_first_message_of_those_who_enter_at_once(group, maker):
    """By hand: all ten got the ranked campaign, which goes before steps of maps."""
    journey = map_for(group)
    first = journey.versions.get().graph["steps"][1]["campaign"]

    outranked = dry_run(ask_for_launch(MAP, journey.pk, by=maker, at=NOW, only_try=True))
    Campaign.objects.filter(rank=1).update(status="paused")
    free = dry_run(ask_for_launch(MAP, journey.pk, by=maker, at=NOW, only_try=True))

    assert outranked["changes"] == []
    assert free["changes"] == [{"from": 0, "to": first, "n": [7.0, 7.0, 7.0]}]
    assert free["notes"] == ["later_steps"]
    assert free["gaining"][0] == 7


def test_the_control_share_of_the_map_keeps_its_messages(group, maker):
    Campaign.objects.filter(rank=1).update(status="paused")
    journey = map_for(group, control_share=0.5, seed=1)
    first = journey.versions.get().graph["steps"][1]["campaign"]

    report = dry_run(ask_for_launch(MAP, journey.pk, by=maker, at=NOW, only_try=True))
    JourneyMap.objects.update(control_share=0)
    everybody = dry_run(ask_for_launch(MAP, journey.pk, by=maker, at=NOW, only_try=True))

    assert report["gaining"][0] < 7
    assert everybody["campaigns"][0]["after"][0] == 7
    assert everybody["campaigns"][0]["id"] == first

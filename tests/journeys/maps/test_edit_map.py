"""The life of a map: drafts, launches, pauses, and every reason against a launch in words."""

import pytest

from journeys.errors import MapNotReady
from journeys.maps.check_map import check_graph
from journeys.maps.describe_graph import describe_graph
from journeys.maps.edit_map import end_map, launch_map, pause_map, save_graph
from journeys.maps.numerics.journey_graph import parse_graph
from journeys.models import JourneyMap
from segments.models import TargetGroup
from segments.rules.rule_fields import rule_fields
from tests.factories import NOW, make_action, make_campaign
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, send, wait

pytestmark = pytest.mark.django_db


def simple(minutes: int = 60) -> dict:
    return draw({"e": ENTRY, "w": wait(minutes)}, "e>w")


def test_a_draft_is_overwritten_and_what_was_launched_never_is():
    journey = JourneyMap.objects.create(name="Cart")
    save_graph(journey, simple(1), by="anna", at=NOW)
    assert save_graph(journey, simple(2), by="anna", at=NOW).number == 1
    launched = launch_map(journey, by="anna", at=NOW).active_version

    second = save_graph(journey, simple(3), by="ben", at=NOW)
    third = save_graph(journey, simple(4), by="ben", at=NOW)

    assert (second.number, third.number, second.pk) == (2, 2, third.pk)
    launched.refresh_from_db()
    assert (launched.graph, launched.launched_by) == (simple(2), "anna")
    journey.refresh_from_db()
    assert journey.active_version == launched
    assert launch_map(journey, by="ben", at=NOW).active_version == third


def test_all_obstacles_to_a_launch_are_listed_at_once_with_their_steps():
    make_action(other := make_campaign(name="Other"))
    paused = make_step_campaign(name="Stopped", status="paused")
    bare = make_campaign(name="Bare", recurrence="step")
    graph = draw(
        {
            "e": ENTRY, "a": send(other), "b": send(paused), "c": send(bare),
            "d": {**send(other), "campaign": 10**9}, "w": wait(0), "z": wait(60),
        },
        "e>a a>b b>c c>d d>w",
    )  # fmt: skip
    journey = JourneyMap.objects.create(name="Cart", exit_rule={"field": "moon"})
    save_graph(journey, graph, by="anna", at=NOW)

    with pytest.raises(MapNotReady) as refused:
        launch_map(journey, by="anna", at=NOW)

    assert refused.value.problems == [
        "“Wait 0 minutes”: “minutes” must be more than 0.",
        "“Wait 1 hour”: This step cannot be reached from the entry.",
        (
            "“Send “Other””: The campaign “Other” has a schedule of its own. Set its "
            "recurrence to “as a step of journeys”."
        ),
        "“Send “Stopped””: The campaign “Stopped” is “paused”. Launch it before the journey.",
        "“Send “Bare””: Campaign “Bare”: The campaign has no active action. Add one.",
        "“Send “none””: The campaign of this step no longer exists.",
        "Exit rule: field: The field “moon” does not exist.",
    ]
    journey.refresh_from_db()
    assert journey.status == "draft"


def test_a_loop_is_described_by_its_steps():
    split = {"kind": "split", "by": "event", "event_kind": "order"}
    mark = {"kind": "set", "attribute": "vip", "value": "yes", "label": "Mark"}
    (problem,) = check_graph(draw({"e": ENTRY, "s": split, "m": mark}, "e>s s:no>m m>s"))

    assert problem == {
        "step": "s",
        "code": "loop_without_wait",
        "text": (
            "“Split: event “order” since entry?”: This loop has no wait: Split: "
            "event “order” since entry? → Mark."
        ),
    }


def test_target_groups_are_looked_up_and_steps_have_lines():
    group = TargetGroup.objects.create(name="Lapsed", rule={})
    entry = {"kind": "entry", "by": "target_group", "target_group": group.pk}
    birthday = {"kind": "entry", "by": "date", "field": "birth_date", "days": -3, "time": "09:00"}
    steps = {"e": entry, "b": birthday, "w": wait(25 * 60 + 1), "u": {"kind": "wait"}}

    assert check_graph(draw({"e": entry, "w": wait(5)}, "e>w")) == []
    missing = draw({"e": {**entry, "target_group": group.pk + 1}, "w": wait(5)}, "e>w")
    assert [p["code"] for p in check_graph(missing)] == ["no_target_group"]
    assert describe_graph(parse_graph(draw(steps))) == {
        "e": "Entry from target group “Lapsed”",
        "b": "Entry 3 days before “birthday” at 09:00",
        "w": "Wait 1 day, 1 hour, 1 minute",
        "u": "Wait",
    }


def test_a_rule_is_described_with_the_labels_of_its_fields():
    condition = {"field": "consent.sms", "op": "eq", "value": True}
    split = {"kind": "split", "by": "rule", "rule": {"all": [condition]}}
    condition = {"field": "registered_days", "op": "gt", "value": 30}
    other = {"kind": "split", "by": "rule", "rule": condition}
    label = rule_fields(None)["consent.sms"].label

    words = describe_graph(parse_graph(draw({"e": ENTRY, "s": split, "o": other}, "e>s s:no>o")))

    assert words["s"].casefold() == f"Split: {label}?".casefold()
    assert words["o"] == "Split: days since registration > 30?"


def test_what_cannot_be_read_is_not_saved():
    journey = JourneyMap.objects.create(name="Cart")
    with pytest.raises(MapNotReady, match="has no type"):
        save_graph(journey, {"steps": [{}]}, by="anna", at=NOW)
    with pytest.raises(MapNotReady, match="The canvas is empty"):
        launch_map(journey, by="anna", at=NOW)


def test_paused_maps_can_be_launched_again_and_ended_ones_cannot():
    journey = launch(simple())
    assert pause_map(journey).status == "paused"
    assert launch_map(journey, by="anna", at=NOW).status == "active"
    assert end_map(journey).status == "ended"
    with pytest.raises(MapNotReady, match="cannot be launched again"):
        launch_map(journey, by="anna", at=NOW)
    with pytest.raises(MapNotReady, match="cannot change from “ended” to “paused”"):
        pause_map(journey)
    with pytest.raises(MapNotReady, match="cannot be changed"):
        save_graph(journey, simple(), by="anna", at=NOW)


def test_draft_campaigns_of_its_steps_start_with_the_map():
    draft = make_step_campaign(name="Draft", status="draft")
    journey = JourneyMap.objects.create(name="Hello")
    save_graph(journey, draw({"e": ENTRY, "a": send(draft)}, "e>a"), by="anna", at=NOW)

    launch_map(journey, by="anna", at=NOW)

    draft.refresh_from_db()
    assert draft.status == "active"

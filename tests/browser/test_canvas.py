"""A journey map drawn by hand, in a real browser."""

from datetime import timedelta

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from journeys.delivery.deliver_messages import deliver_messages
from journeys.maps.edit_map import save_graph
from journeys.models import JourneyMap
from tests.factories import NOW
from tests.journeys.drawn_maps import (
    ENTRY,
    draw,
    make_event,
    make_step_campaign,
    move,
    wait,
)
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def step(page: Page, number: int):
    return page.locator(f"[data-step=s{number}]")


def field(page: Page, name: str):
    return page.locator(f"[data-name={name}]:visible [data-field={name}]")


def port(page: Page, number: int, index: int = 0):
    return page.locator(f"[data-cell-id=s{number}] .jm-port-halo").nth(index)


def drag(page: Page, source, target, *, by: tuple[int, int] = (0, 0)) -> None:
    """From the middle of one thing to that of another, moved on by some pixels."""
    starts, ends = source.bounding_box(), target.bounding_box()
    page.mouse.move(starts["x"] + starts["width"] / 2, starts["y"] + starts["height"] / 2)
    page.mouse.down()
    page.mouse.move(
        ends["x"] + ends["width"] / 2 + by[0], ends["y"] + ends["height"] / 2 + by[1], steps=8
    )
    page.mouse.up()


def open_canvas(page: Page, journey: JourneyMap) -> None:
    page.goto(f"/admin/journeys/journeymap/{journey.pk}/canvas/")


def test_the_abandoned_cart_map_is_drawn_put_right_launched_and_gone_through(page):
    reminder = make_step_campaign(name="Cart reminder", control_share=0)
    make_plan()
    (anna,) = make_customers(1)
    decide_day()
    journey = JourneyMap.objects.create(name="Abandoned cart", control_share=0)
    open_canvas(page, journey)
    expect(page.get_by_text("The journey has no entry step, so nobody can enter.")).to_be_visible()

    page.click("[data-add=entry]")
    field(page, "event_kind").fill("cart")
    field(page, "event_kind").blur()
    expect(step(page, 1)).to_contain_text("Entry on event “cart”")

    page.click("[data-add=wait]")  # below the step that is chosen, and joined to it
    field(page, "for").select_option(label="until an event arrives")
    field(page, "event_kind").fill("order")
    field(page, "event_kind").blur()
    expect(step(page, 2)).to_contain_text("Wait for event “order”, up to 1 hour")

    page.drag_and_drop(
        "[data-add=send]", "[data-part=drawing]", target_position={"x": 420, "y": 560}
    )
    expect(step(page, 3)).to_be_visible()
    page.get_by_role("tab", name="Step").click()
    expect(page.get_by_text("This step cannot be reached from the entry.").first).to_be_visible()
    drag(page, port(page, 2, 1), step(page, 3))
    expect(page.get_by_text("This step cannot be reached from the entry.")).to_have_count(0)

    page.click("[data-act=launch]")  # saves first, and says what is wrong
    page.click("dialog[open] button[value=yes]")
    expect(page.locator("[data-part=message]")).to_contain_text("“campaign” is not filled in")
    journey.refresh_from_db()
    assert journey.status == "draft"

    step(page, 3).click()
    field(page, "campaign").select_option(label="Cart reminder")
    expect(step(page, 3)).to_contain_text("Send “Cart reminder”")
    page.click("[data-tab=map]")
    expect(page.get_by_text("Ready to launch.")).to_be_visible()
    page.click("[data-act=launch]")
    page.click("dialog[open] button[value=yes]")
    expect(page.locator(".jm-chip.active")).to_be_visible()

    journey.refresh_from_db()
    graph = journey.active_version.graph
    assert [s["kind"] for s in graph["steps"]] == ["entry", "wait", "send"]
    assert graph["steps"][2]["campaign"] == reminder.pk
    assert graph["links"] == [
        {"from": "s1", "port": "next", "to": "s2"},
        {"from": "s2", "port": "timed_out", "to": "s3"},
    ]

    # The story goes on on the day for which customers have a state.
    JourneyMap.objects.update(running_since=NOW)
    move(NOW)
    make_event(anna, "cart", NOW + timedelta(minutes=5))
    move(NOW + timedelta(minutes=6))
    # Within ten seconds, without loading the page again.
    expect(step(page, 2).locator(".jm-here")).to_have_text("1 here", timeout=15_000)
    expect(step(page, 1).locator(".jm-passed")).to_have_text("1 passed")
    move(NOW + timedelta(minutes=66))
    deliver_messages(now=NOW + timedelta(minutes=67), owner="test")
    (message,) = mail.outbox
    assert message.to == [anna.email]
    expect(step(page, 3).locator(".jm-passed")).to_have_text("1 passed", timeout=15_000)


def test_steps_are_moved_inserted_removed_and_every_change_can_be_undone(page):
    journey = JourneyMap.objects.create(name="Map")
    graph = draw({"s1": ENTRY, "s2": wait(60), "s3": {"kind": "exit"}}, "s1>s2 s2>s3")
    for index, drawn in enumerate(graph["steps"]):
        drawn |= {"x": 40, "y": 40 + 150 * index}
    save_graph(journey, graph, by="anna", at=NOW)
    open_canvas(page, journey)
    links = page.locator(".x6-edge")
    before = step(page, 2).bounding_box()

    drag(page, step(page, 2), step(page, 2), by=(80, 0))
    assert step(page, 2).bounding_box()["x"] > before["x"] + 40
    page.click("[data-act=undo]")
    assert step(page, 2).bounding_box()["x"] == pytest.approx(before["x"], abs=1)

    step(page, 2).click()
    page.click("[data-add=set]")  # goes between the wait and the exit
    expect(step(page, 4)).to_be_visible()
    expect(links).to_have_count(3)
    page.click("[data-act=undo]")
    expect(step(page, 4)).to_have_count(0)
    page.click("[data-act=redo]")
    expect(step(page, 4)).to_be_visible()

    step(page, 4).focus()
    page.keyboard.press("Delete")  # what led to it leads on
    expect(links).to_have_count(2)
    page.keyboard.press("Control+s")
    expect(page.locator("[data-part=message]")).to_contain_text("Saved")
    links_now = journey.versions.get().graph["links"]
    assert sorted((link["from"], link["to"]) for link in links_now) == [("s1", "s2"), ("s2", "s3")]


def test_a_map_is_drawn_without_a_mouse(page):
    journey = JourneyMap.objects.create(name="Map")
    open_canvas(page, journey)

    page.locator("[data-add=entry]").focus()
    page.keyboard.press("Enter")
    field(page, "by").select_option(label="around a date of the customer")
    page.locator("[data-add=exit]").press("Enter")
    expect(step(page, 2)).to_be_visible()
    page.locator("[data-add=wait]").press("Enter")  # an exit has no port: it is not connected
    step(page, 1).press("Enter")
    page.get_by_label("Next step").select_option(label="Wait 1 hour")
    step(page, 3).press("Enter")
    page.get_by_label("Next step").select_option(label="Exit")
    step(page, 3).press("ArrowRight")
    page.keyboard.press("Control+s")

    expect(page.locator("[data-part=message]")).to_contain_text("Saved. Ready to launch.")
    graph = journey.versions.get().graph
    assert {(link["from"], link["to"]) for link in graph["links"]} == {("s1", "s3"), ("s3", "s2")}


def test_a_rule_is_edited_in_the_editor_of_target_groups(page):
    journey = JourneyMap.objects.create(name="Map")
    open_canvas(page, journey)
    page.click("[data-add=split]")

    page.get_by_role("button", name="Edit rule").click()
    page.get_by_role("button", name="Add condition").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Field", exact=True).select_option(label="Country")
    dialog.get_by_label("Value", exact=True).fill("PT")
    page.get_by_role("button", name="Use this rule").click()

    expect(step(page, 1)).to_contain_text("country = PT")
    page.keyboard.press("Control+s")
    expect(page.locator("[data-part=message]")).to_contain_text("Saved")
    (drawn,) = journey.versions.get().graph["steps"]
    assert drawn["rule"] == {"all": [{"field": "country", "op": "eq", "value": "PT"}]}


def test_two_people_at_one_map_lose_nothing(page):
    journey = JourneyMap.objects.create(name="Map")
    save_graph(journey, draw({"s1": ENTRY}), by="anna", at=NOW)
    open_canvas(page, journey)
    page.click("[data-add=exit]")
    save_graph(journey, draw({"s1": ENTRY, "s2": wait(5)}), by="berta", at=NOW.replace(minute=5))

    page.click("[data-act=save]")
    expect(page.locator("[data-part=message]")).to_contain_text("berta saved this journey")
    expect(page.locator("[data-part=state]")).to_have_text("Unsaved changes")
    page.get_by_role("button", name="Overwrite with mine").click()

    expect(page.locator("[data-part=message]")).to_contain_text("Saved")
    assert [s["kind"] for s in journey.versions.get().graph["steps"]] == ["entry", "exit"]

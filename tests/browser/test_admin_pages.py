"""What people click through, in a real browser."""

import pytest

from campaigns.models import FrequencyCap
from journeys.models import Decision
from segments.models import Customer, ImportJob, TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_the_dashboard_and_a_decisions_explanation(page):
    make_plan()
    make_customers(20)
    spring = make_campaign(name="Spring sale", rank=1, control_share=0)
    make_action(spring)
    make_action(make_campaign(name="Newsletter"), channel="sms")
    FrequencyCap.objects.create(name="One a week", limit=1, window="days", length=7)
    decide_day(DAY)

    page.goto("/admin/")
    assert "OptiEngine" in page.title()
    decision = Decision.objects.filter(campaign=spring)[0]
    page.goto(f"/admin/journeys/decision/{decision.pk}/change/")

    text = page.inner_text("body")
    assert "Spring sale" in text
    assert "Newsletter" in text


def test_a_file_is_previewed_before_it_is_imported(page, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "customers.csv"
    path.write_text("customer id;e-mail;favourite\nanna;anna@example.com;tea\nbob;no mail;tea\n")

    page.goto("/admin/segments/importjob/add/")
    page.set_input_files("input[type=file]", str(path))
    page.click("#upload-form button")
    page.wait_for_load_state()

    text = page.inner_text("body")
    assert "anna@example.com" in text
    assert not Customer.objects.exists()  # looking changes nothing
    assert ImportJob.objects.filter(status="done").count() == 0


def test_a_target_group_counts_while_it_is_edited(page):
    make_customers(7, country="PT")
    make_customers(5, country="DE")
    build_state(DAY)
    group = TargetGroup.objects.create(
        name="Portugal", rule={"field": "country", "op": "eq", "value": "PT"}
    )

    page.goto(f"/admin/segments/targetgroup/{group.pk}/change/")

    page.wait_for_selector("text=/7.*12/")


def test_a_new_target_group_is_edited_without_json(page):
    page.goto("/admin/segments/targetgroup/add/")

    page.click("text=Add condition")

    assert not page.is_visible("textarea[name=rule]")
    page.wait_for_selector("text=Choose a field …", state="attached")


def test_groups_of_conditions_are_edited_saved_and_shown_again(page):
    """Nested and negated groups come from the page as they were put there."""
    portugal = {"field": "country", "op": "eq", "value": "PT"}
    group = TargetGroup.objects.create(name="Portugal", rule={"all": [portugal]})
    address = f"/admin/segments/targetgroup/{group.pk}/change/"
    page.goto(address)
    editor = page.locator("[data-rule-editor]")

    editor.locator(".rule-buttons").last.locator("button").nth(1).click()  # a group in the group
    inner = editor.locator(".rule-group .rule-group")
    inner.locator(".rule-head select").select_option("not_any")
    inner.locator(".rule-field select").select_option("country")
    inner.locator(".rule-op select").select_option("in")
    inner.locator(".rule-value textarea").fill("DE\n\n FR ")
    inner.locator(".rule-buttons button").first.click()  # one more condition, and away with it
    inner.locator(".rule-remove").last.click()
    page.click("[name=_continue]")
    page.wait_for_load_state()

    group.refresh_from_db()
    others = {"field": "country", "op": "in", "value": ["DE", "FR"]}
    assert group.rule == {"all": [portugal, {"not": {"any": [others]}}]}
    assert inner.locator(".rule-head select").input_value() == "not_any"
    assert inner.locator(".rule-value textarea").input_value() == "DE\nFR"


def test_a_campaigns_html_is_shown_where_it_can_do_nothing(page):
    campaign = make_campaign(name="Spring")
    make_action(
        campaign,
        subject="Hello {{ customer.first_name }}",
        html="<h1>Dear {{ customer.first_name }}</h1><script>top.reached = document.title = 1;"
        "document.body.textContent = 'ran'</script>",
    )
    make_action(campaign, channel="sms", subject="", body="Olá {{ customer.first_name }}, ção")
    make_customers(2)

    page.goto(f"/admin/campaigns/campaign/{campaign.pk}/change/")
    page.click("a:has-text('Preview')")
    frame = page.frame_locator("iframe.oe-mail")

    assert frame.locator("h1").inner_text() == "Dear Anna"
    assert page.evaluate("window.reached") is None
    first = page.input_value("[name=customer]")
    page.click("button:has-text('Next')")
    page.wait_for_load_state()
    assert page.input_value("[name=customer]") != first
    assert "“áçã” is not in the standard SMS alphabet" in page.inner_text("#preview")

"""Rules in force wait for a second person, by whichever page they are changed."""

from datetime import time
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse

from campaigns.errors import ApprovalRefused
from campaigns.models import (
    Approval,
    Campaign,
    CapacityLimit,
    Exclusion,
    FrequencyCap,
    MinimumGap,
    QuietHours,
    Tag,
)
from campaigns.services.approvals import approve, refuse
from segments.models import FeatureDefinition, Organisation, TargetGroup
from segments.state.build_state import build_state
from tests.campaigns.services.test_approvals import limit_to, make_user
from tests.factories import DAY, NOW, make_action, make_campaign
from tests.journeys.engine import make_customers

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture
def maker(db, client) -> User:
    user = make_user("maker", superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def second(db) -> User:
    return make_user("second", "approve_approval", "view_approval")


@pytest.fixture(autouse=True)
def _limit(db):
    """Ten customers, where more than five need approval."""
    make_customers(10)
    build_state(DAY)
    limit_to(5)


@pytest.fixture
def cap(db) -> FrequencyCap:
    return FrequencyCap.objects.create(name="Week", limit=1)


def form_of(client, url: str) -> dict:
    """What a browser would send back from a form, inlines included."""
    context = client.get(url).context
    data = _values(context["adminform"].form)
    for formset in context["inline_admin_formsets"]:
        for form in [formset.formset.management_form, *formset.formset.forms]:
            data |= _values(form)
    return data


def _values(form) -> dict:
    values = {form.add_prefix(name): form[name].value() for name in form.fields}
    for name, field in form.fields.items():  # a default that is computed is posted with its field
        if field.show_hidden_initial:
            values[form.add_initial_prefix(name)] = form[name].value()
    texts = {name: v for name, v in values.items() if v is not None and v is not False}
    return {n: "on" if v is True else getattr(v, "pk", v) for n, v in texts.items()}


def change_page(row) -> str:
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"


def test_a_changed_cap_waits_and_is_put_in_place_by_a_second_person(client, maker, second, cap):
    answer = client.post(change_page(cap), form_of(client, change_page(cap)) | {"limit": "3"})

    approval = Approval.objects.get()
    assert answer.url == f"/admin/campaigns/approval/{approval.pk}/change/"
    assert FrequencyCap.objects.get().limit == 1
    assert (approval.status, approval.audience, approval.requested_by) == ("waiting", 10, maker)
    assert approval.changes == [
        {
            "table": "campaigns.frequencycap",
            "pk": cap.pk,
            "name": "Week",
            "old": {"limit": 1},
            "new": {"limit": 3},
        }
    ]
    with pytest.raises(ApprovalRefused, match="A second person"):
        approve(approval, by=maker, at=NOW)

    approve(approval, by=second, at=NOW)

    assert FrequencyCap.objects.get().limit == 3
    history = LogEntry.objects.filter(object_id=str(cap.pk), content_type__model="frequencycap")
    assert [entry.user for entry in history] == [second]


def test_refused_leaves_all_as_it_is(client, maker, second, cap):
    client.post(change_page(cap), form_of(client, change_page(cap)) | {"limit": "3"})

    refuse(Approval.objects.get(), by=second, at=NOW)

    assert FrequencyCap.objects.get().limit == 1


def test_of_two_changes_of_one_field_the_later_is_withdrawn_by_the_first(
    client, maker, second, cap
):
    url = change_page(cap)
    for change in ({"limit": "3"}, {"limit": "4"}, {"name": "Another"}):
        client.post(url, form_of(client, url) | change)
    first, clashing, beside = Approval.objects.order_by("pk")

    approve(first, by=second, at=NOW)
    with pytest.raises(ApprovalRefused, match="“Week” has been changed since"):
        approve(clashing, by=second, at=NOW)
    approve(beside, by=second, at=NOW)

    clashing.refresh_from_db()
    assert clashing.status == "withdrawn"
    assert FrequencyCap.objects.values_list("name", "limit").get() == ("Another", 3)


ADDED = {
    "frequencycap": {"name": "New", "limit": "2", "scope": "all", "window": "week",
                     "length": "7", "week_starts_on": "1", "is_active": "on"},
    "minimumgap": {"name": "New", "hours": "12", "is_active": "on"},
    "quiethours": {"name": "New", "starts_at": "22:00", "ends_at": "08:00", "weekdays": ["5", "1"],
                   "country": "DE", "is_active": "on"},
    "capacitylimit": {"name": "New", "measure": "contacts", "maximum": "90", "period": "week",
                      "scope": "all", "is_active": "on"},
}  # fmt: skip


@pytest.mark.parametrize("model", [FrequencyCap, MinimumGap, QuietHours, CapacityLimit])
def test_new_rules_are_made_by_the_second_person(client, maker, second, model):
    name = model._meta.model_name
    client.post(f"/admin/campaigns/{name}/add/", ADDED[name])
    approval = Approval.objects.get()
    assert not model.objects.exists()

    approve(approval, by=second, at=NOW)

    made = model.objects.get()
    assert made.name == "New"
    if model is QuietHours:
        assert (made.starts_at, made.weekdays) == (time(22), [1, 5])
    client.post(f"/admin/campaigns/{name}/{made.pk}/delete/", {"post": "yes"})
    assert model.objects.exists()
    approve(Approval.objects.exclude(pk=approval.pk).get(), by=second, at=NOW)
    assert not model.objects.exists()


def test_deleting_from_the_list_or_by_cascade_waits_for_approval(client, maker, second):
    tag = Tag.objects.create(name="sale")
    cap = FrequencyCap.objects.create(name="Sale", limit=1, scope="tag", tag=tag)
    client.post(
        "/admin/campaigns/frequencycap/",
        {"action": "delete_selected", "_selected_action": [cap.pk], "post": "yes"},
    )
    client.post(f"/admin/campaigns/tag/{tag.pk}/delete/", {"post": "yes"})
    assert FrequencyCap.objects.exists()
    by_tag = Approval.objects.get(name="sale, Sale")

    approve(by_tag, by=second, at=NOW)

    assert not FrequencyCap.objects.exists()
    assert not Tag.objects.exists()


def test_ranks_on_the_list_wait_where_the_campaign_runs(client, maker, second):
    running, draft = make_campaign(), make_campaign(status="draft")
    rows = list(Campaign.objects.in_order())
    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}
    for index, row in enumerate(rows):
        data |= {f"form-{index}-id": row.pk, f"form-{index}-rank": "3" if row == draft else ""}
    client.post("/admin/campaigns/campaign/", data)
    assert list(Campaign.objects.filter(rank=3)) == [draft]
    index = rows.index(running)
    order = list(Campaign.objects.in_order())
    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}
    for index, row in enumerate(order):
        data |= {f"form-{index}-id": row.pk, f"form-{index}-rank": "1" if row == running else "3"}

    client.post("/admin/campaigns/campaign/", data)

    assert not Campaign.objects.filter(rank=1).exists()
    approve(Approval.objects.get(), by=second, at=NOW)
    running.refresh_from_db()
    assert (running.rank, running.status) == (1, "active")


def test_a_running_campaign_with_its_inlines_is_held_as_one(client, maker, second):
    running, other = make_campaign(), make_campaign()
    action = make_action(running)
    data = form_of(client, change_page(running))
    data |= {"actions-0-offer": "Half price", "control_share": "0.3"}
    data |= {"excludes-TOTAL_FORMS": "1", "excludes-0-name": "Rest", "excludes-0-days": "4"}
    data |= {"excludes-0-excluded_campaign": other.pk, "excludes-0-campaign": running.pk}
    client.post(change_page(running), data)
    approval = Approval.objects.get()
    page = unescape(client.get(change_page(approval)).content.decode())

    assert {change["table"].split(".")[1] for change in approval.changes} == {
        *("campaign", "action", "exclusion")
    }
    assert not Exclusion.objects.exists()
    for words in ("Half price", "0.3", "Exclusion: Rest", other.name):
        assert words in page

    approve(approval, by=second, at=NOW)

    running.refresh_from_db()
    action.refresh_from_db()
    assert (running.control_share, action.offer) == (0.3, "Half price")
    assert Exclusion.objects.get().days == 4


def test_drafts_are_changed_by_one_person(client, maker):
    draft = make_campaign(status="draft")
    make_action(draft)
    data = form_of(client, change_page(draft)) | {"actions-0-offer": "Half price"}

    client.post(change_page(draft), data)

    assert draft.actions.get().offer == "Half price"
    assert not Approval.objects.exists()


def test_pausing_and_ending_from_the_list_go_through(client, maker):
    first, other = make_campaign(), make_campaign()
    for campaign, act in ((first, "pause_selected"), (other, "end_selected")):
        client.post(
            "/admin/campaigns/campaign/", {"action": act, "_selected_action": [campaign.pk]}
        )

    assert set(Campaign.objects.values_list("status", flat=True)) == {"paused", "ended"}


def test_the_stop_switch_works_at_once_and_the_limit_itself_waits(client, maker, second):
    organisation = Organisation.current()
    client.post(reverse("stop_sending"), {"stopped": "yes"})
    url = change_page(organisation)
    data = form_of(client, url)
    mixed = client.post(url, {k: v for k, v in data.items() if k != "sending_stopped"}
                        | {"approval_audience": "900"})  # fmt: skip
    assert "Change this setting on its own: it may need approval." in mixed.content.decode()
    client.post(url, data | {"approval_audience": ""})
    assert Organisation.current().approval_audience == 5

    approve(Approval.objects.get(), by=second, at=NOW)

    organisation = Organisation.current()
    assert organisation.approval_audience is None
    assert organisation.sending_stopped


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Pacific/Auckland"},  # another day, and other windows
        {"new_days": "31"},
        {"at_risk_days": "60"},
        {"lapsed_days": "100"},  # other people in a group of the lapsed
        {"lock_time": "07:59:00"},  # messages leave before somebody could stop them
        {"lock_time": ""},
    ],
)
def test_what_rules_are_measured_by_waits(client, maker, second, change):
    Organisation.objects.update(lock_time=time(8))
    url, (name,) = change_page(Organisation.current()), change

    client.post(url, form_of(client, url) | change)

    before = Organisation.current()
    assert (before.time_zone, before.new_days, before.at_risk_days) == ("UTC", 30, 90)
    assert (before.lapsed_days, before.lock_time) == (180, time(8))
    approve(Approval.objects.get(), by=second, at=NOW)
    after = Organisation.current()
    assert getattr(after, name) != getattr(before, name)
    assert after.approval_audience == 5


@pytest.mark.parametrize("change", [{"lock_time": "10:00:00"}, {"name": "Shop"}])
def test_a_later_lock_time_and_a_name_need_nobody(client, maker, change):
    Organisation.objects.update(lock_time=time(8))
    url = change_page(Organisation.current())

    client.post(url, form_of(client, url) | change)

    assert not Approval.objects.exists()
    assert "Shop" in str(Organisation.current()) or Organisation.current().lock_time == time(10)


def test_the_stop_switch_does_not_wait_with_what_rules_are_measured_by(client, maker):
    url = change_page(Organisation.current())
    data = form_of(client, url) | {"sending_stopped": "on"}

    answer = client.post(url, data | {"lapsed_days": "100"})
    assert "Change this setting on its own: it may need approval." in answer.content.decode()
    client.post(url, data)

    assert Organisation.current().sending_stopped


@pytest.fixture
def feature(db) -> FeatureDefinition:
    return FeatureDefinition.objects.create(
        name="visits", label="Visits", aggregate="count", event_kind="visit", window_days=7
    )


@pytest.mark.parametrize("change", [{"window_days": "365"}, {"event_kind": "cart"}, "off"])
def test_a_feature_that_rules_may_name_waits(client, maker, second, feature, change):
    url = change_page(feature)
    data = form_of(client, url)
    if change == "off":
        del data["is_active"]
    else:
        data |= change

    client.post(url, data)

    kept = FeatureDefinition.objects.get()
    assert (kept.window_days, kept.event_kind, kept.is_active) == (7, "visit", True)
    approve(Approval.objects.get(), by=second, at=NOW)
    new = FeatureDefinition.objects.get()
    assert (new.window_days, new.event_kind, new.is_active) != (7, "visit", True)


def test_a_feature_is_not_deleted_by_one_person(client, maker, second, feature):
    client.post(f"/admin/segments/featuredefinition/{feature.pk}/delete/", {"post": "yes"})

    assert FeatureDefinition.objects.exists()
    approve(Approval.objects.get(), by=second, at=NOW)
    assert not FeatureDefinition.objects.exists()


def test_a_new_feature_a_label_and_one_that_is_off_need_nobody(client, maker, feature):
    url = change_page(feature)
    data = form_of(client, url)
    client.post(url, data | {"label": "Visits of a week"})
    client.post("/admin/segments/featuredefinition/add/", data | {"name": "visits_too"})
    FeatureDefinition.objects.filter(pk=feature.pk).update(is_active=False)
    client.post(url, {k: v for k, v in data.items() if k != "is_active"} | {"window_days": "30"})

    assert not Approval.objects.exists()
    feature.refresh_from_db()
    assert (feature.window_days, FeatureDefinition.objects.count()) == (30, 2)


def test_a_stricter_limit_needs_nobody(client, maker):
    url = change_page(Organisation.current())

    client.post(url, form_of(client, url) | {"approval_audience": "2"})

    assert Organisation.current().approval_audience == 2


def test_the_group_of_a_running_campaign_waits_and_that_of_a_draft_does_not(client, maker, second):
    group = TargetGroup.objects.create(name="New ones", rule={})
    campaign = make_campaign(status="draft", target_group=group)
    url, rule = change_page(group), '{"field": "stage", "op": "eq", "value": "new"}'
    client.post(url, {"name": "New ones", "rule": rule})
    group.refresh_from_db()
    assert group.rule["value"] == "new"
    Campaign.objects.filter(pk=campaign.pk).update(status="active")

    client.post(url, {"name": "New ones", "rule": ""})

    group.refresh_from_db()
    assert group.rule["value"] == "new"
    approve(Approval.objects.get(), by=second, at=NOW)
    group.refresh_from_db()
    assert group.rule == {}


@pytest.mark.parametrize("limit", [None, 10])
def test_without_a_limit_or_up_to_it_a_form_saves_at_once(client, maker, cap, limit):
    limit_to(limit)

    client.post(change_page(cap), form_of(client, change_page(cap)) | {"limit": "3"})

    assert FrequencyCap.objects.get().limit == 3
    assert not Approval.objects.exists()


def test_a_dry_run_of_a_form_saves_nothing_with_or_without_a_limit(client, maker, cap):
    limit_to(None)
    data = form_of(client, change_page(cap)) | {"limit": "0"}

    client.post(change_page(cap), data | {"campaigns_frequencycap_try_change": "1"})

    assert FrequencyCap.objects.get().limit == 1
    assert Approval.objects.get().status == "tried"


def test_a_dry_run_of_a_running_campaign_saves_nothing_and_a_draft_has_no_such_button(
    client, maker
):
    limit_to(None)
    campaign = make_campaign(name="Running", status="active", rank=7)
    make_action(campaign)
    page, button = change_page(campaign), "campaigns_campaign_try_change"
    assert button in client.get(page).content.decode()

    answer = client.post(page, form_of(client, page) | {"rank": "1", button: "1"})

    assert answer.status_code == 302
    campaign.refresh_from_db()
    assert (campaign.rank, Approval.objects.get().status) == (7, "tried")
    Campaign.objects.update(status="draft")
    assert button not in client.get(page).content.decode()


def test_a_form_in_error_is_shown_again(client, maker, cap):
    answer = client.post(change_page(cap), form_of(client, change_page(cap)) | {"name": ""})

    assert "This field is required" in answer.content.decode()
    assert not Approval.objects.exists()

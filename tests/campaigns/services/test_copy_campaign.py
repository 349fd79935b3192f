"""Last year's campaign again: a draft with all that was set, and nothing that came of it."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from campaigns.models import (
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    MinimumEvidence,
    Tag,
)
from campaigns.services.copy_campaign import copy_campaign
from campaigns.services.launch_campaign import launch_campaign
from segments.models import Organisation, TargetGroup
from tests.factories import make_action, make_campaign, make_contact, make_customer

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 1)
# Set anew in a copy; whatever else a campaign has is the same in both.
ANEW = {"id", "name", "status", "starts_on", "ends_on", "fixed_action"}


@pytest.fixture
def spring():
    group = TargetGroup.objects.create(name="Buyers", rule={})
    campaign = make_campaign(
        name="Spring", target_group=group, rank=2, starts_on=date(2025, 11, 3),
        ends_on=date(2025, 11, 30), recurrence="monthly", recurs_on=[5, 31], duration_days=4,
        skips_short_months=True, control_share=0.3, expires_after_hours=5,
    )  # fmt: skip
    make_action(campaign, name="A", subject="Hello", cost_cents=3)
    second = make_action(campaign, name="B", channel="sms", is_active=False)
    campaign.fixed_action = second
    campaign.save()
    campaign.tags.set([Tag.objects.create(name="sale")])
    campaign.ignores_durations_of.set([make_campaign(name="Other")])
    MinimumEvidence.objects.create(campaign=campaign, n_test=7)
    return campaign


def columns(row, without=()):
    fields = {field.name for field in row._meta.concrete_fields} - {"id", *without}
    return {name: getattr(row, name) for name in fields}


def test_a_copy_is_a_draft_with_all_settings_and_actions(spring):
    copy = copy_campaign(spring, today=TODAY).campaign

    copy.refresh_from_db()
    assert (copy.name, copy.status) == ("Spring (copy)", "draft")
    assert columns(copy, ANEW) == columns(spring, ANEW)
    assert (copy.starts_on, copy.ends_on) == (TODAY, TODAY + timedelta(days=27))
    assert list(copy.tags.all()) == list(spring.tags.all())
    assert list(copy.ignores_durations_of.all()) == list(spring.ignores_durations_of.all())
    assert copy.minimum_evidence.n_test == 7
    originals, actions = spring.actions.order_by("pk"), copy.actions.order_by("pk")
    assert [columns(a, {"campaign"}) for a in actions] == [
        columns(a, {"campaign"}) for a in originals
    ]
    assert copy.fixed_action == actions[1]
    assert Campaign.objects.get(pk=spring.pk).actions.count() == 2


def test_a_campaign_that_is_still_to_come_keeps_its_days(spring):
    copy = copy_campaign(spring, today=date(2025, 10, 1)).campaign

    assert (copy.starts_on, copy.ends_on) == (spring.starts_on, spring.ends_on)


def test_a_second_copy_and_a_long_name_have_room(spring):
    names = [copy_campaign(spring, today=TODAY).campaign.name for _ in range(2)]
    spring.name = "x" * 100
    spring.save()
    long = copy_campaign(spring, today=TODAY).campaign.name

    assert names == ["Spring (copy)", "Spring (copy 2)"]
    assert len(long) == 100
    assert long.endswith("xx (copy)")


def test_rules_at_either_end_are_copied(spring):
    other = make_campaign(name="Autumn")
    Exclusion.objects.create(name="to", campaign=spring, excluded_campaign=other, days=2)
    Exclusion.objects.create(name="from", campaign=other, excluded_campaign=spring, days=3)
    FollowUp.objects.create(source=spring, target=other, after_days=5)
    FollowUp.objects.create(source=other, target=spring, after_days=6, outcome="responders")
    action = spring.actions.first()
    CapacityLimit.objects.create(name="All", scope="campaign", campaign=spring, maximum=10)
    CapacityLimit.objects.create(name="One", scope="action", action=action, maximum=5)

    copy = copy_campaign(spring, today=TODAY)

    draft = copy.campaign
    assert draft.excludes.get().excluded_campaign == other
    assert (draft.excluded_by.get().campaign, draft.excluded_by.get().days) == (other, 3)
    assert draft.opens.get().target == other
    assert (draft.opened_by.get().source, draft.opened_by.get().after_days) == (other, 6)
    assert CapacityLimit.objects.get(campaign=draft).maximum == 10
    assert CapacityLimit.objects.get(action__campaign=draft).maximum == 5
    assert (spring.excludes.count(), spring.opens.count(), copy.left_out) == (1, 1, [])


def test_what_would_be_in_force_at_once_is_left_to_a_second_person(spring):
    Organisation.objects.update_or_create(pk=1, defaults={"approval_audience": 0})
    make_customer()
    other = make_campaign(name="Autumn")
    FollowUp.objects.create(source=spring, target=other)
    CapacityLimit.objects.create(name="All", scope="campaign", campaign=spring, maximum=10)

    copy = copy_campaign(spring, today=TODAY)

    assert copy.left_out == ["Spring → Autumn", "All"]
    assert not copy.campaign.opens.exists()


def test_a_copy_has_no_results_and_can_be_launched(spring):
    make_contact(action=spring.actions.first())

    copy = copy_campaign(spring, today=TODAY).campaign
    copy.fixed_action = None
    copy.save()

    assert launch_campaign(copy).status == "active"
    assert not copy.actions.filter(pk__in=spring.actions.values("pk")).exists()


def press(client, campaign):
    return client.post(f"/admin/campaigns/campaign/{campaign.pk}/copy/", {"_form_submitted": "1"})


def test_the_button_of_the_page_leads_to_the_draft(admin_client, spring):
    page = admin_client.get(reverse("admin:campaigns_campaign_change", args=[spring.pk]))
    assert f"/admin/campaigns/campaign/{spring.pk}/copy/" in page.content.decode()

    answer = press(admin_client, spring)

    draft = Campaign.objects.get(name="Spring (copy)")
    assert answer.headers["HX-Redirect"] == f"/admin/campaigns/campaign/{draft.pk}/change/"


def test_several_are_copied_from_the_list(admin_client, spring):
    admin_client.post(
        reverse("admin:campaigns_campaign_changelist"),
        {"action": "copy_selected", "_selected_action": [spring.pk]},
    )

    assert Campaign.objects.filter(name="Spring (copy)", status="draft").exists()


def test_who_may_not_add_campaigns_may_not_copy_them(client, django_user_model, spring):
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("eva", is_staff=True)
    names = ["view_campaign", "change_campaign"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)

    assert press(client, spring).status_code == 403
    assert Campaign.objects.filter(name__startswith="Spring").count() == 1

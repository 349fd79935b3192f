"""The panel of a campaign's mix, and its end by hand."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reports.admin.area import stacked_area
from segments.models import MicroSegment
from tests.factories import DAY, make_action, make_campaign
from tests.reports.mixes import draw_contacts, know, make_segment

pytestmark = pytest.mark.django_db
ENOUGH = (300, 100, 100, 20)


@pytest.fixture
def mixed():
    """A campaign of two actions that shift, with contacts in two micro-segments on two days."""
    campaign = make_campaign(control_share=0.3)
    x, y = make_action(campaign, name="X"), make_action(campaign, name="<b>Y</b>")
    for n_days, name in enumerate(("rich", "poor")):
        counts = {x: (60, 20, 30, 6), y: (60, 20, 30, 6)}
        as_of = DAY + timedelta(days=n_days)
        draw_contacts({x: 0.75, y: 0.25}, counts, segment=make_segment(name), as_of=as_of)
    know({x: ENOUGH, y: ENOUGH}, as_of=DAY + timedelta(days=1))
    return campaign


def address(campaign, view="mix"):
    name = {"mix": "campaigns_campaign_mix", "fix": "mix_fix", "learn": "mix_learn"}[view]
    return reverse(f"admin:{name}", args=[campaign.pk])


def marketer(client, *codenames):
    user = User.objects.create_user("marketer", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def test_the_campaigns_page_fetches_the_panel(admin_client, mixed):
    page = reverse("admin:campaigns_campaign_change", args=[mixed.pk])

    assert f'data-fragment="{address(mixed)}"' in admin_client.get(page).content.decode()


def test_the_panel_shows_states_shares_and_the_course(admin_client, mixed):
    text = admin_client.get(address(mixed)).content.decode()

    assert "Shifting: X 75 %, &lt;b&gt;Y&lt;/b&gt; 25 %." in text
    assert "active: rich" in text
    assert "active: poor" in text
    assert text.count("<polygon") == 2
    assert "50 messages with 15 conversions" in text
    assert "<b>" not in text


def test_the_course_is_of_the_micro_segment_that_was_picked(admin_client, mixed):
    rich = MicroSegment.objects.get(name="rich")

    text = admin_client.get(address(mixed), {"micro_segment": rich.pk}).content.decode()

    assert f'<option value="{rich.pk}" selected>' in text
    for nonsense in ("0", "x", "9" * 30, ""):
        answer = admin_client.get(address(mixed), {"micro_segment": nonsense})
        assert answer.status_code == 200


def test_the_panel_costs_the_same_queries_for_more_micro_segments(admin_client, mixed):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(address(mixed)).status_code == 200
        return len(captured)

    queries()  # content types and the organisation are looked up once
    few = queries()
    x, y = mixed.actions.order_by("pk")
    for number in range(8):
        counts = {x: (6, 2, 3, 1), y: (6, 2, 3, 1)}
        segment = make_segment(f"more {number}")
        as_of = DAY - timedelta(days=number + 1)
        draw_contacts({x: 0.5, y: 0.5}, counts, segment=segment, as_of=as_of)

    assert queries() == few <= 15


def test_the_list_says_in_short_how_far_each_mix_is(admin_client, mixed):
    make_action(make_campaign(name="Plain"))

    text = admin_client.get(reverse("admin:campaigns_campaign_changelist")).content.decode()

    assert "shifting: X 75 %" in text
    assert "one action" in text


def test_a_marketer_ends_the_test_and_goes_back_to_learning(client, mixed):
    client = marketer(client, "view_campaign", "change_campaign", "fix_mix")
    x = mixed.actions.get(name="X")

    client.post(address(mixed, "fix"), {"action": x.pk})

    mixed.refresh_from_db()
    assert mixed.fixed_action == x
    assert "Fixed to X." in client.get(address(mixed)).content.decode()
    client.post(address(mixed, "learn"))
    mixed.refresh_from_db()
    assert mixed.fixed_action is None
    said = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert said == ["Mix fixed to “X”.", "The mix is learned again."]


def test_setting_the_mix_asks_for_its_own_permission(client, mixed):
    client = marketer(client, "view_campaign", "change_campaign", "launch_campaign")
    x = mixed.actions.get(name="X")

    assert client.post(address(mixed, "fix"), {"action": x.pk}).status_code == 403
    assert client.post(address(mixed, "learn")).status_code == 403

    assert "<form" not in client.get(address(mixed)).content.decode()
    mixed.refresh_from_db()
    assert mixed.fixed_action is None


def test_without_the_view_permission_there_is_no_panel(client, mixed):
    assert marketer(client).get(address(mixed)).status_code == 403


def test_wrong_orders_are_refused(admin_client, mixed):
    other = make_action()

    assert admin_client.post(address(mixed, "fix"), {"action": other.pk}).status_code == 404
    assert admin_client.post(address(mixed, "fix"), {"action": "x"}).status_code == 404
    assert admin_client.post(address(mixed, "fix")).status_code == 404
    assert admin_client.get(address(mixed, "fix")).status_code == 405
    mixed.status = "ended"
    mixed.save()
    x = mixed.actions.get(name="X")
    answer = admin_client.post(address(mixed, "fix"), {"action": x.pk}, follow=True)
    assert "The campaign has ended, so its mix can no longer change." in answer.content.decode()


def test_bands_are_stacked_to_one_and_days_lie_by_their_distance():
    days = [(DAY, [1, 3]), (DAY + timedelta(days=1), [1, 1]), (DAY + timedelta(days=10), [4, 0])]

    area = stacked_area(["X", "Y"], days, width=144 + 4, height=134)

    # 100 pixels from 44 to 144 for ten days, 100 from 8 down to 108 for the shares.
    assert area.bands[0].points == "44.0,83.0 54.0,58.0 144.0,8.0 144.0,108.0 54.0,108.0 44.0,108.0"
    assert area.bands[1].points == "44.0,8.0 54.0,8.0 144.0,8.0 144.0,8.0 54.0,58.0 44.0,83.0"
    assert stacked_area(["X"], [(DAY, [0])]) is None
    assert stacked_area(["X"], [(DAY, [2])]).bands[0].points.startswith("44.0,8.0 856.0,8.0")

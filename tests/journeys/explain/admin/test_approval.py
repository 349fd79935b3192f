"""The pages of approvals: who may see and decide, what they show, what the dashboard says."""

from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from campaigns.models import Approval, Campaign, FrequencyCap
from campaigns.services.approvals import ask_for_launch
from journeys.explain.admin.flow_chart import flow_chart
from journeys.explain.queue_dry_run import make_dry_run
from journeys.tasks import dry_run_task
from segments.models import StateBuild
from tests.campaigns.admin.test_second_person import change_page, form_of
from tests.campaigns.services.test_approvals import limit_to, make_user
from tests.factories import DAY, NOW, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db

PAGE = "/admin/campaigns/approval/"


@pytest.fixture
def maker(db) -> User:
    return make_user("maker", superuser=True)


@pytest.fixture
def second(db) -> User:
    return make_user("second", "approve_approval", "view_approval")


@pytest.fixture
def approval(maker) -> Approval:
    """A draft that goes first, and a campaign that everybody gets today."""
    make_plan()
    make_customers(10)
    make_action(make_campaign(name="Old offer", rank=2, control_share=0))
    decide_day()
    limit_to(5)
    draft = make_campaign(name="Spring sale", status="draft", rank=1, control_share=0)
    make_action(draft, offer="Half price")
    return ask_for_launch(Approval.Kind.CAMPAIGN, draft.pk, by=maker, at=NOW, note="For <spring>")


def text_of(response) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def decide(client, approval: Approval, act: str, **data):
    return client.post(f"{PAGE}{approval.pk}/{act}/decide/", data, follow=True)


def test_the_page_shows_the_request_and_its_dry_run(client, approval, second):
    client.force_login(second)
    waiting = client.get(f"{PAGE}{approval.pk}/progress/").json()

    dry_run_task(approval.pk)
    raw = client.get(f"{PAGE}{approval.pk}/change/").content.decode()
    text = unescape(raw)

    assert waiting == {"share": 0.0, "text": "Waiting for a worker.", "finished": False}
    assert "For &lt;spring&gt;" in raw
    for words in (
        "Half price",
        "Old offer → Spring sale: 10",
        "all customers",
        "Get a different message",
    ):
        assert words in text
    assert text.count("/admin/segments/customer/") >= 4
    assert "formaction" in text


def test_a_second_person_approves_on_the_page_and_it_is_logged(client, approval, second):
    client.force_login(second)

    text = text_of(decide(client, approval, "approve", note="Go"))

    approval.refresh_from_db()
    assert (approval.status, approval.answer, approval.decided_by) == ("approved", "Go", second)
    assert "Approved." in text
    assert "formaction" not in text
    logged = LogEntry.objects.filter(user=second)
    assert {entry.content_type.model for entry in logged} == {"approval", "campaign"}


def test_the_requester_cannot_approve_and_sees_no_button(client, approval, maker):
    client.force_login(maker)
    text = text_of(client.get(f"{PAGE}{approval.pk}/change/"))
    assert "/approve/decide/" not in text
    assert "/withdraw/decide/" in text

    said = text_of(decide(client, approval, "approve"))

    assert (
        "A second person must decide: neither the person who requested it nor the "
        "last person to change it."
    ) in said
    approval.refresh_from_db()
    assert approval.status == "waiting"
    decide(client, approval, "withdraw")
    approval.refresh_from_db()
    assert approval.status == "withdrawn"


def test_seeing_is_no_deciding_and_strangers_see_nothing(client, approval):
    client.force_login(make_user("viewer", "view_approval"))
    assert client.get(PAGE).status_code == 200
    assert "You do not have permission to approve requests." in text_of(
        decide(client, approval, "approve")
    )
    assert client.post(f"{PAGE}{approval.pk}/again/").status_code == 403
    assert client.get(f"{PAGE}{approval.pk}/approve/decide/").status_code == 405
    assert client.post(f"{PAGE}{approval.pk}/nothing/decide/").status_code == 404
    client.force_login(make_user("stranger"))
    for url in (PAGE, f"{PAGE}{approval.pk}/change/", f"{PAGE}{approval.pk}/progress/"):
        assert client.get(url).status_code == 403
    assert client.post(f"{PAGE}{approval.pk}/approve/decide/").status_code == 403
    approval.refresh_from_db()
    assert approval.status == "waiting"


def test_an_edit_is_reported_on_both_pages(client, approval, maker, second):
    client.force_login(maker)
    url = change_page(Campaign.objects.get(pk=approval.object_id))
    client.post(url, form_of(client, url) | {"actions-0-offer": "Two for one"})

    on_campaign = text_of(client.get(url))
    on_approval = text_of(client.get(f"{PAGE}{approval.pk}/change/"))

    assert "“Spring sale” has changed since it was approved. Request approval again." in on_campaign
    assert "“Spring sale” has been changed since." in on_approval


def test_the_dashboard_and_the_list_say_what_waits(client, approval, maker, second):
    second.is_superuser = True
    second.save()
    client.force_login(second)
    assert "1 approval is waiting for you." in text_of(client.get("/admin/"))
    assert "Campaign launch: Spring sale" in text_of(client.get(PAGE))
    client.force_login(maker)
    assert "approval is waiting for you." not in text_of(client.get("/admin/"))


def test_a_campaigns_page_leads_to_a_request_and_to_a_dry_run(client, approval, maker):
    client.force_login(maker)
    draft = make_campaign(name="Autumn sale", status="draft")
    make_action(draft)
    base = f"/admin/campaigns/campaign/{draft.pk}"
    form = {"_form_submitted": "1", "note": "Please"}

    tried = client.post(f"/admin/campaigns/campaign/{draft.pk}/dry-run/", form)
    waits = client.post(f"{base}/ask-for-approval/", form)

    newest = Approval.objects.filter(object_id=draft.pk).order_by("pk")
    assert [(request.status, request.note) for request in newest] == [
        ("tried", ""),
        ("waiting", "Please"),
    ]
    assert tried["HX-Redirect"] == f"{PAGE}{newest[0].pk}/change/"
    assert waits["HX-Redirect"] == f"{PAGE}{newest[1].pk}/change/"
    launched = client.post(f"{base}/launch/", {"_form_submitted": "1"})
    assert "HX-Redirect" in launched
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_a_dry_run_that_cannot_be_made_says_why(approval):
    StateBuild.objects.update(as_of=DAY - timedelta(days=900))

    assert (
        "There is no customer data with a fitted model yet, so a dry run is not possible."
        in make_dry_run(approval).dry_run_error
    )


def test_a_change_of_rules_is_shown_before_and_after(client, approval, maker, second):
    cap = FrequencyCap.objects.create(name="Week", limit=1)
    client.force_login(maker)
    client.post(change_page(cap), form_of(client, change_page(cap)) | {"limit": "", "length": "9"})
    change = Approval.objects.get(kind="rules")
    make_dry_run(change)

    text = text_of(client.get(f"{PAGE}{change.pk}/change/"))

    assert "Frequency cap: Week" in text
    rows = text.split("Frequency cap: Week")[1].split("</section>")[0]
    for words in ("Limit", "<td>1</td><td><strong>–</strong>", "<td>7</td><td><strong>9</strong>"):
        assert words in rows
    assert "Scope" not in rows


def test_the_bands_of_the_chart_are_as_thick_as_their_shares():
    # 260 pixels for 40 customers: 6.5 each; the left bars 30 and 10, the right ones 20 and 20.
    chart = flow_chart([("a", "x", 20), ("a", "y", 10), ("b", "y", 10)])

    assert chart is not None
    heights = {(bar.label, bar.anchor): bar.height for bar in chart.bars}
    assert heights == {
        ("a", "end"): 195.0,
        ("b", "end"): 65.0,
        ("x", "start"): 130.0,
        ("y", "start"): 130.0,
    }
    assert [band.colour for band in chart.bands] == [1, 1, 2]
    assert chart.bands[0].path.startswith("M242,0.0 ")
    assert flow_chart([]) is None

"""What if, as a page: a form, a task in the background, an answer with a chart."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django_q.models import OrmQ

from campaigns.models import Exclusion, FrequencyCap
from reports.models import WhatIf
from reports.tasks import answer_task
from tests.factories import DAY, NOW, make_campaign
from tests.journeys.engine import decide_day, make_plan
from tests.reports.services.test_what_if import CLOSED, make_answers, make_many, make_two

pytestmark = pytest.mark.django_db
LIST = "admin:reports_whatif_changelist"
ADD = "admin:reports_whatif_add"
ONE = "admin:reports_whatif_change"


def make_log(n=300):
    make_plan()
    make_many(n)
    actions = make_two(control_share=0.1)
    decide_day()
    make_answers()
    return actions


def ask(**fields) -> WhatIf:
    defaults = {"changes": [["rank", "A=1"]], "as_of": CLOSED, "since": DAY, "created_at": NOW}
    return WhatIf.objects.create(**defaults | fields)


def test_a_question_is_queued_answered_and_shown_with_its_chart(admin_client):
    a, _b = make_log()
    sent = {
        "campaign0-campaign": a.campaign_id,
        "campaign0-becomes": "rank",
        "campaign0-rank": 1,
        "since": DAY,
        "window_days": 14,
    }

    response = admin_client.post(reverse(ADD), sent)
    question = WhatIf.objects.get()
    WhatIf.objects.update(as_of=CLOSED)

    assert response.url == reverse(ONE, args=[question.pk])
    assert question.changes == [["rank", "A=1"]]
    assert [q.func() for q in OrmQ.objects.all()] == ["reports.tasks.answer_task"]
    waiting = admin_client.get(response.url).content.decode()
    assert "Waiting for a worker." in waiting
    assert "data-progress-url" in waiting
    assert answer_task(question.pk) == "rank A=1: done"
    assert answer_task(question.pk) == "rank A=1 was already answered"
    page = admin_client.get(response.url).content.decode()
    assert "Gain per 1,000 decisions" in page
    assert page.count("<circle") == 3  # an interval for each estimate
    assert "of 300 for 300 customers" in page
    progress = admin_client.get(reverse("admin:reports_whatif_progress", args=[question.pk])).json()
    assert progress["finished"]
    assert progress["share"] == 1
    assert "priority: A=1" in admin_client.get(reverse(LIST)).content.decode()


def test_every_kind_of_change_can_be_entered(admin_client):
    a, b = (make_campaign(name=name) for name in ("A", "B"))
    FrequencyCap.objects.create(name="often", limit=1)
    FrequencyCap.objects.create(name="rare", limit=1)
    exclusion = Exclusion.objects.create(name="x", campaign=a, excluded_campaign=b, days=3)
    sent = {
        "campaign0-campaign": a.pk,
        "campaign0-becomes": "auto",
        "campaign1-campaign": b.pk,
        "campaign1-becomes": "target",
        "campaign2-campaign": b.pk,
        "campaign2-becomes": "pause",
        "cap0-cap": "often",
        "cap0-limit": 2,
        "cap0-window": "d",
        "cap0-length": 7,
        "cap1-cap": "rare",
        "exclusion0-after": a.pk,
        "exclusion0-excluded": b.pk,
        "exclusion0-days": 5,
        "dropped": exclusion.pk,
    }

    admin_client.post(reverse(ADD), sent)

    assert WhatIf.objects.get().changes == [
        ["auto", "A"],
        ["target", "B="],
        ["pause", "B"],
        ["cap", "often=2/7d"],
        ["drop-cap", "rare"],
        ["exclude", "A,B,5"],
        ["drop-exclusion", "x"],
    ]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "Specify at least one change."),
        ({"campaign0-campaign": "A", "campaign0-becomes": "rank"}, "Enter a priority."),
        ({"cap0-cap": "email", "cap0-limit": 1}, "”: a new cap needs a window, such as 1/7d."),
        (
            {"cap0-cap": "email", "cap0-limit": 1, "cap0-window": "d"},
            "Enter the length of the window.",
        ),
        ({"exclusion0-days": 3}, "Select both campaigns and enter the days."),
        ({"since": "soon"}, "Enter a valid date."),
        ({"cap0-cap": "nope"}, "Select a valid choice."),
    ],
)
def test_impossible_parameters_are_answered_by_a_sentence(admin_client, sent, sentence):
    campaign = make_campaign(name="A")
    if sent.get("campaign0-campaign"):
        sent = sent | {"campaign0-campaign": campaign.pk}

    response = admin_client.post(reverse(ADD), sent)

    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not WhatIf.objects.exists()


def test_a_refusal_is_shown_in_place_of_the_value(admin_client):
    make_log(30)
    question = ask()

    answer_task(question.pk)

    page = admin_client.get(reverse(ONE, args=[question.pk])).content.decode()
    assert "The log holds the equivalent of" in page
    assert "Gain per" not in page
    assert "The log holds the equivalent of" in admin_client.get(reverse(LIST)).content.decode()


def test_a_question_that_fails_says_why(admin_client):
    question = ask(changes=[["rank", "Gone=1"]])

    answer_task(question.pk)

    page = admin_client.get(reverse(ONE, args=[question.pk])).content.decode()
    assert "There is no campaign named “Gone”." in page


def test_only_who_may_ask_asks_and_who_may_look_looks(client):
    question = ask()
    user = User.objects.create_user("crm", is_staff=True)
    client.force_login(user)
    pages = [
        reverse(LIST),
        reverse(ONE, args=[question.pk]),
        reverse("admin:reports_whatif_progress", args=[question.pk]),
        reverse(ADD),
    ]
    assert [client.get(page).status_code for page in pages] == [403] * 4

    user.user_permissions.add(Permission.objects.get(codename="view_whatif"))

    assert [client.get(page).status_code for page in pages] == [200, 200, 200, 403]
    assert client.post(reverse(ADD)).status_code == 403
    assert client.get(reverse(ONE, args=[question.pk + 1])).status_code == 404

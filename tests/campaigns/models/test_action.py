"""Which faults of an action's texts are shown before anything is sent."""

import html

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from tests.factories import make_action, make_campaign

pytestmark = pytest.mark.django_db


def test_a_sound_action_has_no_problems():
    action = make_action(html="<p>{{ customer.first_name }}</p>")

    action.full_clean()

    assert action.problems() == []


def test_each_text_is_listed_with_its_faults():
    action = make_action(subject="{{ offr }}", body="a\n{% if offer %}", html="{{ x }}{{ y }}")

    with pytest.raises(ValidationError) as caught:
        action.clean()

    said = caught.value.message_dict
    assert [len(said[field]) for field in ("subject", "body", "html")] == [1, 1, 2]
    assert "did you mean “offer”?" in said["subject"][0]
    assert said["body"][0].startswith("Line 2: ")
    assert len(action.problems()) == 4
    assert f"Action “{action.name}”, text: Line 2: “if” is not closed" in action.problems()[1]


def test_html_belongs_to_an_e_mail_that_also_has_a_text():
    with pytest.raises(ValidationError, match="Only e-mails can have an HTML part"):
        make_action(channel="sms", html="<p>Hi</p>").clean()

    assert "needs a subject and a text" in make_action(body="", html="<p>Hi</p>").problems()[0]


def test_a_missing_link_is_reported_before_the_launch(settings, admin_client):
    action = make_action(body="Bye: {{ unsubscribe_url }}", html="{{ oh")
    make_action(action.campaign, body="{{ preferences_url }}", is_active=False)
    page = reverse("admin:campaigns_campaign_change", args=[action.campaign_id])

    (sentence,) = action.campaign.missing_links()

    assert sentence.startswith(f"Action “{action.name}” uses “unsubscribe_url”")
    assert sentence in html.unescape(admin_client.get(page).text)
    settings.PUBLIC_URL = "https://brand.example"
    assert action.campaign.missing_links() == []


def test_launching_a_campaign_with_a_missing_link_warns_again(admin_client):
    campaign = make_campaign(status="draft")
    make_action(campaign, body="Bye: {{ unsubscribe_url }}")
    data = {"action": "launch_selected", "_selected_action": [campaign.pk]}

    answer = admin_client.post(reverse("admin:campaigns_campaign_changelist"), data, follow=True)

    shown = [(message.level_tag, str(message)) for message in answer.context["messages"]]
    assert [level for level, _text in shown] == ["success", "warning"]
    assert "PUBLIC_URL" in shown[1][1]


def test_a_text_that_went_through_a_browser_unchanged_is_the_same_text():
    action = make_action(make_campaign(), body="Dear Anna,\n\nsee you\n")
    action.body = "Dear Anna,\r\n\r\nsee you\r\n"

    action.clean()

    assert action.body == "Dear Anna,\n\nsee you\n"


@pytest.mark.parametrize("beside", ["in_addition", "transactional"])
def test_a_campaign_that_answers_customers_cannot_be_sent_in_addition(beside):
    banner = make_action(make_campaign(**{beside: True}), channel="web", subject="", body="Hello")
    letter = make_action(make_campaign(**{beside: True}))
    answer = make_action(make_campaign(), channel="web", subject="", body="Hello")

    [problem] = banner.campaign.problems()

    assert problem.startswith(f"Action “{banner.name}” answers customers who come to us")
    assert letter.campaign.problems() == answer.campaign.problems() == []

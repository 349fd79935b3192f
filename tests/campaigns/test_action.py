"""What an action's texts are told before anything is sent."""

import pytest
from django.core.exceptions import ValidationError

from tests.factories import make_action

pytestmark = pytest.mark.django_db


def test_a_sound_action_has_no_problems():
    action = make_action(html="<p>{{ customer.first_name }}</p>")

    action.full_clean()

    assert action.problems() == []


def test_each_text_is_told_what_is_wrong_in_it():
    action = make_action(subject="{{ offr }}", body="a\n{% if offer %}", html="{{ x }}{{ y }}")

    with pytest.raises(ValidationError) as caught:
        action.clean()

    said = caught.value.message_dict
    assert [len(said[field]) for field in ("subject", "body", "html")] == [1, 1, 2]
    assert "did you mean “offer”?" in said["subject"][0]
    assert said["body"][0].startswith("Line 2: ")
    assert len(action.problems()) == 4
    assert f"Action “{action.name}”, text: Line 2: “if” is never closed" in action.problems()[1]


def test_html_belongs_to_an_e_mail_which_has_a_text_too():
    with pytest.raises(ValidationError, match="Only an e-mail has an HTML part"):
        make_action(channel="sms", html="<p>Hi</p>").clean()

    assert "needs a subject and a text" in make_action(body="", html="<p>Hi</p>").problems()[0]

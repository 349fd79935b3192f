from datetime import date

import pytest

from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.render_message import Links, Recipient, render_message
from journeys.models import Delivery
from optiengine.lib.text_scan import TextError
from tests.factories import NOW, make_action, make_customer, make_delivery

pytestmark = pytest.mark.django_db


def test_everything_the_help_names_can_be_filled_in():
    action = make_action(
        subject="{{ campaign }}: {{ offer }}",
        body="{{ customer.id }} {{ customer.first_name }} {{ customer.last_name }} "
        "{{ customer.language }} {{ customer.country }} {{ customer.birth_date }} "
        "{{ customer.attributes.club }} {{ unsubscribe_url }} {{ preferences_url }}",
        html='<a href="{{ unsubscribe_url }}">{{ customer.first_name }}</a>',
    )
    customer = make_customer(
        external_id="C-7",
        first_name="Zoë & Ko",
        last_name="Nym",
        language="de",
        country="DE",
        birth_date=date(1990, 5, 1),
        attributes={"club": "gold"},
    )
    links = Links("https://shop.example/u?a=1&b=2", "https://shop.example/p")

    words = render_message(action, Recipient.of(customer), links)

    assert words.subject == f"{action.campaign.name}: 10 % off"
    assert words.text == (
        "C-7 Zoë & Ko Nym de DE 1990-05-01 gold https://shop.example/u?a=1&b=2 https://shop.example/p"
    )
    assert words.html == '<a href="https://shop.example/u?a=1&amp;b=2">Zoë &amp; Ko</a>'


def test_a_link_that_the_text_uses_and_that_is_missing_is_a_fault():
    action = make_action(body="Leave: {{ unsubscribe_url }}")

    with pytest.raises(TextError, match="uses “unsubscribe_url”, but there is no such"):
        render_message(action, Recipient.of(make_customer()))


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\x00"])
def test_nothing_breaks_the_line_of_a_subject(line_break):
    """Neither a value, nor what the text itself does with one."""
    evil = f"Anna{line_break}Bcc: all@example.com"
    recipient = Recipient("C", evil, "", "", "", None, {"x": [evil]})
    action = make_action(
        subject="{{ customer.first_name }}\n{{ customer.attributes.x | join: '\r\n' }}"
    )

    subject = render_message(action, recipient).subject

    assert subject.isprintable()
    assert subject.startswith("Anna")


def test_a_text_that_cannot_be_filled_in_for_a_customer_fails_only_that_message():
    action = make_action(
        body="1/{{ customer.attributes.n }} = {{ 1 | divided_by: customer.attributes.n }}"
    )
    wrong = make_delivery(make_customer(attributes={"n": 0}), action)
    make_delivery(make_customer(attributes={"n": 1}), action)

    counts = deliver_messages(now=NOW, owner="a")

    assert (counts["sent"], counts["failed"]) == (1, 1)
    wrong.refresh_from_db()
    assert "Line 1" in wrong.reason_text
    assert "divide by 0" in wrong.reason_text
    assert wrong.sent_at is None


def test_a_batch_of_faults_hands_nothing_over():
    """By a transport that would stumble over no message at all, too."""
    deliveries = [
        make_delivery(action=make_action(channel=channel, body="{{ nobody }}"))
        for channel in ("email", "sms")
    ]

    assert deliver_messages(now=NOW, owner="a")["failed"] == 2

    for delivery in deliveries:
        delivery.refresh_from_db()
        assert "“nobody” does not exist" in delivery.reason_text


def test_attributes_of_any_depth_fail_only_their_message():
    deep: dict = {}
    for _ in range(300):
        deep = {"x": deep}
    make_delivery(make_customer(attributes=deep), make_action(body="{{ customer.attributes.x }}"))
    make_delivery()

    counts = deliver_messages(now=NOW, owner="a")

    assert counts["sent"] + counts["failed"] == 2
    assert Delivery.objects.filter(status="attempting").count() == 0

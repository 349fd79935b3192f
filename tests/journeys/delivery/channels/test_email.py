from smtplib import SMTPDataError

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from journeys.delivery.channels.email import refuses_address
from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import Delivery, ReasonCode
from tests.factories import NOW, make_action, make_customer, make_delivery

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_name_cannot_add_a_header(line_break):
    name = f"Anna{line_break}Bcc: everyone@example.com"
    make_delivery(
        make_customer(first_name=name), make_action(subject="Hello {{ customer.first_name }}")
    )

    assert deliver_messages(now=NOW, owner="a")["sent"] == 1

    [message] = mail.outbox
    assert message.subject == "Hello Anna Bcc: everyone@example.com"
    assert message.message()["Bcc"] is None
    assert message.recipients() == message.to


@pytest.mark.parametrize(
    ("address", "status", "reason"),
    [
        ("nobody", "suppressed", ReasonCode.ADDRESS_UNSETTLED),
        ("a@example.com, b@example.com", "suppressed", ReasonCode.ADDRESS_UNSETTLED),
        ("a@example.com\r\nBcc: b@example.com", "suppressed", ReasonCode.ADDRESS_UNSETTLED),
        ("<a@b", "failed", ReasonCode.ADDRESS_INVALID),
    ],
)
def test_an_invalid_address_holds_only_its_message(address, status, reason):
    wrong = make_delivery(make_customer(email=address))
    make_delivery()

    counts = deliver_messages(now=NOW, owner="a")

    assert (counts["sent"], counts[status]) == (1, 1)
    wrong.refresh_from_db()
    assert wrong.reason_code == reason


def test_a_reply_of_any_length_and_content_fits_the_reason(monkeypatch):
    def refuse(self, messages):
        raise SMTPDataError(554, b"\x00\xff" + b"no " * 200)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    make_delivery()

    assert deliver_messages(now=NOW, owner="a")["failed"] == 1
    delivery = Delivery.objects.get()
    assert delivery.reason_code == ReasonCode.MESSAGE_REFUSED
    assert delivery.reason_params["answer"].startswith("554 \ufffdno no")
    assert len(delivery.reason_params["answer"]) == 200


def test_an_error_nobody_foresaw_leaves_what_is_unclear_and_keeps_what_is_known(monkeypatch):
    monkeypatch.setattr("journeys.delivery.channels.email.EmailServer.group_size", 3)
    deliveries = [make_delivery() for _ in range(4)]
    send = EmailBackend.send_messages

    def fail_at_the_second(self, messages):
        if messages[0].to == [deliveries[1].customer.email]:
            raise ZeroDivisionError
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", fail_at_the_second)

    with pytest.raises(ZeroDivisionError):
        deliver_messages(now=NOW, owner="a")

    states = Delivery.objects.order_by("pk").values_list("status", flat=True)
    assert list(states) == ["sent", "attempting", "new", "claimed"]  # the third was not begun


@pytest.mark.parametrize(
    ("reply", "is_bounce"),
    [
        ("550 no such mailbox", True),
        ("551 User not local; please try <forward-path>", True),
        ("553 mailbox name not allowed", True),
        ("550 5.1.1 <a@example.com>: Recipient address rejected: User unknown", True),
        ("550-5.1.1 The email account that you tried to reach does not exist", True),
        ("550 5.1.10 null MX", True),
        ("550 5.2.1 mailbox disabled", True),
        ("552 5.2.2 mailbox full", False),
        ("550 5.1.8 Sender address rejected: Domain not found", False),
        ("550 5.7.1 Message rejected due to content restrictions", False),
        ("554 5.7.1 Relay access denied", False),
        ("550 relaying denied", False),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts", False),
        ("550 Blocked, see https://rbl.example/", False),
        ("550 authentication required", False),
        ("554 transaction failed", False),
    ],
)
def test_an_address_bounces_where_the_reply_is_about_it_and_not_about_us(reply, is_bounce):
    """Codes by RFC 3463, 3.2 and 3.3, RFC 5321, 4.2.3; words as servers send them."""
    assert refuses_address(int(reply[:3]), reply) == is_bounce

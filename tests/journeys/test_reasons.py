"""Why a message was not sent: stored as a code with parameters, read as a sentence."""

import re
from datetime import UTC, datetime

import pytest
from django.utils import translation

from journeys.delivery.begin_attempt import REFUSALS
from journeys.delivery.channels.base import ANSWERED, SendResult
from journeys.delivery.load_limits import CODES
from journeys.delivery.numerics.last_check import Limit
from journeys.models import Delivery, Reason, ReasonCode, make_reason
from journeys.models.reason import LIMIT_PARAMETERS, PERSONAL, SENTENCES, parameters_of
from tests.factories import make_delivery

MORNING = datetime(2026, 3, 2, 7, tzinfo=UTC)
# What may be kept when a customer is erased: names of our rules, of our users and of the provider.
IMPERSONAL = {"rule", "by", "provider", *LIMIT_PARAMETERS}


def example_of(code: ReasonCode) -> Reason:
    values = {"until": MORNING, "zone": "Europe/Lisbon", "too_late": False}
    return make_reason(
        code, **{name: values.get(name, f"<{name}>") for name in parameters_of(code)}
    )


@pytest.mark.parametrize("code", ReasonCode, ids=str)
def test_every_code_has_words_for_lists_and_for_one_delivery(code):
    reason = example_of(code)

    assert code.label
    assert code.slug == code.name.lower()
    assert "%(" not in str(reason)
    assert all(f"<{name}>" in str(reason) for name in parameters_of(code) - LIMIT_PARAMETERS)
    assert code == ReasonCode.AS_WRITTEN or re.search(r"[.>]$|ANYMAIL_ESP\.$", str(reason))


def test_the_lists_are_complete():
    assert set(SENTENCES) == set(ReasonCode)
    assert set(CODES) == set(Limit)
    assert set(ANSWERED) == set(SendResult) - {SendResult.SENT, SendResult.UNTOUCHED}
    assert len({code for _condition, code in REFUSALS}) == len(REFUSALS)
    for code in ReasonCode:
        assert parameters_of(code) <= PERSONAL | IMPERSONAL, code


@pytest.mark.parametrize(
    ("until", "too_late", "sentence"),
    [
        (MORNING, False, "Quiet hours until 2026-03-02 08:00 CET."),
        (MORNING, True, "Quiet hours until 2026-03-02 08:00 CET, after the message expires."),
        (None, True, "Quiet hours: there is no possible time."),
    ],
)
def test_a_limit_says_until_when_in_the_time_of_the_organisation(until, too_late, sentence):
    reason = make_reason(
        ReasonCode.QUIET_HOURS, until=until, zone="Europe/Berlin", too_late=too_late
    )

    assert str(reason) == sentence


@pytest.mark.parametrize("params", [{}, {"rule": "x"}, {"answer": "x", "rule": "y"}])
def test_a_reason_has_just_the_parameters_of_its_code(params):
    with pytest.raises(TypeError, match="message_refused takes"):
        make_reason(ReasonCode.MESSAGE_REFUSED, **params)


def test_an_answer_is_cleaned_and_cut():
    said = "550\x00 5.1.1\r\nno <b>such</b> \ud800 user" + "!" * 500

    reason = make_reason(ReasonCode.ADDRESS_REFUSED, answer=said)

    assert reason.params["answer"].startswith("550 5.1.1 no <b>such</b> ? user!!")
    assert len(reason.params["answer"]) == 200


def test_what_was_erased_is_said_to_be_missing():
    assert str(Reason(ReasonCode.ADDRESS_REFUSED)) == "The address was refused: (deleted)"


@pytest.mark.django_db
def test_a_reason_is_read_in_the_language_of_the_reader():
    reason = make_reason(ReasonCode.SETTLED_AS_SENT, by="O'Hara, 100 %(by)s {0}")
    delivery = Delivery.objects.get(pk=make_delivery(status="sent", reason=reason).pk)

    assert delivery.reason == reason
    assert delivery.reason_text == "Marked as sent by O'Hara, 100 %(by)s {0}."
    with translation.override("pt"):
        assert delivery.reason_text == "Marcado como enviado por O'Hara, 100 %(by)s {0}."
    delivery.reason = None
    assert (delivery.reason_code, delivery.reason_params, delivery.reason_text) == (None, {}, "")

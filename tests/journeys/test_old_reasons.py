"""What was written before reasons had codes: counted by today's codes, read as it was written."""

from importlib import import_module

import pytest
from django.db import connection

from journeys.models import Delivery, Reason, ReasonCode, make_reason
from journeys.models.reason import SENTENCES
from tests.factories import make_delivery

migration = import_module("journeys.migrations.0039_code_old_reasons")

WRITTEN = {
    "There is no consent for the channel.": ReasonCode.NO_CONSENT,
    "Interrupted while it was handed over: it may have arrived.": ReasonCode.INTERRUPTED,
    "The journey map is no longer active.": ReasonCode.JOURNEY_INACTIVE,
    "Quiet hours until 2026-03-02 07:00 UTC.": ReasonCode.QUIET_HOURS,
    "Horas de silêncio: nenhum momento é possível.": ReasonCode.QUIET_HOURS,
    "Frequency cap “One a day” until 2026-03-02 00:00 UTC.": ReasonCode.FREQUENCY_CAP,
    "Duração de “Natal” até 2026-03-02 00:00 UTC.": ReasonCode.COOL_DOWN,
    "Settled as not sent by ana.": ReasonCode.SETTLED_AS_NOT_SENT,
    "550 5.1.1 it's 100 % {unknown}": ReasonCode.AS_WRITTEN,
    "The customer was erased. Or not?": ReasonCode.AS_WRITTEN,
}


@pytest.fixture
def old_column(db):
    """The table as it was while both were there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE journeys_delivery ADD COLUMN reason varchar(200) NOT NULL DEFAULT ''"
        )


def old_reasons() -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, reason FROM journeys_delivery")
        return dict(cursor.fetchall())


@pytest.mark.usefixtures("old_column")
def test_old_sentences_keep_their_words_and_get_a_code(monkeypatch):
    monkeypatch.setattr(migration, "STEP", 3)  # several steps
    written = {make_delivery(status="suppressed").pk: sentence for sentence in WRITTEN}
    untouched = make_delivery()
    with connection.cursor() as cursor:
        for pk, sentence in written.items():
            cursor.execute("UPDATE journeys_delivery SET reason = %s WHERE id = %s", [sentence, pk])

    with connection.schema_editor() as editor:
        migration.code_reasons(None, editor)

    for pk, sentence in written.items():
        delivery = Delivery.objects.get(pk=pk)
        assert delivery.reason_code == WRITTEN[sentence]
        assert delivery.reason_text == sentence
        is_whole = str(SENTENCES[ReasonCode(delivery.reason_code)]) == sentence
        assert delivery.reason_params == ({} if is_whole else {"text": sentence})
    untouched.refresh_from_db()
    assert untouched.reason is None


@pytest.mark.usefixtures("old_column")
def test_the_way_back_writes_a_sentence_for_every_code():
    reasons = [
        (Reason(ReasonCode.AS_WRITTEN, {"text": "550 no"}), "550 no"),
        (Reason(ReasonCode.NO_CONSENT), "There is no consent for the channel."),
        (make_reason(ReasonCode.NOT_TAKEN, answer="451 later"), "451 later"),
        (make_reason(ReasonCode.SETTLED_AS_SENT, by="ana"), "Settled as sent by ana."),
        (
            make_reason(
                ReasonCode.MINIMUM_GAP, rule="Two days", until=None, zone="UTC", too_late=True
            ),
            "Minimum gap “Two days”",
        ),
        (Reason(ReasonCode.NOT_CONFIRMED), "Reason 44"),
    ]
    written = {make_delivery(reason=reason).pk: text for reason, text in reasons}
    make_delivery()

    with connection.schema_editor() as editor:
        migration.write_reasons_out(None, editor)

    assert {pk: text for pk, text in old_reasons().items() if text} == written


def test_whole_sentences_are_those_of_today():
    """They are read in the reader's language; a text that has changed keeps its old words."""
    for code, sentence in migration.SENTENCES.items():
        assert str(SENTENCES[ReasonCode(code)]) == sentence

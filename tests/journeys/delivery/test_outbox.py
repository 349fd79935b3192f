"""What becomes of a delivery after an attempt, row by row of the table, and in the database."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from journeys.delivery import outbox
from journeys.delivery.channels import Receipt, SendResult
from journeys.delivery.outbox import BECOMES, MAX_ATTEMPTS, STAYS, becomes
from journeys.models import Delivery, ReasonCode, make_reason
from tests.factories import NOW, make_delivery

REASON = make_reason(ReasonCode.UNCLEAR_ANSWER, answer="it's 100 % {unclear}")
SENT, FAILED, LATER, AGAIN, UNKNOWN, UNTOUCHED = SendResult

# (result, is a repeat, is the last attempt): status, wait in minutes, counts as an attempt
ROWS = {
    (SENT, False, False): ("sent", None, True),
    (SENT, False, True): ("sent", None, True),
    (SENT, True, False): ("sent", None, True),
    (SENT, True, True): ("sent", None, True),
    (FAILED, False, False): ("failed", None, True),
    (FAILED, False, True): ("failed", None, True),
    (FAILED, True, False): ("unknown", None, True),  # the first attempt may have arrived
    (FAILED, True, True): ("unknown", None, True),
    (LATER, False, False): ("new", 5, True),
    (LATER, False, True): ("failed", 625, True),
    (LATER, True, False): ("attempting", 5, True),
    (LATER, True, True): ("unknown", 625, True),
    (AGAIN, False, False): ("attempting", 5, True),
    (AGAIN, False, True): ("unknown", 625, True),
    (AGAIN, True, False): ("attempting", 5, True),
    (AGAIN, True, True): ("unknown", 625, True),
    (UNKNOWN, False, False): ("unknown", None, True),
    (UNKNOWN, False, True): ("unknown", None, True),
    (UNKNOWN, True, False): ("unknown", None, True),
    (UNKNOWN, True, True): ("unknown", None, True),
    (UNTOUCHED, False, False): ("new", None, False),
    (UNTOUCHED, False, True): ("new", None, False),
    (UNTOUCHED, True, False): ("attempting", None, False),
    (UNTOUCHED, True, True): ("attempting", None, False),
}


def test_the_table_has_every_row():
    assert set(ROWS) == set(product(SendResult, (False, True), (False, True)))
    assert set(BECOMES) == set(SendResult)
    statuses = {"sent", "failed", "unknown", "new", STAYS}
    assert {status for row in BECOMES.values() for status in row} == statuses


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_says_what_becomes_of_a_delivery(row):
    result, is_repeat, is_last = row
    status = becomes(result, is_repeat=is_repeat, is_last=is_last)

    assert (status or "attempting") == ROWS[row][0]


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_database_does_what_the_table_says(row):
    result, is_repeat, is_last = row
    status, wait, is_attempt = ROWS[row]
    batch, attempts = attempting(is_repeat=is_repeat, is_last=is_last)
    [pk] = batch.delivery_ids

    counts = outbox.record_receipts(batch, [Receipt(pk, result, REASON)], now=NOW)

    assert counts == {status: 1}
    delivery = Delivery.objects.get()
    assert delivery.status == status
    assert delivery.reason == REASON
    assert delivery.sent_at == (NOW if status == "sent" else None)
    assert delivery.due_at == (NOW + timedelta(minutes=wait) if wait else NOW)
    assert delivery.attempts == attempts - (not is_attempt)
    assert (delivery.lease_until is None) is (status != "attempting")


def attempting(*, is_repeat: bool, is_last: bool) -> tuple[outbox.Batch, int]:
    """A delivery that is being handed over: its batch of one, and which attempt this is."""
    make_delivery()
    batch = outbox.claim_batch("email", "smtp", owner="a", size=1, now=NOW)
    assert batch
    attempts = MAX_ATTEMPTS if is_last else 2
    Delivery.objects.update(status="attempting", attempts=attempts)
    return replace(batch, is_repeat=is_repeat), attempts


@pytest.mark.django_db
def test_a_receipt_replaces_what_the_lease_had_made_unclear():
    batch, _attempts = attempting(is_repeat=False, is_last=False)
    Delivery.objects.update(status="unknown")

    assert outbox.record_receipts(batch, [Receipt(batch.delivery_ids[0], SENT)], now=NOW) == {
        "sent": 1
    }
    assert Delivery.objects.get().reason is None

"""Statements of one customer and what then holds; nothing else writes what a customer allows."""

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from segments.channels import EMAIL, SMS
from segments.customers.numerics.what_holds import what_holds
from segments.customers.read_statements import holdings_of, statements_of
from segments.customers.record_consents import record_consents
from segments.models import ConsentStatement, Customer
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_customer
from tests.segments.importing import import_text

ROOT = Path(__file__).resolve().parents[3]
HOUR = timedelta(hours=1)
pytestmark = [pytest.mark.django_db, pytest.mark.long]


def say(customer, channels, hours=0, kind=ConsentSource.API, **more):
    said_at = NOW + hours * HOUR
    facts = {"kind": kind, "source": "test", "said_at": said_at, "at": NOW + 99 * HOUR, **more}
    recorded = record_consents(customer, channels, **facts)
    customer.refresh_from_db()
    return recorded


def test_what_the_customer_withdrew_stays_withdrawn():
    anna = make_customer(consents=[])
    assert say(anna, {EMAIL: True}).is_changed
    say(anna, {EMAIL: False}, 1, ConsentSource.UNSUBSCRIBE_PAGE)
    assert anna.consents == []

    kept = say(anna, {EMAIL: True}, 2)
    assert (anna.consents, kept.kept_withdrawn, kept.is_changed) == ([], (EMAIL,), False)
    say(anna, {EMAIL: True}, 3, has_own_time=False, proof={"wording": "4"})
    assert anna.consents == []

    say(anna, {EMAIL: True}, 3, proof={"wording": " ", "form": "n/a"})
    assert anna.consents == []

    say(anna, {EMAIL: True}, 4, proof={"wording": "4 of May"})
    assert anna.consents == [EMAIL]


def test_only_a_later_proof_brings_back():
    anna = make_customer(consents=[])
    say(anna, {EMAIL: False}, 5, ConsentSource.PREFERENCE_PAGE)
    say(anna, {EMAIL: True}, 4, proof={"wording": "4"})
    assert anna.consents == []
    say(anna, {EMAIL: True}, 6, ConsentSource.PREFERENCE_PAGE)
    assert anna.consents == [EMAIL]


def test_a_proof_of_the_same_moment_ends_no_withdrawal():
    anna = make_customer(consents=[])
    say(anna, {EMAIL: False}, 5, ConsentSource.UNSUBSCRIBE_PAGE)
    say(anna, {EMAIL: True}, 5, proof={"wording": "4"})
    say(anna, {EMAIL: True}, 6)
    assert anna.consents == []


def test_a_late_report_of_an_earlier_no_changes_nothing():
    anna = make_customer(consents=[])
    say(anna, {EMAIL: True}, 5)
    say(anna, {EMAIL: False}, 4)
    assert anna.consents == [EMAIL]


def test_the_same_statement_twice_is_one():
    anna = make_customer(consents=[])
    for _ in range(2):
        say(anna, {EMAIL: True, SMS: False}, 5, proof={"wording": "4"})
    assert ConsentStatement.objects.count() == 2


def test_topics_are_declined_and_wanted_again():
    anna = make_customer(topics_declined=[9])
    say(anna, {}, 1, ConsentSource.PREFERENCE_PAGE, topics={7: False, 8: True})
    assert anna.topics_declined == [7, 9]
    say(anna, {}, 2, ConsentSource.PREFERENCE_PAGE, topics={7: True, 9: True})
    assert anna.topics_declined == []


def test_channels_that_nobody_spoke_of_stay():
    anna = make_customer(consents=[EMAIL, SMS])
    say(anna, {EMAIL: False})
    assert anna.consents == [SMS]


def test_a_word_that_is_no_channel_is_refused():
    with pytest.raises(ValueError, match="fax"):
        say(make_customer(), {"fax": True})


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_statements_and_files_ends_in_what_the_slow_model_says(tmp_path, seed):
    """Single statements of every sort, files with and without a time of their own, twice over."""
    rng = np.random.default_rng(seed)
    ids = ["K1", "K2", "K3"]
    for name in ids:
        make_customer(external_id=name, consents=[])
    acts = [_act(rng, ids) for _ in range(14)]
    for act in [*acts, *(acts[i] for i in rng.permutation(14)[:4])]:
        act(tmp_path)

    for customer in Customer.objects.order_by("pk"):
        holdings = holdings_of(statements_of(customer))
        for channel in (EMAIL, SMS):
            holding = holdings.get((channel, None), what_holds([]))
            assert (channel in customer.consents) == (holding.allowed is True), holdings
            assert (channel in customer.consents_unclear) == (holding.allowed is None), holdings


def _act(rng, ids):
    said_at = NOW + int(rng.integers(8)) * HOUR
    if rng.random() < 0.5:
        kinds = [ConsentSource.API, ConsentSource.PREFERENCE_PAGE, ConsentSource.FEEDBACK]
        facts = {
            "kind": kinds[rng.integers(3)],
            "has_own_time": bool(rng.random() < 0.7),
            "proof": {"wording": "1"} if rng.random() < 0.5 else {},
        }
        name, channel = str(rng.choice(ids)), str(rng.choice([EMAIL, SMS]))
        answer = bool(rng.random() < 0.6)

        def act(folder):
            customer = Customer.objects.get(external_id=name)
            at = NOW + 9 * HOUR
            record_consents(
                customer, {channel: answer}, source="t", said_at=said_at, at=at, **facts
            )

        return act
    has_times = rng.random() < 0.4
    lines = ["id,consent_email,consent_sms" + (",consent_at,consent_proof" if has_times else "")]
    for name in rng.permutation(ids)[: rng.integers(1, 4)]:
        cells = [str(name), *(str(rng.choice(["yes", "yes", "no", "", "huh"])) for _ in range(2))]
        if has_times:
            hour = NOW + int(rng.integers(8)) * HOUR
            cells += [hour.isoformat() if rng.random() < 0.7 else "", str(rng.choice(["", "form"]))]
        lines.append(",".join(cells))

    def act(folder):
        text = "\n".join(lines) + "\n"
        job = import_text(folder, text, at=NOW + 9 * HOUR, made_at=said_at)
        assert job.status == "done", job.error

    return act


WRITERS = {  # who may write what a customer allows, and why
    "segments/customers/derive_consents.py",  # from all statements
    "segments/imports/import_customers.py",  # of new customers: what their first row says
    "segments/imports/consent_cells.py",
    "segments/customers/erase_customer.py",  # nothing any more
    "segments/models/customer.py",
}
READERS = {"campaigns/numerics/verdicts.py", "segments/customers/admin/customer.py"}  # in memory
WRITE = re.compile(
    r"(SET|INSERT INTO segments_customer)\b[^\"]*\b(consents|consents_unclear|topics_declined)\b"
    r"|\b(consents|consents_unclear|topics_declined) = (?!models|ArrayField|serializers|forms)"
    r"|\.update\([^)]*\b(consents|consents_unclear|topics_declined)="
    r"|update_fields=\[[^]]*\b(consents|topics_declined)\b"
)


def test_nothing_else_writes_what_a_customer_allows():
    writers = set()
    for app in ("segments", "campaigns", "journeys", "reports"):
        for path in (ROOT / app).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if "migrations" not in path.parts and WRITE.search(path.read_text()):
                writers.add(name)
    assert writers <= WRITERS | READERS
    assert "segments/customers/derive_consents.py" in writers

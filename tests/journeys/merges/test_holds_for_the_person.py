"""Consents, suppression, erasure and shared addresses of records that are one person."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from campaigns.models import FrequencyCap
from journeys.delivery.deliver_messages import deliver_messages
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import Delivery
from segments.customers.erase_customer import erase_customer
from segments.customers.numerics.what_holds import Said, what_holds
from segments.customers.read_statements import statements_of
from segments.customers.record_consents import record_consents
from segments.customers.shared_addresses import refresh_shared_addresses
from segments.models import ConsentStatement, Customer, SharedAddress
from segments.models.consent import ConsentSource
from segments.state.build_state import build_state
from segments.state.load_batch import load_batch
from tests.factories import DAY, make_customer, make_delivery
from tests.segments.importing import import_text

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def say(customer: Customer, channel: str, yes: bool, hours: int, **fields) -> None:
    said = {"kind": ConsentSource.API, "source": "crm", "said_at": AT + hours * HOUR, "at": AT}
    record_consents(customer, {channel: yes}, **said | fields)


def allows(customer: Customer) -> list[str]:
    return Customer.objects.get(pk=customer.pk).consents


def test_the_newest_statement_under_either_number_holds_until_they_are_separated():
    kept, alias = make_customer(consents=[]), make_customer(consents=[])
    say(kept, "email", yes=True, hours=1)
    say(alias, "email", yes=False, hours=2)
    say(alias, "sms", yes=True, hours=1)
    assert allows(kept) == ["email"]
    merge = merge_customers(kept, alias, at=AT, by=None)
    assert allows(kept) == ["sms"]
    assert [s.says_yes for s in statements_of(kept) if s.channel == "email"] == [False, True]
    say(alias, "email", yes=True, hours=3)
    assert allows(kept) == ["email", "sms"]
    undo_merge(merge, at=AT, by=None)
    assert allows(kept) == ["email"]
    assert allows(alias) == ["email", "sms"]


def test_what_was_withdrawn_in_person_stays_withdrawn_whatever_the_other_record_says():
    kept, alias = make_customer(consents=[]), make_customer(consents=[])
    merge_customers(kept, alias, at=AT, by=None)
    say(alias, "email", yes=False, hours=1, kind=ConsentSource.UNSUBSCRIBE_PAGE)
    say(kept, "email", yes=True, hours=5, has_own_time=False)
    assert allows(kept) == []


def test_topics_declined_under_either_number_are_declined():
    kept, alias = make_customer(), make_customer()
    said = {"kind": ConsentSource.PREFERENCE_PAGE, "source": "page", "said_at": AT, "at": AT}
    record_consents(alias, {}, {7: False}, **said)
    merge = merge_customers(kept, alias, at=AT, by=None)
    assert Customer.objects.get(pk=kept.pk).topics_declined == [7]
    undo_merge(merge, at=AT, by=None)
    assert Customer.objects.get(pk=kept.pk).topics_declined == []


@pytest.mark.parametrize("seed", range(8))
def test_statements_in_any_order_between_merging_and_separating_end_as_the_slow_model_says(seed):
    dice = np.random.default_rng(seed)
    records = [make_customer(consents=[]) for _ in range(3)]
    kept, *others = records
    said: dict[int, list[Said]] = {row.pk: [] for row in records}
    merges: dict[int, object] = {}
    for _ in range(30):
        move, row = dice.random(), records[dice.integers(3)]
        if move < 0.2 and row != kept:
            if merge := merges.pop(row.pk, None):
                undo_merge(merge, at=AT, by=None)
            else:
                merges[row.pk] = merge_customers(kept, row, at=AT, by=None)
        else:
            yes, in_person, hours = (
                bool(dice.random() < 0.6),
                dice.random() < 0.4,
                int(dice.integers(9)),
            )
            kind = ConsentSource.UNSUBSCRIBE_PAGE if in_person else ConsentSource.API
            say(row, "email", yes, hours, kind=kind, source=f"{dice.random()}")
            back = yes and in_person
            said[row.pk].append(Said(AT + hours * HOUR, yes, in_person, back))
        of_person = [s for pk in (kept.pk, *merges) for s in said[pk]]
        assert allows(kept) == ["email"] * bool(what_holds(of_person).allowed)
        for other in others:
            assert allows(other) == ["email"] * bool(what_holds(said[other.pk]).allowed)


def test_a_file_that_names_the_merged_record_speaks_for_the_person(tmp_path):
    kept = make_customer(external_id="K1", consents=[])
    alias = make_customer(external_id="K2", consents=[])
    merge = merge_customers(kept, alias, at=AT, by=None)
    import_text(tmp_path, "external_id,consent_email\nK2,yes\n")
    assert allows(kept) == ["email"]
    undo_merge(merge, at=AT, by=None)
    assert (allows(kept), allows(alias)) == ([], ["email"])


def test_one_suppressed_record_suppresses_the_person():
    kept, alias = make_customer(), make_customer(suppressed=True)
    merge = merge_customers(kept, alias, at=AT, by=None)
    state = build_state(DAY)
    assert load_batch(state, kept.pk, kept.pk).suppressed.tolist() == [True]
    undo_merge(merge, at=AT, by=None)
    assert load_batch(state, kept.pk, kept.pk).suppressed.tolist() == [False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [{"suppressed": True}, {"consents": []}])
def test_a_waiting_message_of_the_merged_record_is_held_to_what_the_kept_one_allows(change):
    kept, alias = make_customer(), make_customer()
    FrequencyCap.objects.all().delete()
    make_delivery(alias)
    merge_customers(kept, alias, at=AT, by=None)
    Customer.objects.filter(pk=kept.pk).update(**change)
    deliver_messages(now=datetime(2026, 3, 1, 10, tzinfo=UTC), owner="test")
    assert Delivery.objects.get().status == "suppressed"


@pytest.mark.parametrize("named", [0, 1])
def test_erasing_either_number_erases_the_person(named):
    records = [make_customer(), make_customer()]
    say(records[1], "email", yes=True, hours=0, proof={"text": "form"})
    merge_customers(*records, at=AT, by=None)
    erase_customer(records[named], source="test", at=AT)
    assert set(Customer.objects.values_list("email", "first_name")) == {("", "")}
    assert not ConsentStatement.objects.exclude(proof={}).exists()


def test_merged_records_share_no_address_with_themselves():
    kept, alias = (make_customer(email=email) for email in ("a@example.com", "A@example.com"))
    other = make_customer(email="b@example.com")
    make_customer(email="b@example.com")
    refresh_shared_addresses(at=AT)
    assert SharedAddress.objects.count() == 2
    merge = merge_customers(kept, alias, at=AT, by=None)
    assert [shared.key for shared in SharedAddress.objects.all()] == ["b@example.com"]
    refresh_shared_addresses(at=AT)
    assert SharedAddress.objects.get().n_customers == 2
    undo_merge(merge, at=AT, by=None)
    assert SharedAddress.objects.count() == 2
    merge_customers(other, kept, at=AT, by=None)
    assert [shared.key for shared in SharedAddress.objects.all()] == ["b@example.com"]

"""Consents, suppression, erasure and shared addresses of records that are one person."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.test import Client

from campaigns.models import FrequencyCap, Tag
from campaigns.services.preferences import offered_channels, save_preferences
from journeys.delivery.deliver_messages import deliver_messages
from journeys.explain.replay_run import replay_run
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import Contact, Delivery, ReasonCode
from segments.customers.admin.shared_address import SharedAddressAdmin
from segments.customers.customer_links import UNSUBSCRIBE, Reader, make_token
from segments.customers.erase_customer import erase_customer
from segments.customers.numerics.what_holds import Said, what_holds
from segments.customers.read_statements import statements_of
from segments.customers.record_consents import record_consents
from segments.customers.shared_addresses import (
    lock_shared_addresses,
    refresh_shared_addresses,
)
from segments.models import ConsentStatement, Customer, SharedAddress
from segments.models.consent import ConsentSource
from segments.rules.count_target_group import count_customers
from segments.rules.numerics.rule import parse_rule
from segments.rules.pick_customer import customer_near
from segments.state.build_state import build_state
from segments.state.count_reachable import count_reachable
from segments.state.load_batch import load_batch
from tests.factories import DAY, make_action, make_campaign, make_customer, make_delivery
from tests.journeys.engine import decide_day, make_plan
from tests.segments.importing import counts, import_text

pytestmark = pytest.mark.django_db

LONG_AGO = DAY - timedelta(days=100)
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def say(customer: Customer, channel: str, yes: bool, hours: int, **fields) -> None:
    said: dict[str, Any] = {"kind": ConsentSource.API, "source": "crm", "at": AT}
    said["said_at"] = AT + hours * HOUR
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
    assert allows(kept) == allows(alias) == ["sms"]
    assert [s.says_yes for s in statements_of(kept) if s.channel == "email"] == [False, True]
    say(alias, "email", yes=True, hours=3)
    assert allows(kept) == allows(alias) == ["email", "sms"]
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
    assert [row.topics_declined for row in Customer.objects.all()] == [[7], [7]]
    undo_merge(merge, at=AT, by=None)
    assert [row.topics_declined for row in Customer.objects.order_by("pk")] == [[], [7]]


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
            theirs = of_person if other.pk in merges else said[other.pk]
            assert allows(other) == ["email"] * bool(what_holds(theirs).allowed)


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


@pytest.mark.django_db(transaction=True)
def test_one_suppressed_record_stops_the_waiting_messages_of_all():
    kept, *others = (make_customer() for _ in range(3))
    FrequencyCap.objects.all().delete()
    for row in others:
        merge_customers(kept, row, at=AT, by=None)
    make_delivery(others[0])
    Customer.objects.filter(pk=others[1].pk).update(suppressed=True)
    deliver_messages(now=datetime(2026, 3, 1, 10, tzinfo=UTC), owner="test")
    assert Delivery.objects.get().reason_code == ReasonCode.CUSTOMER_SUPPRESSED


def test_a_link_of_the_merged_record_shows_and_changes_what_the_person_allows():
    shoes = Tag.objects.create(name="shoes", is_topic=True, title="Shoes")
    kept, alias = make_customer(consents=[]), make_customer(consents=[])
    for channel in ("email", "sms"):
        say(kept, channel, yes=True, hours=1)
    merge_customers(kept, alias, at=AT, by=None)
    alias.refresh_from_db()
    assert {choice.channel for choice in offered_channels(alias) if choice.is_on} == {
        "email",
        "sms",
    }
    save_preferences(
        alias, channels=["email"], topics=[], campaign_id=None, at=AT + timedelta(hours=2)
    )
    assert allows(kept) == allows(alias) == ["email"]
    assert Customer.objects.get(pk=kept.pk).topics_declined == [shoes.pk]
    token = make_token(UNSUBSCRIBE, Reader(alias.pk, "email", None))
    assert Client().post(f"/{UNSUBSCRIBE}/{token}/", ONE_CLICK).status_code == 200
    assert allows(kept) == allows(alias) == []


def test_a_file_changes_what_the_kept_record_said_under_the_number_it_names(tmp_path):
    """Also where the named record said the same before it was merged."""
    kept = make_customer(external_id="K1", consents=[])
    alias = make_customer(external_id="K2", consents=[])
    say(alias, "email", yes=True, hours=-480)
    say(kept, "email", yes=False, hours=-240)
    merge_customers(kept, alias, at=AT, by=None)
    assert allows(kept) == allows(alias) == []
    job = import_text(tmp_path, "external_id,consent_email\nK2,yes\n")
    assert counts(job) == (1, 0, 1, 0, 0)
    assert allows(kept) == allows(alias) == ["email"]


def test_a_file_that_names_both_records_counts_both_and_says_no_if_one_row_does(tmp_path):
    kept = make_customer(external_id="K1", consents=[])
    alias = make_customer(external_id="K2", consents=[])
    merge_customers(kept, alias, at=AT, by=None)
    file = "external_id,first_name,consent_email\nK1,Ana,yes\nK2,Ane,no\n"
    assert counts(import_text(tmp_path, file)) == (2, 0, 2, 0, 0)
    assert allows(kept) == allows(alias) == []
    assert [row.first_name for row in Customer.objects.order_by("external_id")] == ["Ana", "Ane"]
    assert counts(import_text(tmp_path, file)) == (2, 0, 0, 2, 0)


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
    merge_customers(other, kept, at=AT, by=None)  # who is reached at both addresses now
    assert [shared.n_customers for shared in SharedAddress.objects.all()] == [2, 2]


def shared_by(customer: Customer) -> list[tuple[int, ...]]:
    with transaction.atomic():
        groups = lock_shared_addresses("c.id = %s", [customer.pk])
    return [group.customer_ids for group in groups]


def test_the_address_of_a_merged_record_is_shared_by_the_kept_one():
    kept = make_customer(email="kept@example.com")
    alias, third = (make_customer(email="two@example.com") for _ in range(2))
    refresh_shared_addresses(at=AT)
    assert shared_by(alias) == [(alias.pk, third.pk)]
    assert shared_by(kept) == []
    merge = merge_customers(kept, alias, at=AT, by=None)
    for _ in range(2):
        assert shared_by(kept) == shared_by(alias) == shared_by(third) == [(kept.pk, third.pk)]
        refresh_shared_addresses(at=AT)
    (listed,) = SharedAddressAdmin._customers_of(SharedAddress.objects.get())[:1]
    assert listed[0] == kept.pk
    undo_merge(merge, at=AT, by=None)
    assert (shared_by(kept), shared_by(third)) == ([], [(alias.pk, third.pk)])


def test_a_mailbox_gets_one_message_of_its_person_and_the_third_who_shares_it():
    make_plan()
    kept = make_customer(email="kept@example.com", consents=["email"], registered_on=LONG_AGO)
    alias, third = (
        make_customer(email="two@example.com", consents=["email"], registered_on=LONG_AGO)
        for _ in range(2)
    )
    merge_customers(kept, alias, at=AT, by=None)
    make_action(make_campaign(rank=1, control_share=0))
    FrequencyCap.objects.all().delete()
    FrequencyCap.objects.create(
        name="one a day", limit=1, window="day", scope="channel", channel="email"
    )
    run = decide_day()
    assert [contact.customer_id for contact in Contact.objects.all()] in ([kept.pk], [third.pk])
    assert not replay_run(run).differing


def test_a_withdrawal_at_an_address_that_is_shared_reaches_the_person_and_stays_where_it_was_said():
    kept = make_customer(email="kept@example.com", consents=[])
    alias, third = (make_customer(email="two@example.com", consents=[]) for _ in range(2))
    for row in (kept, alias, third):
        say(row, "email", yes=True, hours=0)
    refresh_shared_addresses(at=AT)
    merge = merge_customers(kept, alias, at=AT, by=None)
    say(third, "email", yes=False, hours=1, kind=ConsentSource.UNSUBSCRIBE_PAGE)
    assert allows(kept) == allows(alias) == allows(third) == []
    undo_merge(merge, at=AT, by=None)
    assert (allows(kept), allows(alias)) == (["email"], [])


def test_records_of_one_mailbox_share_what_was_withdrawn_again_when_they_are_separated():
    kept, alias = (make_customer(email="a@example.com", consents=[]) for _ in range(2))
    for row in (kept, alias):
        say(row, "email", yes=True, hours=0)
    merge = merge_customers(kept, alias, at=AT, by=None)
    say(alias, "email", yes=False, hours=1, kind=ConsentSource.UNSUBSCRIBE_PAGE)
    undo_merge(merge, at=AT, by=None)
    assert allows(kept) == allows(alias) == []


def test_counts_of_customers_leave_merged_records_out_and_suppressed_persons_unreached():
    kept, alias, third = (make_customer(registered_on=LONG_AGO) for _ in range(3))
    state = build_state(DAY)
    everyone = parse_rule({"field": "stage", "op": "eq", "value": "prospect"})
    assert count_customers(everyone, state) == 3
    merge = merge_customers(kept, alias, at=AT, by=None)
    Customer.objects.filter(pk=alias.pk).update(suppressed=True)
    assert count_customers(everyone, state) == 2
    counted = count_reachable(everyone, ["email"], state, timeout_ms=5_000)
    assert list(counted.values()) == [(2, 1)]
    assert customer_near(None, alias.pk) == third
    assert Customer.objects.persons().count() == 2
    assert set(Customer.objects.contactable()) == {kept, third}
    undo_merge(merge, at=AT, by=None)
    assert count_customers(everyone, state) == 3

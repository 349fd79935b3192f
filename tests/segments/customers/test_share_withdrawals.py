"""Two records of one mailbox share what was withdrawn."""

from datetime import timedelta

import pytest

from segments.customers.record_consents import record_consents
from segments.customers.share_withdrawals import share_withdrawals
from segments.customers.shared_addresses import refresh_shared_addresses
from segments.customers.withdraw_consent import withdraw_consent
from segments.models import ConsentStatement, Customer
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_customer

pytestmark = pytest.mark.django_db


def allowed(customer: Customer) -> set[str]:
    return set(Customer.objects.get(pk=customer.pk).consents)


def unsubscribe(customer: Customer, channel: str = "email") -> None:
    withdraw_consent(
        customer,
        channel,
        kind="unsubscribe",
        campaign_id=None,
        by=ConsentSource.UNSUBSCRIBE_PAGE,
        source="unsubscribe link",
        at=NOW,
    )


def test_a_withdrawal_reaches_all_who_share_the_mailbox_and_no_other_channel():
    anna, berta, clara = (
        make_customer(email="a@example.com", consents=["email", "sms"]),
        make_customer(email="A@Example.com", consents=["email", "sms"]),
        make_customer(consents=["email"]),
    )
    refresh_shared_addresses(at=NOW)

    unsubscribe(anna)

    assert allowed(anna) == allowed(berta) == {"sms"}
    assert allowed(clara) == {"email"}
    statement = ConsentStatement.objects.get(customer=berta)
    assert (statement.kind, statement.by_customer) == (ConsentSource.SHARED_ADDRESS, True)


def test_a_record_that_comes_later_shares_it_before_the_next_run():
    anna = make_customer(email="a@example.com", consents=["email"])
    unsubscribe(anna)
    berta = make_customer(email="A@Example.com", consents=["email"])

    refresh_shared_addresses(at=NOW)
    assert share_withdrawals(at=NOW) == 1
    assert share_withdrawals(at=NOW) == 0

    assert allowed(berta) == set()


def test_a_consent_given_later_counts_for_the_one_who_gave_it():
    anna = make_customer(email="a@example.com", consents=["email"])
    berta = make_customer(email="A@Example.com", consents=["email"])
    refresh_shared_addresses(at=NOW)
    unsubscribe(anna)

    record_consents(
        berta,
        {"email": True},
        kind=ConsentSource.PREFERENCE_PAGE,
        source="preference page",
        said_at=NOW + timedelta(days=1),
        at=NOW + timedelta(days=1),
    )
    share_withdrawals(at=NOW + timedelta(days=1))

    assert allowed(berta) == {"email"}
    assert allowed(anna) == set()

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from optiengine.lib.hooks import Hook
from segments.customers.find_customer import find_customer, new_id
from segments.customers.lock_persons import lock_person
from segments.customers.record_consents import Recorded, record_consents
from segments.customers.suppress_addresses import mark_customer
from segments.errors import CustomerRefused
from segments.models import Customer
from segments.models.consent import ConsentSource
from segments.models.customer import KEY_FOLLOWS

# What later apps do as soon as a customer is known, or has another address, in the transaction.
WHEN_KNOWN: Hook[Callable[[Customer, datetime], None]] = Hook()


def make_known(customer: Customer, *, at: datetime) -> None:
    """What follows from a new id or address: marks of suppression, and what waited for them."""
    mark_customer(customer, at=at)
    for follow in WHEN_KNOWN:
        follow(customer, at)


@transaction.atomic
def write_customer(
    external_id: str, fields: Mapping[str, Any], *, at: datetime, may_create: bool
) -> tuple[Customer | None, bool]:
    """Set what is known of a customer, who is made where there is none; and whether so.

    fields : those that replace what was known; None for a new customer who may not be made.
    Raises CustomerRefused for an erased one, and for what can be no id of a new one.
    """
    customers = Customer.objects.select_for_update(no_key=True)
    is_new = False
    known = find_customer(external_id)
    if known is not None:
        lock_person(known.pk)
        external_id = known.external_id
    customer = customers.filter(external_id=external_id).first()
    if customer is None and may_create:
        customer, is_new = customers.get_or_create(
            external_id=new_id(external_id), defaults=dict(fields)
        )
    if customer is None:
        return None, False
    if customer.erased_at is not None:
        raise CustomerRefused(_("This customer was erased and cannot be changed."))
    changed = [name for name, value in fields.items() if getattr(customer, name) != value]
    if changed and not is_new:
        for name in changed:
            setattr(customer, name, fields[name])
        customer.save(update_fields=[*changed, "updated_at"])
    if is_new or not KEY_FOLLOWS.keys().isdisjoint(changed):
        make_known(customer, at=at)
    return customer, is_new


@transaction.atomic
def say_consents(
    customer: Customer,
    said: Mapping[str, bool],
    topics: Mapping[int, bool] | None = None,
    *,
    source: str,
    at: datetime,
    said_at: datetime | None = None,
    by_customer: bool = False,
    proof: Mapping[str, Any] | None = None,
) -> Recorded:
    """What a partner system says of a customer's consents.

    said_at : None where that is not known; such a yes never ends a withdrawal by the customer.
    Raises CustomerRefused for an erased customer.
    """
    locked = lock_person(customer.pk)
    if locked.erased_at is not None:
        raise CustomerRefused(_("This customer was erased and cannot be changed."))
    return record_consents(
        locked,
        said,
        topics,
        kind=ConsentSource.API,
        source=source,
        said_at=said_at or at,
        at=at,
        by_customer=by_customer,
        has_own_time=said_at is not None,
        proof=proof,
    )

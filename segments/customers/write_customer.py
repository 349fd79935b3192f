from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from segments.channels import ADDRESS_FIELDS
from segments.customers.change_consent import change_consents
from segments.customers.suppress_addresses import mark_customer
from segments.errors import CustomerRefused
from segments.models import Customer


@transaction.atomic
def write_customer(
    external_id: str, fields: Mapping[str, Any], *, at: datetime, may_create: bool
) -> tuple[Customer | None, bool]:
    """Set what is known of a customer, who is made where there is none; and whether so.

    fields : those that replace what was known; None for a new customer who may not be made.
    Raises CustomerRefused for an erased one.
    """
    customers = Customer.objects.select_for_update(no_key=True)
    customer: Customer | None
    is_new = False
    if may_create:
        customer, is_new = customers.get_or_create(external_id=external_id, defaults=dict(fields))
    elif (customer := customers.filter(external_id=external_id).first()) is None:
        return None, False
    if customer.erased_at is not None:
        raise CustomerRefused(_("This customer was erased and cannot be changed."))
    changed = [name for name, value in fields.items() if getattr(customer, name) != value]
    if changed and not is_new:
        for name in changed:
            setattr(customer, name, fields[name])
        customer.save(update_fields=[*changed, "updated_at"])
    if is_new or not set(ADDRESS_FIELDS).isdisjoint(changed):
        mark_customer(customer, at=at)
    return customer, is_new


@transaction.atomic
def say_consents(
    customer: Customer, said: Mapping[str, bool], *, source: str, at: datetime
) -> bool:
    """Add and take away the channels that are named; False where nothing changed.

    Raises CustomerRefused for an erased customer.
    """
    locked = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    if locked.erased_at is not None:
        raise CustomerRefused(_("This customer was erased and cannot be changed."))
    granted = {channel for channel, is_given in said.items() if is_given}
    wanted = (set(locked.consents) | granted) - (set(said) - granted)
    return change_consents(locked, wanted, source=source, at=at) is not None

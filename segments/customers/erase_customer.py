"""Erasure: what says who a customer is goes, what was decided and counted stays under a number.

Kept are the customer's id, by which a later import is refused, what was said about consent and
when, without the proofs, and the ledgers, which hold only numbers. Addresses stay suppressed, as
keyed hashes.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from optiengine.lib.hooks import Hook
from segments.channels import address_fields
from segments.customers.lock_persons import lock_person
from segments.customers.record_consents import record_consents
from segments.customers.suppress_addresses import suppress_addresses
from segments.customers.with_address import is_address
from segments.models import ConsentStatement, Customer, Event, ImportJob, Suppression
from segments.models.consent import ConsentSource
from segments.models.customer import FROM_ADDRESSES, FROM_MESSAGES, PROFILE
from segments.same_person import same_person

# What later apps keep of a customer: called with the customer's key, inside the transaction.
ALSO_ERASED: Hook[Callable[[int], None]] = Hook()
# The same, of what names them: called with the customer as they were before.
WHEN_ERASED: Hook[Callable[[Customer], None]] = Hook()


@transaction.atomic
def erase_customer(customer: Customer, *, source: str, at: datetime) -> bool:
    """Blank what is known of a person, under all their numbers; False where it was done before.

    source : who requested it, kept with the proof of consents. What waits in the outbox is stopped
    by its last check. Withheld is what others may not read either: the addresses' hashes.
    """
    lock_person(customer.pk)
    records = Customer.objects.filter(pk__in=same_person(customer.pk)).order_by("pk")
    n_erased = sum([_erase_record(row, source, at) for row in records])
    return n_erased > 0


def _erase_record(locked: Customer, source: str, at: datetime) -> bool:
    if locked.erased_at is not None:
        return False
    addresses = [
        (channel, locked.reached_by(column))
        for channel, column in address_fields().items()
        if is_address(column, locked.reached_by(column))
    ]
    reason = Suppression.Reason.ERASURE
    suppress_addresses(addresses, reason=reason, source=source, at=at)
    withdrawn = dict.fromkeys(locked.consents, False)
    record_consents(locked, withdrawn, kind=ConsentSource.ERASURE, source=source, said_at=at, at=at)
    ConsentStatement.objects.filter(customer=locked).exclude(proof={}).update(proof={})
    Customer.objects.filter(pk=locked.pk).update(
        **PROFILE, **FROM_ADDRESSES, **FROM_MESSAGES, erased_at=at, updated_at=at
    )
    Event.objects.filter(customer=locked).exclude(properties={}).update(properties={})
    _forget_samples()
    for forget in WHEN_ERASED:
        forget(locked)
    for erase in ALSO_ERASED:
        erase(locked.pk)
    return True


def _forget_samples() -> None:
    """Cells that imports could not read, of whomever: nothing says whose they are."""
    for job in ImportJob.objects.filter(warnings__contains=[{"samples": [{}]}]):
        job.warnings = [warning | {"samples": []} for warning in job.warnings]
        job.save(update_fields=["warnings"])

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from segments.channels import CHANNELS
from segments.models import ConsentChange, Customer


@transaction.atomic
def change_consents(
    customer: Customer, consents: Iterable[str], *, source: str, at: datetime
) -> ConsentChange | None:
    """Set what a customer allows and keep the proof; None when it was so already.

    source : who or what says so. Raises ValueError for what is no channel.
    """
    wanted = set(consents)
    if unknown := wanted - CHANNELS.keys():
        raise ValueError(f"not a channel: {', '.join(sorted(unknown))}")
    locked = Customer.objects.select_for_update().get(pk=customer.pk)
    before = list(locked.consents)
    customer.consents = [channel for channel in CHANNELS if channel in wanted]
    if set(before) == wanted:
        return None
    Customer.objects.filter(pk=customer.pk).update(consents=customer.consents, updated_at=at)
    return ConsentChange.objects.create(
        customer=customer, before=before, after=customer.consents, changed_at=at, source=source
    )

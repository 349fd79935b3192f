"""Statements about consent of one customer: stored, and what holds derived from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from segments.channels import CHANNELS
from segments.customers.derive_consents import derive_customer
from segments.customers.lock_persons import lock_person
from segments.customers.numerics.what_holds import brings_back, is_proof
from segments.customers.share_withdrawals import share_withdrawals_of
from segments.models import ConsentStatement, Customer
from segments.models.consent import ConsentSource

# What is said on our own pages, or to somebody of us, the customer says in person.
IN_PERSON = {
    ConsentSource.UNSUBSCRIBE_PAGE,
    ConsentSource.PREFERENCE_PAGE,
    ConsentSource.FEEDBACK,
    ConsentSource.CALL_LIST,
    ConsentSource.SIGN_UP,
    ConsentSource.ERASURE,
}


@dataclass(frozen=True)
class Recorded:
    """What became of statements. kept_withdrawn : channels that stay closed despite a yes."""

    statements: list[ConsentStatement]
    is_changed: bool
    kept_withdrawn: tuple[str, ...]


@transaction.atomic
def record_consents(
    customer: Customer,
    channels: Mapping[str, bool],
    topics: Mapping[int, bool] | None = None,
    *,
    kind: ConsentSource,
    source: str,
    said_at: datetime,
    at: datetime,
    by_customer: bool | None = None,
    has_own_time: bool = True,
    proof: Mapping[str, Any] | None = None,
) -> Recorded:
    """Store what was said and let it take effect.

    channels, topics : yes or no to each; those left out stay. said_at : when it was said; at :
    when we learn of it. by_customer : by default as the kind of source has it. has_own_time :
    False where `said_at` is only the moment of arrival. The same statement twice is one.
    Raises ValueError for what is no channel.
    """
    if unknown := set(channels) - CHANNELS.keys():
        raise ValueError(f"not a channel: {', '.join(sorted(unknown))}")
    topics, proof = topics or {}, dict(proof or {})
    in_person = kind in IN_PERSON if by_customer is None else by_customer
    lock_person(customer.pk)
    said: list[tuple[str, int | None, bool]] = [
        *((channel, None, says_yes) for channel, says_yes in channels.items()),
        *(("", topic, says_yes) for topic, says_yes in topics.items()),
    ]
    statements = [
        ConsentStatement(
            customer_id=customer.pk,
            channel=channel,
            topic=topic,
            says_yes=says_yes,
            said_at=said_at,
            recorded_at=at,
            kind=kind,
            source=source[:100],
            by_customer=in_person,
            brings_back=brings_back(
                says_yes=says_yes,
                by_customer=in_person,
                has_own_time=has_own_time,
                has_proof=any(is_proof(str(value)) for value in proof.values()),
            ),
            proof=proof,
        )
        for channel, topic, says_yes in said
    ]
    known = set(
        ConsentStatement.objects.filter(
            customer=customer, said_at=said_at, kind=kind, source=source[:100], proof=proof
        ).values_list("channel", "topic", "says_yes", "by_customer")
    )
    new = [s for s in statements if (s.channel, s.topic, s.says_yes, s.by_customer) not in known]
    ConsentStatement.objects.bulk_create(new)
    is_changed = derive_customer(customer, list(channels), list(topics), at=at)
    if in_person and False in channels.values() and kind != ConsentSource.ERASURE:
        share_withdrawals_of([customer.pk], at=at)
    kept = [c for c, says_yes in channels.items() if says_yes and c not in customer.consents]
    return Recorded(new, is_changed, tuple(kept))

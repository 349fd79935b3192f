"""What came of a call: an event of the customer's, and a consent withdrawn where they refused."""

from datetime import UTC, datetime

from django.db import transaction

from journeys.errors import CallSettled
from journeys.models import Call, CallResult
from optiengine.lib.partitions import ensure_partitions
from segments.channels import CALL
from segments.customers.lock_persons import lock_person
from segments.customers.record_consents import record_consents
from segments.models import Event
from segments.models.consent import ConsentSource

SOURCE = "call list"
KIND = "call"  # of the events; their outcome is a property


@transaction.atomic
def settle_call(call_id: int, outcome: str, *, by: str, at: datetime) -> Call:
    """Write down what came of a call, once.

    by : who called. Raises CallSettled when that was said before, ValueError for no outcome.
    """
    if outcome not in set(CallResult.values) - {CallResult.WAITING}:
        raise ValueError(f"not an outcome of a call: {outcome}")
    call = Call.objects.select_for_update(of=["self"]).select_related("action").get(pk=call_id)
    if call.outcome != CallResult.WAITING:
        raise CallSettled(call.get_outcome_display())
    call.outcome, call.settled_at, call.settled_by = outcome, at, by[:150]
    call.save(update_fields=["outcome", "settled_at", "settled_by"])
    day = at.astimezone(UTC).date()
    ensure_partitions("segments_event", day, day)
    Event.objects.create(
        customer_id=call.customer_id,
        kind=KIND,
        occurred_at=at,
        source=SOURCE,
        external_id=str(call.key),
        properties={
            "outcome": outcome,
            "delivery": str(call.key),
            "campaign": call.action.campaign_id,
            "action": call.action_id,
        },
    )
    if outcome == CallResult.REFUSED:
        customer = lock_person(call.customer_id)
        kind = ConsentSource.CALL_LIST
        record_consents(customer, {CALL: False}, kind=kind, source=SOURCE, said_at=at, at=at)
    return call

"""Campaigns that an event starts: decided within a minute of its arrival, once for each event."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, IntegerField
from django.db.models.expressions import CombinedExpression, Value

from campaigns.models import Campaign
from journeys.errors import SendingStopped, StaleState
from journeys.models import LiveDecision, WaitingTrigger
from journeys.services.decide_now import Request, decide_now
from journeys.services.live_rules import live_rules
from segments.models.customer import BLOCK_BITS
from segments.services.new_events import events_after

CURSOR = "event campaigns"
BATCH = 2_000  # events read at once
TOGETHER = 200  # decided in one transaction
OLDEST = timedelta(hours=24)  # an event that is heard of later starts nothing


def answer_events(now: datetime) -> Counter[str]:
    """Decide about all events that came since the last call; any number of workers may, at once.

    Returns how many were `answered`, and how many came `too_late`. While sending is stopped or the
    day's features are missing, events wait, until they are a day old.
    """
    _collect(now)
    counts: Counter[str] = Counter()
    counts["too_late"], _rows = WaitingTrigger.objects.filter(occurred_at__lt=now - OLDEST).delete()
    try:
        if WaitingTrigger.objects.exists():
            live_rules(now)  # written down before the transactions below, which may be undone
        while n := _answer_some(now):
            counts["answered"] += n
    except (SendingStopped, StaleState):
        pass
    return counts


def _collect(now: datetime) -> None:
    """Move events out of the stream into our own list: read once, whatever becomes of them."""
    kinds = set(
        Campaign.objects.filter(
            status=Campaign.Status.ACTIVE, recurrence=Campaign.Recurrence.EVENT
        ).values_list("trigger_kind", flat=True)
    )
    n = BATCH
    while n == BATCH:
        with transaction.atomic():
            events = events_after(CURSOR, kinds, BATCH, since=now - OLDEST)
            WaitingTrigger.objects.bulk_create(
                [
                    WaitingTrigger(
                        event_id=event.pk,
                        customer_id=event.customer_id,
                        kind=event.kind,
                        occurred_at=event.occurred_at,
                    )
                    for event in events
                ],
                ignore_conflicts=True,
            )
            n = len(events)


@transaction.atomic
def _answer_some(now: datetime) -> int:
    """The oldest open event's, and others of its kind and block: one transaction, one lock.

    Of one customer's events the oldest alone: each is an occasion of its own.
    """
    block = CombinedExpression(
        F("customer_id"), ">>", Value(BLOCK_BITS), output_field=IntegerField()
    )
    waiting = WaitingTrigger.objects.select_for_update(skip_locked=True).annotate(block=block)
    first = waiting.order_by("pk").first()
    if first is None:
        return 0
    alike = waiting.filter(kind=first.kind, block=first.block)
    oldest: dict[int, int] = {}  # by customer
    for pk, customer_id in alike.order_by("pk").values_list("pk", "customer_id")[:TOGETHER]:
        oldest.setdefault(customer_id, pk)
    request = Request(LiveDecision.Reason.EVENT, trigger_kind=first.kind)
    decide_now(list(oldest), at=now, request=request)
    WaitingTrigger.objects.filter(pk__in=oldest.values()).delete()
    return len(oldest)

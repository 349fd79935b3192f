"""Campaigns that an event starts: decided within a minute of its arrival, once for each event."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, IntegerField, Min
from django.db.models.expressions import CombinedExpression, Value

from campaigns.models import Campaign
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.live_rules import live_rules
from journeys.errors import SendingStopped, StaleState
from journeys.models import LiveDecision, WaitingTrigger
from segments.events.new_events import events_after
from segments.models.customer import BLOCK_BITS

CURSOR = "event campaigns"
BATCH = 2_000  # events read at once
TOGETHER = 200  # decided in one transaction
OLDEST = timedelta(hours=24)  # an event that is heard of later starts nothing
BLOCK = CombinedExpression(F("customer_id"), ">>", Value(BLOCK_BITS), output_field=IntegerField())


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
        n_before = -1
        while counts["answered"] > n_before:
            n_before = counts["answered"]
            for kind, block in _open():
                counts["answered"] += _answer_some(kind, block, now)
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


def _open() -> list[tuple[str, int]]:
    """Kinds and blocks with events to answer, the longest waiting first. They take turns, so that
    many events of one customer do not hold up those of others."""
    groups = WaitingTrigger.objects.values_list("kind", BLOCK).annotate(first=Min("pk"))
    return [(kind, block) for kind, block, _first in groups.order_by("first")]


@transaction.atomic
def _answer_some(kind: str, block: int, now: datetime) -> int:
    """Open events of a kind and block, the oldest first: one transaction, one lock.

    Only the oldest of one customer's events: each is an occasion of its own.
    """
    alike = WaitingTrigger.objects.annotate(block=BLOCK).filter(kind=kind, block=block)
    oldest = alike.order_by("customer_id", "pk").distinct("customer_id").values("pk")
    free = WaitingTrigger.objects.select_for_update(skip_locked=True).filter(pk__in=oldest)
    rows = dict(free.order_by("pk").values_list("customer_id", "pk")[:TOGETHER])
    if rows:
        request = Request(LiveDecision.Reason.EVENT, trigger_kind=kind)
        decide_now(list(rows), at=now, request=request)
        WaitingTrigger.objects.filter(pk__in=rows.values()).delete()
    return len(rows)

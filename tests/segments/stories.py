"""What customers did, for tests: events with their partitions, and the features of a day."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, CustomerState, Event

AS_OF = date(2026, 3, 1)

_numbers = count(1)


def days_before(n_days: int, *, as_of: date = AS_OF) -> datetime:
    """Noon in UTC, n_days before a day."""
    return datetime.combine(as_of - timedelta(days=n_days), time(12), UTC)


def event(customer: Customer, kind: str, occurred_at: datetime, **fields: Any) -> Event:
    return Event(
        customer=customer,
        kind=kind,
        occurred_at=occurred_at,
        source="test",
        external_id=f"e{next(_numbers)}",
        **fields,
    )


def store(*events: Event) -> None:
    days = [e.occurred_at.date() for e in events]
    ensure_partitions("segments_event", min(days), max(days))
    Event.objects.bulk_create(events, batch_size=5_000)


def features_of(state: CustomerState, build: Any) -> dict[str, float]:
    return dict(zip(build.feature_set.names, state.features, strict=True))

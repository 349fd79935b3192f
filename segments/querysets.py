"""Questions about customers and what they did."""

from datetime import date, datetime
from typing import Self

from django.db import models
from django.db.models import OuterRef, Subquery


class CustomerQuerySet(models.QuerySet):
    def contactable(self) -> Self:
        return self.filter(suppressed=False, erased_at=None)

    def reachable_by(self, channel: str) -> Self:
        """Customers who allowed a channel and may be contacted at all."""
        return (
            self.contactable()
            .filter(consents__contains=[channel])
            .exclude(suppressed_channels__contains=[channel])
        )

    def with_state(self, as_of: date) -> Self:
        """Adds stage, predicted value and micro-segment as of a day."""
        from segments.models import CustomerState

        state = CustomerState.objects.filter(customer=OuterRef("pk"), as_of=as_of)
        return self.annotate(
            stage=Subquery(state.values("stage")[:1]),
            clv_cents=Subquery(state.values("clv_cents")[:1]),
            micro_segment_id=Subquery(state.values("micro_segment_id")[:1]),
        )


class EventQuerySet(models.QuerySet):
    def of_kind(self, kind: str) -> Self:
        return self.filter(kind=kind)

    def before(self, moment: datetime) -> Self:
        return self.filter(occurred_at__lt=moment)

"""Questions about campaigns."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import Count, F, Q


class CampaignQuerySet(models.QuerySet):
    def active_on(self, day: date) -> Self:
        """Launched and within its dates; the recurrence is the campaign's own to say."""
        return self.filter(status="active", starts_on__lte=day).filter(
            Q(ends_on=None) | Q(ends_on__gte=day)
        )

    def in_order(self) -> Self:
        """Ranked campaigns by rank, then Auto ones."""
        return self.order_by(F("rank").asc(nulls_last=True), "pk")

    def with_action_counts(self) -> Self:
        return self.annotate(n_actions=Count("actions", distinct=True))

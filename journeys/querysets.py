"""Questions about runs, deliveries, calls and journeys."""

from typing import Self

from django.db import models
from django.db.models import Case, Count, F, Sum, When
from django.db.models.functions import Coalesce

from segments.channels import CALL


class DecisionRunQuerySet(models.QuerySet):
    def daily(self) -> Self:
        """Runs over all customers, one a day; not what real-time decisions rest on."""
        return self.filter(kind="daily")


class DeliveryQuerySet(models.QuerySet):
    def unsettled(self) -> Self:
        """Handed over, but nobody knows whether it arrived: a person has to settle these."""
        return self.filter(status="unknown")

    def per_reason(self) -> models.QuerySet:
        """One row per status and reason: {"status": "suppressed", "reason_code": 5, "n": 3}."""
        rows = self.exclude(reason_code=None).order_by().values("status", "reason_code")
        return rows.annotate(n=Count("pk")).order_by("-n", "reason_code", "status")


class CallQuerySet(models.QuerySet):
    def waiting(self) -> Self:
        return self.filter(outcome="waiting")

    def allowed(self) -> Self:
        """Calls to customers who may be called now, whatever was so when they were listed."""
        return self.filter(
            customer__suppressed=False,
            customer__erased_at=None,
            customer__consents__contains=[CALL],
        ).exclude(
            models.Q(customer__phone_key="")
            | models.Q(customer__suppressed_channels__contains=[CALL])
        )


class JourneyMapQuerySet(models.QuerySet):
    def with_travelling(self) -> Self:
        """`n_here`: travellers on their way in any version, from the tallies, which stay small."""
        n = F("versions__tallies__n")
        signed = Case(When(versions__tallies__result="arrived", then=n), default=-n)
        return self.annotate(n_here=Coalesce(Sum(signed), 0))

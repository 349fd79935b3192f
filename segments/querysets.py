"""Questions about customers."""

from typing import Self

from django.apps import apps
from django.db import models


class CustomerQuerySet(models.QuerySet):
    def persons(self) -> Self:
        """Without records that are merged into others."""
        merges = apps.get_model("segments", "CustomerMerge")._default_manager
        return self.exclude(pk__in=merges.filter(undone_mark=None).values("alias"))

    def contactable(self) -> Self:
        return self.persons().filter(suppressed=False, erased_at=None)

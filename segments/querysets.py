"""Questions about customers."""

from typing import Self

from django.db import models


class CustomerQuerySet(models.QuerySet):
    def contactable(self) -> Self:
        return self.filter(suppressed=False, erased_at=None)

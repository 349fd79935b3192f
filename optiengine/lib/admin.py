"""What the admin pages of all apps share: ledgers that are only read, and pages of large tables."""

import json
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

COUNTED = 10_000  # rows up to which a list is counted; beyond, the planner's estimate is shown


class EstimatedPaginator(Paginator):
    """Counts a bounded number of rows, so that the page of a table of millions costs little."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        n = rows.order_by()[: COUNTED + 1].count()
        if n <= COUNTED:
            return n
        plan = json.loads(rows.order_by().explain(format="json"))[0]["Plan"]
        return max(int(plan["Plan Rows"]), n)


class LargeTable:
    """For admin classes of tables that grow with customers or days."""

    paginator = EstimatedPaginator
    show_full_result_count = False
    list_per_page = 50


class ReadOnlyAdmin(LargeTable, ModelAdmin):
    """A ledger: looked at, never edited by hand."""

    actions: Any = None
    compressed_fields = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

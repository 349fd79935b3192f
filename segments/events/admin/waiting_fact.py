"""Events and messages of customers who are not known yet."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display

from optiengine.lib.admin import LargeTable
from segments.models import WaitingFact


class ExpiredFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", gettext_lazy("waiting")), ("expired", gettext_lazy("expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("waiting", "expired"):
            return queryset.filter(expired_at__isnull=self.value() == "waiting")
        return queryset


@admin.register(WaitingFact)
class WaitingFactAdmin(LargeTable, ModelAdmin):
    list_display = [
        *("received_at", "state", "kind", "source", "external_id", "customer", "address"),
        "expires_at",
    ]
    list_display_links = None
    list_filter = [ExpiredFilter, "kind"]
    search_fields = ["customer__exact", "email_key__exact", "phone_key__exact"]
    search_help_text = gettext_lazy("The complete customer ID, e-mail address or phone number.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    empty_text = gettext_lazy("Nothing is waiting: all customers that were named are known.")

    def has_view_permission(self, request: HttpRequest, obj: WaitingFact | None = None) -> bool:
        """It names people: only to those who may see customers."""
        return super().has_view_permission(request, obj) and request.user.has_perm(
            "segments.view_customer"
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """From the page of an import to what it left waiting."""
        return lookup == "import_job__id__exact" or super().lookup_allowed(lookup, value, request)

    @display(description=gettext_lazy("state"), label={"waiting": "info", "expired": "warning"})
    def state(self, fact: WaitingFact) -> tuple[str, str]:
        return ("expired", _("expired")) if fact.expired_at else ("waiting", _("waiting"))

    @admin.display(description=gettext_lazy("address"))
    def address(self, fact: WaitingFact) -> str:
        return fact.email_key or fact.phone_key

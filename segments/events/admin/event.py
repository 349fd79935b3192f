"""Events: what customers did, newest first."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money
from segments.currency import with_currency
from segments.customers.admin.import_links import ImportLink
from segments.models import Event


@admin.register(Event)
class EventAdmin(ImportLink, ReadOnlyAdmin):
    import_kind = "events"
    list_display = ["occurred_at", "customer", "kind", "amount", "source", "external_id"]
    list_select_related = ["customer"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = _("The complete customer ID.")
    raw_id_fields = ["customer"]
    ordering = ["-pk"]
    sortable_by: list[str] = []
    fields = [
        "customer",
        "kind",
        "occurred_at",
        "amount",
        "properties",
        "source",
        "external_id",
        "recorded_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return with_currency(super().get_queryset(request))

    @admin.display(description=_("amount"))
    def amount(self, event: Event) -> str:
        return money(event.amount_cents, event.currency)  # type: ignore[attr-defined]

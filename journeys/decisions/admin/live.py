"""Real time: decisions made outside the daily runs, and the events waiting to be decided."""

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from journeys.models import Decision, LiveDecision, WaitingTrigger
from optiengine.lib.admin import ReadOnlyAdmin


@admin.register(LiveDecision)
class LiveDecisionAdmin(ReadOnlyAdmin):
    list_display = ["decided_at", "customer", "reason", "trigger_kind", "chosen", "explanation"]
    list_filter = ["reason"]
    list_select_related = ["customer"]
    search_fields = ["customer__external_id__exact", "request_key__exact"]
    search_help_text = _("The complete customer ID or request key.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LiveDecision]:
        """With what was chosen, which is in the ledger of decisions."""
        decision = Decision.objects.filter(pk=OuterRef("decision_id"), as_of=OuterRef("as_of"))
        chosen = Subquery(decision.values("campaign__name")[:1])
        return super().get_queryset(request).annotate(chosen_name=chosen)

    @admin.display(description=_("campaign"))
    def chosen(self, live: LiveDecision) -> str:
        return live.chosen_name or str(_("none"))  # type: ignore[attr-defined]

    @admin.display(description=_("explanation"))
    def explanation(self, live: LiveDecision) -> str:
        address = reverse("admin:journeys_decision_change", args=[live.decision_id])
        return format_html('<a class="oe-link" href="{}">{}</a>', address, _("Why?"))


@admin.register(WaitingTrigger)
class WaitingTriggerAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "customer", "kind"]
    list_filter = ["kind"]
    list_select_related = ["customer"]
    ordering = ["pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer"]

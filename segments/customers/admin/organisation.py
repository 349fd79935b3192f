"""The organisation: one row, with the numbers it sets for itself and the stop switch."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from segments.models import Organisation


@admin.register(Organisation)
class OrganisationAdmin(ModelAdmin):
    list_display = ["name", "time_zone", "currency", "sending_stopped"]
    actions = None
    fieldsets = [
        (None, {"fields": ["name", ("time_zone", "country", "currency")]}),
        (_("Customers"), {"fields": ["ids_differ_by_case", "waiting_days"]}),
        (_("Sending"), {"fields": ["lock_time", "approval_audience", "sending_stopped"]}),
        (_("Lifecycle"), {"fields": [("new_days", "at_risk_days", "lapsed_days")]}),
        (
            _("Customer value"),
            {"fields": [("clv_horizon_weeks", "yearly_discount"), "return_kinds"]},
        ),
        (_("Learning"), {"fields": ["half_life_days", "late_event_days"]}),
    ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is but one: its page is the list."""
        return redirect("admin:segments_organisation_change", Organisation.current().pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Organisation | None = None) -> bool:
        return False

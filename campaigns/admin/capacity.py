"""Budgets and volumes that all customers share."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.admin.second_person import SecondPerson
from campaigns.models import CapacityLimit
from campaigns.services.describe_capacity import amount, contradiction_on, scope_in_words
from segments.currency import with_currency
from segments.models import Organisation

WHAT = ["measure", "period", "scope", "channel", "tag", "campaign", "action"]


@admin.register(CapacityLimit)
class CapacityLimitAdmin(SecondPerson):
    list_display = ["name", "at_most", "at_least", "period", "over", "is_active"]
    list_filter = ["measure", "period", "scope", "is_active"]
    list_select_related = ["tag", "campaign", "action__campaign"]
    search_fields = ["name", "campaign__name", "action__name"]
    autocomplete_fields = ["tag", "campaign", "action"]
    fieldsets = [
        (None, {"fields": ["name", "is_active"]}),
        (_("Maximum"), {"fields": ["measure", ("maximum", "minimum"), ("period", "is_even")]}),
        (_("Scope"), {"fields": ["scope", "channel", "tag", "campaign", "action"]}),
    ]
    conditional_fields = {
        "channel": "scope == 'channel'",
        "tag": "scope == 'tag'",
        "campaign": "scope == 'campaign'",
        "action": "scope == 'action'",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[CapacityLimit]:
        return with_currency(super().get_queryset(request))

    def get_readonly_fields(
        self, request: HttpRequest, obj: CapacityLimit | None = None
    ) -> list[str]:
        """What is counted stays: an account holds what was used of exactly this."""
        return WHAT if obj else []

    @admin.display(description=_("maximum"), ordering="maximum")
    def at_most(self, limit: CapacityLimit) -> str:
        return amount(limit.measure, limit.maximum, limit.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("minimum"), ordering="minimum")
    def at_least(self, limit: CapacityLimit) -> str:
        return amount(limit.measure, limit.minimum, limit.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("scope"))
    def over(self, limit: CapacityLimit) -> str:
        return scope_in_words(limit)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET" and self.has_view_permission(request):
            self._warn(request)
        return super().changelist_view(request, extra_context)

    def save_model(
        self, request: HttpRequest, obj: CapacityLimit, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if "_continue" in request.POST:  # otherwise the list says so
            self._warn(request)

    def _warn(self, request: HttpRequest) -> None:
        today = Organisation.current().today(timezone.now())
        if problem := contradiction_on(today):
            self.message_user(request, problem, messages.WARNING)

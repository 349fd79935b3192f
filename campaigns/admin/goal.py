"""What a campaign is for: the events that count as its success."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from campaigns.models import Goal
from optiengine.lib.figures import money, number
from segments.currency import with_currency


@admin.register(Goal)
class GoalAdmin(ModelAdmin):
    list_display = ["name", "event_kind", "window", "value", "n_campaigns"]
    search_fields = ["name", "event_kind"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Goal]:
        goals = super().get_queryset(request).annotate(n_campaigns=Count("campaigns"))
        return with_currency(goals)

    @admin.display(description=_("attribution window in days"), ordering="window_days")
    def window(self, goal: Goal) -> str:
        return number(goal.window_days)

    @admin.display(description=_("value per event"), ordering="value_per_event_cents")
    def value(self, goal: Goal) -> str:
        if goal.value_per_event_cents is None:
            return str(_("margin and change in predicted value"))
        return money(goal.value_per_event_cents, goal.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("campaigns"), ordering="n_campaigns")
    def n_campaigns(self, goal: Goal) -> int:
        return goal.n_campaigns  # type: ignore[attr-defined]

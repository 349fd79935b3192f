"""Actions of all campaigns, to be found; they are edited with their campaign."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from campaigns.admin.second_person import SecondPerson
from campaigns.message_variables import help_on_variables
from campaigns.models import Action
from optiengine.lib.figures import money
from segments.currency import with_currency


@admin.register(Action)
class ActionAdmin(SecondPerson):
    list_display = ["name", "campaign", "channel", "cost", "offer", "is_active"]
    list_select_related = ["campaign"]
    list_filter = ["channel", "is_active", "campaign"]
    search_fields = ["name", "campaign__name", "offer"]
    autocomplete_fields = ["campaign"]
    actions = None
    fieldsets = [
        (None, {"fields": ["campaign", ("name", "channel"), ("cost_cents", "offer"), "is_active"]}),
        (
            gettext_lazy("Message"),
            {"fields": ["subject", "body", "html"], "description": help_on_variables()},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Action]:
        return with_currency(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Action | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Action | None = None) -> list[str]:
        return ["campaign"]

    @admin.display(description=gettext_lazy("cost"), ordering="cost_cents")
    def cost(self, action: Action) -> str:
        return money(action.cost_cents, action.currency, 3)  # type: ignore[attr-defined]

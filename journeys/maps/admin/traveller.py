"""Who is on the way through journey maps, and those whom a fault has stopped."""

from django.contrib import admin, messages
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from journeys.maps.wake_travellers import resume
from journeys.models import Traveller
from optiengine.lib.admin import ReadOnlyAdmin

COLOURS = {"travelling": "info", "done": "success"}


@admin.register(Traveller)
class TravellerAdmin(ReadOnlyAdmin):
    list_display = [
        "customer",
        "map",
        "step",
        "step_since",
        "due_at",
        "status_label",
        "outcome",
        "is_control",
        "fault",
    ]
    list_select_related = ["customer", "map"]
    list_filter = ["map", "status", "outcome", ("fault", EmptyFieldListFilter)]
    search_fields = ["customer__external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer", "version"]
    actions = ["resume_selected"]

    @display(description=gettext_lazy("status"), label=COLOURS)
    def status_label(self, traveller: Traveller) -> tuple[str, str]:
        return traveller.status, traveller.get_status_display()

    @admin.action(description=gettext_lazy("Resume parked participants"), permissions=["resume"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Traveller]) -> None:
        n = resume(list(queryset), timezone.now())
        text = ngettext("%d participant resumed.", "%d participants resumed.", n)
        self.message_user(request, text % n, messages.SUCCESS)

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.launch_journeymap")

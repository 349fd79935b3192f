"""The outbox: what waits, what left, and what a person has to settle."""

from datetime import datetime

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from journeys.delivery.settle_delivery import settle
from journeys.errors import DeliveryNotUnclear
from journeys.models import Delivery
from optiengine.lib.admin import ReadOnlyAdmin

WAITING = ("new", "claimed")
COLOURS = {
    "new": "info",
    "claimed": "info",
    "attempting": "info",
    "sent": "success",
    "failed": "danger",
    "unknown": "warning",
}


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = [
        "as_of",
        "customer",
        "action",
        "channel",
        "status_label",
        "held_until",
        "attempts",
        "sent_at",
        "reason_label",
    ]
    list_select_related = ["customer", "action__campaign"]
    list_filter = ["status", "channel", "reason_code"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer", "contact"]
    exclude = ["reason_code", "reason_params"]
    readonly_fields = ["reason_label"]
    actions = ["it_was_sent", "it_was_not_sent"]

    @display(description=gettext_lazy("status"), label=COLOURS)
    def status_label(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    @admin.display(description=gettext_lazy("scheduled for"))
    def held_until(self, delivery: Delivery) -> datetime | None:
        return delivery.due_at if delivery.status in WAITING else None

    @admin.display(description=gettext_lazy("reason"))
    def reason_label(self, delivery: Delivery) -> str:
        return delivery.reason_text

    @admin.action(description=gettext_lazy("It was sent"), permissions=["settle"])
    def it_was_sent(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._settle(request, queryset, sent=True)

    @admin.action(description=gettext_lazy("It was not sent"), permissions=["settle"])
    def it_was_not_sent(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._settle(request, queryset, sent=False)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.change_delivery")

    def _settle(self, request: HttpRequest, queryset: QuerySet[Delivery], *, sent: bool) -> None:
        n_settled = 0
        by, at = request.user.get_username(), timezone.now()
        for delivery in queryset:
            try:
                settle(delivery, sent=sent, by=by, at=at)
            except DeliveryNotUnclear as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                n_settled += 1
                self.log_change(request, delivery, _("Sent.") if sent else _("Not sent."))
        if n_settled:
            text = ngettext("%d delivery updated.", "%d deliveries updated.", n_settled)
            self.message_user(request, text % n_settled, messages.SUCCESS)

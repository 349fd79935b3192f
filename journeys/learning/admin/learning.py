"""What was learned, day by day, and the models that runs decided with."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.models import Action
from campaigns.numerics.rulebook_entries import is_enough
from campaigns.services.minimum_evidence import MinimumEvidences
from journeys.models import UpliftDay, UpliftModelVersion, UpliftScaling, UpliftTotal
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money, number
from optiengine.lib.panel import Panel


@admin.register(UpliftDay)
class UpliftDayAdmin(ReadOnlyAdmin):
    list_display = [
        "measured_on",
        "action",
        "n_test",
        "n_test_responders",
        "n_control",
        "n_control_responders",
    ]
    list_select_related = ["action__campaign"]
    list_filter = ["action__campaign"]
    ordering = ["-measured_on", "action"]
    exclude = ["statistics"]


@admin.register(UpliftTotal)
class UpliftTotalAdmin(ReadOnlyAdmin):
    list_display = ["action", "through", "scaling"]
    list_select_related = ["action__campaign", "scaling__feature_set"]
    ordering = ["action"]
    exclude = ["statistics"]


@admin.register(UpliftScaling)
class UpliftScalingAdmin(ReadOnlyAdmin):
    list_display = ["pk", "feature_set", "winsor"]
    list_select_related = ["feature_set"]
    ordering = ["-pk"]

    @admin.display(description=_("largest value"))
    def winsor(self, scaling: UpliftScaling) -> str:
        return money(scaling.winsor_cents)


@admin.register(UpliftModelVersion)
class UpliftModelVersionAdmin(ReadOnlyAdmin):
    list_display = ["as_of", "contacts", "is_personal", "scaling"]
    list_select_related = ["scaling__feature_set"]
    ordering = ["-as_of", "-pk"]
    exclude = ["payload", "evidence"]
    change_form_outer_before_template = "optiengine/panels.html"

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).defer("payload")

    @admin.display(description=_("messages learned from"), ordering="n_contacts")
    def contacts(self, model: UpliftModelVersion) -> str:
        return number(model.n_contacts)

    def change_view(
        self,
        request: Any,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        model = self.get_object(request, object_id)
        panels = [_evidence(model)] if model else []
        context = {"panels": panels, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)


def _evidence(model: UpliftModelVersion) -> Panel:
    minimum = MinimumEvidences()
    actions = Action.objects.filter(pk__in=model.evidence).select_related("campaign")
    return Panel(
        str(_("Evidence")),
        [
            (
                str(action),
                *(number(count) for count in counts),
                _("yes")
                if is_enough(counts, minimum.of(action.campaign_id))
                else _("not yet: even mix within the campaign"),
            )
            for action in actions
            for counts in [model.evidence[str(action.pk)]]
        ],
        headers=[
            str(_("Action")),
            str(_("Test")),
            str(_("Conversions")),
            str(_("Control")),
            str(_("Conversions")),
            str(_("Enough evidence?")),
        ],
        empty=str(_("There is no fitted model yet.")),
        wide=True,
    )

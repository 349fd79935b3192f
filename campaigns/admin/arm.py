"""Arms: plans are made by hand and then kept; memberships follow from them."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from campaigns.models import Arm, ArmChange, ArmMembership, ArmPlan
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import percent


@admin.register(ArmPlan)
class ArmPlanAdmin(ModelAdmin):
    list_display = ["starts_on", "holdout", "baseline", "optimised"]
    fields = ["starts_on", "holdout_share", "baseline_share"]

    def has_change_permission(self, request: HttpRequest, obj: ArmPlan | None = None) -> bool:
        """A plan that customers were shared out by is history; another one follows it."""
        return super().has_change_permission(request, obj) and (
            obj is None or not obj.memberships.exists()
        )

    def has_delete_permission(self, request: HttpRequest, obj: ArmPlan | None = None) -> bool:
        return obj is not None and (
            super().has_delete_permission(request, obj) and not obj.memberships.exists()
        )

    @admin.display(description=_("global control group"), ordering="holdout_share")
    def holdout(self, plan: ArmPlan) -> str:
        return percent(plan.holdout_share)

    @admin.display(description=_("baseline group"), ordering="baseline_share")
    def baseline(self, plan: ArmPlan) -> str:
        return percent(plan.baseline_share)

    @admin.display(description=_("optimised group"))
    def optimised(self, plan: ArmPlan) -> str:
        return percent(1 - plan.holdout_share - plan.baseline_share)


@admin.register(ArmMembership)
class ArmMembershipAdmin(ReadOnlyAdmin):
    list_display = ["customer", "arm", "since", "changed", "plan"]
    list_select_related = ["customer", "plan"]
    list_filter = ["arm"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = _("The complete customer ID.")
    ordering = ["-pk"]
    raw_id_fields = ["customer"]
    readonly_fields = ["changed"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ArmMembership]:
        changes = ArmChange.objects.filter(customer=OuterRef("customer"), plan=OuterRef("plan"))
        newest = changes.order_by("-since")
        return (
            super()
            .get_queryset(request)
            .annotate(
                changed_to=Subquery(newest.values("arm")[:1]),
                changed_on=Subquery(newest.values("since")[:1]),
            )
        )

    @admin.display(description=_("changed by a merge"), empty_value="–")
    def changed(self, membership: Any) -> str | None:
        """Records of one person have one group; the newest change holds from its day on."""
        if membership.changed_on is None:
            return None
        return gettext("%(arm)s since %(day)s") % {
            "arm": Arm(membership.changed_to).label,
            "day": membership.changed_on,
        }

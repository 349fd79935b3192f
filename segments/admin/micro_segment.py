"""Micro-segments: only their names can be changed; ids and moves are history."""

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import number
from segments.models import CustomerState, MicroSegment, Segmentation, SegmentMove, StateBuild

STAGE_COLOURS = {
    "new": "info",
    "active": "success",
    "reactivated": "success",
    "at_risk": "warning",
    "lapsed": "danger",
}


@admin.register(MicroSegment)
class MicroSegmentAdmin(ModelAdmin):
    list_display = ["name", "stage_label", "customers", "created_on", "retired_on"]
    list_filter = ["stage", ("retired_on", admin.EmptyFieldListFilter)]
    search_fields = ["name"]
    ordering = ["stage", "name"]
    readonly_fields = ["stage", "created_on", "retired_on"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[MicroSegment]:
        newest = StateBuild.objects.order_by("-as_of").values("as_of")[:1]
        states = CustomerState.objects.filter(
            micro_segment=OuterRef("pk"), as_of=Subquery(newest)
        ).order_by()
        counted = states.values("micro_segment").annotate(n=Count("pk")).values("n")
        return super().get_queryset(request).annotate(n_customers=Coalesce(Subquery(counted), 0))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MicroSegment | None = None) -> bool:
        return False

    @display(description=_("stage"), ordering="stage", label=STAGE_COLOURS)
    def stage_label(self, segment: MicroSegment) -> tuple[str, str]:
        return segment.stage, segment.get_stage_display()

    @admin.display(description=_("customers"), ordering="n_customers")
    def customers(self, segment: MicroSegment) -> str:
        return number(segment.n_customers)  # type: ignore[attr-defined]


@admin.register(Segmentation)
class SegmentationAdmin(ReadOnlyAdmin):
    list_display = ["fitted_on", "feature_set", "seed"]
    list_select_related = ["feature_set"]
    ordering = ["-pk"]


@admin.register(SegmentMove)
class SegmentMoveAdmin(ReadOnlyAdmin):
    list_display = ["moved_on", "customer", "origin", "target"]
    list_select_related = ["customer", "origin", "target"]
    list_filter = ["target__stage"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = _("The whole customer id.")
    raw_id_fields = ["customer"]
    ordering = ["-pk"]

"""Micro-segments: named and frozen here; ids and moves are history."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import number
from optiengine.lib.panel import Panel
from segments.models import (
    CustomerState,
    MicroSegment,
    Segmentation,
    SegmentMove,
    SegmentSplit,
    StateBuild,
)

STAGE_COLOURS = {
    "new": "info",
    "active": "success",
    "reactivated": "success",
    "at_risk": "warning",
    "lapsed": "danger",
}


@admin.register(MicroSegment)
class MicroSegmentAdmin(ModelAdmin):
    list_display = [
        "name",
        "stage_label",
        "parent",
        "customers",
        "is_frozen",
        "created_on",
        "retired_on",
    ]
    list_editable = ["is_frozen"]
    list_select_related = ["parent"]
    list_filter = ["stage", "is_frozen", ("retired_on", admin.EmptyFieldListFilter)]
    search_fields = ["name"]
    ordering = ["stage", "name"]
    readonly_fields = ["stage", "parent", "created_on", "retired_on"]
    actions = None
    change_form_outer_before_template = "optiengine/panels.html"

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

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        segment = self.get_object(request, object_id)
        panels = [_tree(segment)] if segment else []
        context = {"panels": panels, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    @display(description=_("stage"), ordering="stage", label=STAGE_COLOURS)
    def stage_label(self, segment: MicroSegment) -> tuple[str, str]:
        return segment.stage, segment.get_stage_display()

    @admin.display(description=_("customers"), ordering="n_customers")
    def customers(self, segment: MicroSegment) -> str:
        return number(segment.n_customers)  # type: ignore[attr-defined]


def _tree(segment: MicroSegment) -> Panel:
    """The whole tree that a segment is part of: its cluster, and every split under it."""
    top = segment
    while top.parent:
        top = top.parent
    children: dict[int | None, list[MicroSegment]] = {}
    for node in (
        MicroSegment.objects.filter(stage=segment.stage).exclude(parent=None).order_by("pk")
    ):
        children.setdefault(node.parent_id, []).append(node)
    holding = {
        pk
        for pair in SegmentSplit.objects.filter(ended_on=None).values_list("below", "above")
        for pk in pair
    }
    rows: list[tuple[Any, ...]] = []

    def walk(node: MicroSegment, depth: int) -> None:
        current = [child for child in children.get(node.pk, []) if child.pk in holding]
        state = _("split") if current else _("retired") if node.retired_on else _("leaf")
        mark = f"{'    ' * depth}{'└ ' if depth else ''}"
        name = f"{mark}{node.name}"
        rows.append((name, _("%s, frozen") % state if node.is_frozen else state, node.created_on))
        for child in current:
            walk(child, depth + 1)

    walk(top, 0)
    return Panel(
        str(_("Segment tree")),
        rows,
        headers=[str(_("Micro-segment")), str(_("State")), str(_("Since"))],
        wide=True,
    )


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
    search_help_text = _("The complete customer ID.")
    raw_id_fields = ["customer"]
    ordering = ["-pk"]

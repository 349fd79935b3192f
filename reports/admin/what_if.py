"""What if: a change of the rules is entered, computed and shown with its limits."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.errors import ChangeRefused
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money, number
from reports.admin.charts import Whisker, forest_axis
from reports.admin.what_if_forms import QuestionForms
from reports.models import WhatIf
from reports.numerics.intervals import Interval
from reports.services.ask_what_if import ask_what_if
from reports.services.latest_day import latest_day
from segments.models import Organisation

Status = WhatIf.Status
COLOURS = {"waiting": "info", "running": "info", "done": "success", "failed": "danger"}
CHART_WIDTH = 420  # pixels
METHODS = {
    "doubly_robust": gettext_lazy("doubly robust"),
    "snips": gettext_lazy("self-normalised weights"),
    "ips": gettext_lazy("plain weights"),
}
KINDS = {
    "rank": gettext_lazy("priority"),
    "auto": gettext_lazy("Auto"),
    "pause": gettext_lazy("paused"),
    "target": gettext_lazy("target group"),
    "cap": gettext_lazy("cap"),
    "drop-cap": gettext_lazy("without cap"),
    "exclude": gettext_lazy("exclusion"),
    "drop-exclusion": gettext_lazy("without exclusion"),
}


@admin.register(WhatIf)
class WhatIfAdmin(ReadOnlyAdmin):
    list_display = ["question", "status_label", "worth", "created_by", "created_at"]
    list_display_links = ["question"]
    list_filter = ["status"]
    list_select_related = ["created_by"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhatIf]:
        return super().get_queryset(request).select_related("goal", "created_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("reports.add_whatif")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        name = "reports_whatif_progress"
        return [path("<int:pk>/progress/", view, name=name), *super().get_urls()]

    @admin.display(description=gettext_lazy("what if"))
    def question(self, row: WhatIf) -> str:
        return "; ".join(f"{KINDS.get(kind, kind)}: {text}" for kind, text in row.changes)

    @display(description=gettext_lazy("status"), ordering="status", label=COLOURS)
    def status_label(self, row: WhatIf) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @admin.display(description=gettext_lazy("per 1,000 decisions"))
    def worth(self, row: WhatIf) -> str:
        interval = interval_of(row, "doubly_robust")
        if interval is None:
            return row.error or row.answer.get("refusal", "")
        low, middle, high = (
            money(1_000 * v) for v in (interval.low, interval.estimate, interval.high)
        )
        return f"{middle} ({low} … {high})"

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        forms = QuestionForms(request.POST if request.method == "POST" else None)
        refusal = ""
        if request.method == "POST" and forms.is_valid():
            said = forms.period.cleaned_data
            today = timezone.localdate()
            try:
                row = ask_what_if(
                    forms.changes(),
                    as_of=latest_day() or today,
                    since=said["since"],
                    until=said["until"],
                    goal=said["goal"],
                    window_days=said["window_days"] or 14,
                    by=request.user,
                    at=timezone.now(),
                )
            except ChangeRefused as error:
                refusal = str(error)
            else:
                return redirect("admin:reports_whatif_change", row.pk)
        context = {"title": _("What if …"), "forms": forms, "refusal": refusal}
        return self._page(request, "reports/ask_what_if.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self._visible_row(request, object_id)
        context = {
            "title": self.question(row),
            "asked": row,
            "colour": COLOURS[row.status],
            "progress": progress_of(row),
            "answer": row.answer,
            "currency": Organisation.current().currency,
            **_chart(row),
        }
        return self._page(request, "reports/what_if.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return JsonResponse(progress_of(self._visible_row(request, pk)))

    def _visible_row(self, request: HttpRequest, pk: Any) -> WhatIf:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(pk).isdecimal() or (row := self.get_object(request, str(pk))) is None:
            raise Http404(_("This question does not exist."))
        return row

    def _page(self, request: HttpRequest, template: str, context: dict) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, shared | context)


def progress_of(row: WhatIf) -> dict[str, Any]:
    text = _("%(done)s of %(all)s steps (runs × batches of customers)") % {
        "done": number(row.n_done),
        "all": number(row.n_steps),
    }
    if row.status == Status.WAITING:
        text = _("Waiting for a worker.")
    elif not row.n_steps:
        text = _("Finding the runs of the period.")
    finished = row.status in (Status.DONE, Status.FAILED)
    share = row.n_done / row.n_steps if row.n_steps else 0.0
    return {"share": round(share, 4), "text": text, "finished": finished}


def interval_of(row: WhatIf, name: str) -> Interval | None:
    """An estimate of a stored answer, in cents per decision."""
    if row.answer.get(name) is None:
        return None
    return Interval(*(row.answer[f"{name}{end}"] for end in ("", "_low", "_high")))


def _chart(row: WhatIf) -> dict[str, Any]:
    """The differences per 1,000 decisions, one under the other on a common axis."""
    intervals = {name: interval_of(row, name) for name in METHODS}
    known = {name: interval.times(1_000) for name, interval in intervals.items() if interval}
    present, best = interval_of(row, "present"), known.get("doubly_robust")
    if not known or present is None or best is None:
        return {}
    axis = forest_axis(list(known.values()), CHART_WIDTH)
    return {
        "axis": axis,
        "forest_width": CHART_WIDTH,
        "rows": [(METHODS[name], i, Whisker.of(i, axis)) for name, i in known.items()],
        "best": best,
        "present": present.times(1_000),
        "total": best.times(row.answer["n"] / 1_000),
    }

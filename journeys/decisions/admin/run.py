"""Decision runs: started for a day, watched while they work, accounted for when done."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import BASE_INPUT_CLASSES

from journeys.decisions.admin.capacity import capacity_panel
from journeys.decisions.decide_again import decide_again, may_decide_again
from journeys.decisions.plan_moments import earliest
from journeys.decisions.queue_run import expect_begun, queue_run, run_anyway
from journeys.decisions.reconcile_messages import is_balanced
from journeys.errors import OtherDecisionVersion, RunRefused
from journeys.models import DecisionChunk, DecisionRun, Delivery, ReasonCode
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import number, percent
from segments.models import Organisation

Status = DecisionRun.Status
COLOURS = {
    "waiting": "info",
    "running": "info",
    "done": "success",
    "failed": "danger",
    "not_run": "warning",
}
DELIVERIES = {  # the equation of reconcile, in the order in which it adds up
    "decided": gettext_lazy("messages decided"),
    "sent": gettext_lazy("sent"),
    "failed": gettext_lazy("failed"),
    "unknown": gettext_lazy("unknown, needs review"),
    "waiting": gettext_lazy("waiting"),
    "suppressed": gettext_lazy("suppressed"),
}
COUNTS = {  # what finish_run counts, in the order in which it adds up
    "eligible": gettext_lazy("customers with data for the day"),
    "decided": gettext_lazy("decided"),
    "quarantined": gettext_lazy("quarantined"),
    "held": gettext_lazy("of these: nothing was possible"),
    "ranked": gettext_lazy("by priority"),
    "journey": gettext_lazy("journey step"),
    "auto": gettext_lazy("by value"),
    "baseline": gettext_lazy("at random, baseline group"),
    "contacts": gettext_lazy("of these: with a campaign"),
    "controls": gettext_lazy("control, message withheld"),
    "none": gettext_lazy("of these: no message"),
}
N_TROUBLED = 50  # chunks with errors that the page lists


class StartForm(forms.Form):
    as_of = forms.DateField(
        label=gettext_lazy("Day"),
        widget=forms.DateInput(
            {"type": "date", "class": " ".join(BASE_INPUT_CLASSES)}, format="%Y-%m-%d"
        ),
        help_text=gettext_lazy(
            "Computes customer data, outcomes, learning, decisions and deliveries for "
            "this day in the background. A day that was already run is left as it is."
        ),
    )


@admin.register(DecisionRun)
class DecisionRunAdmin(ReadOnlyAdmin):
    list_display = ["as_of", "status_label", "customers", "contacts", "none", "chunks", "error"]
    list_filter = ["status"]
    ordering = ["-as_of"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DecisionRun]:
        return with_progress(super().get_queryset(request).daily().defer("rulebook"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.add_decisionrun")

    def get_urls(self) -> list[URLPattern]:
        views = {
            "progress": self.progress_view,
            "run_anyway": self.run_anyway_view,
            "decide_again": self.decide_again_view,
        }
        pages = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"journeys_decisionrun_{name}",
            )
            for name, view in views.items()
        ]
        return [*pages, *super().get_urls()]

    @display(description=gettext_lazy("status"), ordering="status", label=COLOURS)
    def status_label(self, run: DecisionRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @admin.display(description=gettext_lazy("customers"), ordering="n_customers")
    def customers(self, run: DecisionRun) -> str:
        return number(run.n_customers)

    @admin.display(description=gettext_lazy("with a campaign"))
    def contacts(self, run: DecisionRun) -> str:
        return number(run.counts.get("contacts"))

    @admin.display(description=gettext_lazy("no message"))
    def none(self, run: DecisionRun) -> str:
        return number(run.counts.get("none"))

    @admin.display(description=gettext_lazy("chunks"))
    def chunks(self, run: DecisionRun) -> str:
        return f"{number(run.n_chunks_done)} / {number(run.n_chunks)}"  # type: ignore[attr-defined]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Start the run of a day."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        today = Organisation.current().today(timezone.now())
        form = StartForm(request.POST or None, initial={"as_of": today})
        if request.method == "POST" and form.is_valid():
            try:
                expect_begun(form.cleaned_data["as_of"], timezone.now())
                run = queue_run(form.cleaned_data["as_of"])
            except RunRefused as refused:
                form.add_error("as_of", str(refused))
            else:
                self.log_addition(request, run, _("Run requested."))
                if run.status == Status.DONE:
                    self.message_user(request, _("This day has already been run."), messages.INFO)
                return redirect("admin:journeys_decisionrun_change", run.pk)
        context = {"title": _("Run a day"), "form": form}
        return self._page(request, "journeys/start_run.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self._run(request, object_id)
        decided = run.counts.get("decided") or 0
        troubled = DecisionChunk.objects.filter(run=run).exclude(error="")[:N_TROUBLED]
        context = {
            "title": str(run),
            "run": run,
            "colour": COLOURS[run.status],
            "progress": progress_of(run),
            "capacity": capacity_panel(run, Organisation.current().currency),
            "troubled": troubled,
            "may_run_anyway": run.status == Status.NOT_RUN
            and self.has_run_anyway_permission(request),
            "may_decide_again": self.has_run_anyway_permission(request)
            and may_decide_again(run, now=timezone.now()),
            "other_version": ""
            if run.is_of_this_version
            else str(OtherDecisionVersion(run.decision_version)),
            "is_stale": run.state is not None and run.state.as_of != run.as_of,
            "leaves_from": earliest(run),
            "deliveries": [
                (label, number(run.deliveries[name]))
                for name, label in DELIVERIES.items()
                if name in run.deliveries
            ],
            "reasons": _reasons(run),
            "is_balanced": is_balanced(run.deliveries),
            "n_campaigns": len(run.rulebook.get("campaigns", [])),
            "n_actions": len(run.rulebook.get("actions", [])),
            "counts": [
                (label, number(run.counts[name]), _share(name, run.counts[name], decided))
                for name, label in COUNTS.items()
                if name in run.counts
            ],
        }
        return self._page(request, "journeys/run.html", context)

    def run_anyway_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A person takes it upon them: all campaigns, on the latest data that there is."""
        run = self._run(request, pk)
        if request.method != "POST" or not self.has_run_anyway_permission(request):
            raise PermissionDenied
        try:
            run = run_anyway(run, by=request.user.get_username())
        except RunRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.log_change(request, run, _("Run with the latest data requested."))
        return redirect("admin:journeys_decisionrun_change", run.pk)

    def decide_again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """By the rules of the moment, while the messages wait for the lock time."""
        run = self._run(request, pk)
        if request.method != "POST" or not self.has_run_anyway_permission(request):
            raise PermissionDenied
        try:
            again = decide_again(run, now=timezone.now())
        except RunRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return redirect("admin:journeys_decisionrun_change", pk)
        self.log_change(request, again, _("New decisions requested."))
        return redirect("admin:journeys_decisionrun_change", again.pk)

    def has_run_anyway_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.change_decisionrun")

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return JsonResponse(progress_of(self._run(request, pk)))

    def _run(self, request: HttpRequest, pk: Any) -> DecisionRun:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(pk).isdecimal():
            raise Http404(_("This run does not exist."))
        rows = with_progress(DecisionRun.objects.select_related("plan", "state", "model"))
        if (run := rows.filter(pk=pk).first()) is None:
            raise Http404(_("This run does not exist."))
        return run

    def _page(self, request: HttpRequest, template: str, context: dict) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, shared | context)


def with_progress(runs: QuerySet[DecisionRun]) -> QuerySet[DecisionRun]:
    return runs.annotate(
        n_chunks=Count("chunks"),
        n_chunks_done=Count("chunks", filter=Q(chunks__done=True)),
        n_decided=Sum("chunks__n_decisions", default=0),
    )


def progress_of(run: DecisionRun) -> dict[str, Any]:
    n_done, n_chunks = run.n_chunks_done, run.n_chunks  # type: ignore[attr-defined]
    text = _("%(decided)s of %(all)s customers decided, %(done)s of %(chunks)s chunks") % {
        "decided": number(run.n_decided),  # type: ignore[attr-defined]
        "all": number(run.n_customers),
        "done": number(n_done),
        "chunks": number(n_chunks),
    }
    if run.status == Status.WAITING:
        text = _("Waiting for a worker, or for the day's state to be computed.")
    share = n_done / n_chunks if n_chunks else 0.0
    return {
        "share": 1.0 if run.status == Status.DONE else round(share, 4),
        "text": text,
        "finished": run.status in (Status.DONE, Status.FAILED, Status.NOT_RUN),
    }


def _reasons(run: DecisionRun) -> list[tuple[str, str, str, str]]:
    """Status, reason, how many messages of the day, and the filter that lists them."""
    return [
        (
            str(Delivery.Status(row["status"]).label),
            str(ReasonCode(row["reason_code"]).label),
            number(row["n"]),
            urlencode(
                {
                    "as_of": run.as_of,
                    "status__exact": row["status"],
                    "reason_code__exact": row["reason_code"],
                }
            ),
        )
        for row in Delivery.objects.filter(as_of=run.as_of).per_reason()
    ]


def _share(name: str, n: int, decided: int) -> str:
    within = name not in ("eligible", "quarantined", "decided")
    return percent(n / decided) if within and decided else ""


@admin.register(DecisionChunk)
class DecisionChunkAdmin(ReadOnlyAdmin):
    list_display = [
        "run",
        "first_id",
        "last_id",
        "done",
        "n_decisions",
        "attempts",
        "owner",
        "lease_until",
        "error",
    ]
    list_filter = ["done", ("error", admin.EmptyFieldListFilter)]
    list_select_related = ["run"]
    ordering = ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DecisionChunk]:
        return super().get_queryset(request).defer("run__rulebook")

"""Approvals: what waits for a second person, with what it would do, and the way to decide."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.errors import ApprovalRefused
from campaigns.models import Approval
from campaigns.services.approval_subjects import SUBJECTS
from campaigns.services.approvals import approve, ask, may_decide, outdated, refuse, withdraw
from campaigns.services.describe_changes import ChangedRow, describe_changes, describe_rows
from campaigns.services.rule_tables import RowChange
from journeys.explain.admin.dry_run_words import dry_run_context, progress_of
from journeys.explain.queue_dry_run import queue_dry_run
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import number
from segments.models import Organisation

Kind, Status = Approval.Kind, Approval.Status
COLOURS = {"waiting": "warning", "approved": "success", "refused": "danger", "tried": "info"}
PAGES = {
    Kind.CAMPAIGN: "admin:campaigns_campaign_change",
    Kind.MAP: "admin:journeys_journeymap_canvas",
}
ACTS: dict[str, tuple[Callable[..., Approval], Any]] = {
    "approve": (approve, gettext_lazy("Approved.")),
    "refuse": (refuse, gettext_lazy("Refused.")),
    "withdraw": (withdraw, gettext_lazy("Taken back.")),
    "ask": (ask, gettext_lazy("Run requested.")),
}


class NoteForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["what", "status_label", "reached", "requested_by", "requested_at", "decided_by"]
    list_display_links = ["what"]
    list_filter = ["status", "kind"]
    list_select_related = ["requested_by", "decided_by"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        return super().get_queryset(request).defer("dry_run", "changes")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """What waits comes first."""
        waiting = When(status=Status.WAITING, then=Value(0))
        return [Case(waiting, default=Value(1), output_field=IntegerField()).asc(), "-pk"]

    def get_urls(self) -> list[URLPattern]:
        progress = self.admin_site.admin_view(self.progress_view)
        act = self.admin_site.admin_view(require_POST(self.act_view))
        again = self.admin_site.admin_view(require_POST(self.again_view))
        return [
            path("<int:pk>/progress/", progress, name="campaigns_approval_progress"),
            path("<int:pk>/again/", again, name="campaigns_approval_again"),
            path("<int:pk>/<slug:act>/decide/", act, name="campaigns_approval_act"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("subject"))
    def what(self, approval: Approval) -> str:
        return str(approval)

    @display(description=gettext_lazy("status"), ordering="status", label=COLOURS)
    def status_label(self, approval: Approval) -> tuple[str, str]:
        return approval.status, approval.get_status_display()

    @admin.display(description=gettext_lazy("audience"), ordering="audience")
    def reached(self, approval: Approval) -> str:
        return number(approval.audience)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        approval = self._approval(request, object_id)
        is_closed = approval.status in (Status.REFUSED, Status.WITHDRAWN)
        problem = "" if is_closed else outdated(approval)
        is_mine = approval.requested_by_id == request.user.pk
        waits = approval.status == Status.WAITING
        limit = Organisation.current().approval_audience
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(approval),
            "approval": approval,
            "colour": COLOURS.get(approval.status, ""),
            "audience": number(approval.audience),
            "limit": number(limit) if limit is not None else "",
            "outdated": problem,
            "page": self._page_of(approval),
            "rows": describe_changes(RowChange(**change) for change in approval.changes),
            "launched": _launched(approval) if not problem else [],
            "may_decide": waits and not problem and may_decide(approval, request.user),
            "may_withdraw": waits and is_mine,
            "may_ask": approval.status == Status.TRIED and not problem and is_mine,
            "may_try_again": is_mine or may_decide(approval, request.user),
            "form": NoteForm(),
            "progress": progress_of(approval),
            **dry_run_context(approval),
        }
        return TemplateResponse(request, "journeys/approval.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return JsonResponse(progress_of(self._approval(request, pk)))

    def act_view(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        approval = self._approval(request, pk)
        form = NoteForm(request.POST)
        if act not in ACTS:
            raise Http404(_("This decision is not possible."))
        if act == "ask" and approval.requested_by_id != request.user.pk:
            raise PermissionDenied
        if not form.is_valid():
            messages.error(request, " ".join(map(str, form.errors.get("note", []))))
            return redirect("admin:campaigns_approval_change", pk)
        verb, said = ACTS[act]
        try:
            verb(approval, by=request.user, at=timezone.now(), note=form.cleaned_data["note"])
        except ApprovalRefused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said)
        return redirect("admin:campaigns_approval_change", pk)

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        approval = self._approval(request, pk)
        is_mine = approval.requested_by_id == request.user.pk
        if not (is_mine or may_decide(approval, request.user)):
            raise PermissionDenied
        queue_dry_run(approval)
        return redirect("admin:campaigns_approval_change", pk)

    def _approval(self, request: HttpRequest, pk: Any) -> Approval:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Approval.objects.select_related("requested_by", "decided_by")
        approval = rows.filter(pk=pk).first() if str(pk).isdecimal() else None
        if approval is None:
            raise Http404(_("There is no such request."))
        return approval

    def _page_of(self, approval: Approval) -> str:
        if approval.kind not in PAGES:
            return ""
        return reverse(PAGES[Kind(approval.kind)], args=[approval.object_id])


def _launched(approval: Approval) -> list[ChangedRow]:
    """What a campaign says and to whom; a map is looked at on its canvas."""
    if approval.kind != Kind.CAMPAIGN:
        return []
    campaign = SUBJECTS[approval.kind].find(approval.object_id)
    return describe_rows([campaign, *campaign.actions.order_by("pk")]) if campaign else []

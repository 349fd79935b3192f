"""The buttons of what is launched: see what it would do, ask for a second person's approval."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.services.approval_subjects import SUBJECTS
from campaigns.services.approvals import ask_for_launch
from segments.models import Organisation


class NoteForm(BaseDialogForm):
    note = forms.CharField(
        label=gettext_lazy("Note for the approver"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class LaunchApproval(ModelAdmin):
    approval_kind: str

    @action(
        description=gettext_lazy("Dry run"),
        icon="science",
        permissions=["try_launch"],
        url_path="dry-run",
        dialog={
            "title": gettext_lazy("Preview the effect of this launch?"),
            "description": gettext_lazy(
                "Today's decisions are calculated twice, with the campaign and without "
                "it. Only the difference is stored."
            ),
            "form_class": None,
            "form_submit_text": gettext_lazy("Dry run"),
        },
    )
    def try_launch(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, only_try=True)

    @action(
        description=gettext_lazy("Request approval"),
        icon="approval",
        permissions=["ask_for_launch"],
        url_path="ask-for-approval",
        dialog={
            "title": gettext_lazy("Request approval?"),
            "description": gettext_lazy(
                "A second person reviews the campaign together with a dry run. Any later "
                "change withdraws the request."
            ),
            "form_class": NoteForm,
            "form_submit_text": gettext_lazy("Request"),
        },
    )
    def ask_for_launch(
        self, request: HttpRequest, form: forms.Form, object_id: str
    ) -> HttpResponse:
        return self._ask(request, object_id, note=form.cleaned_data["note"])

    def has_try_launch_permission(self, request: HttpRequest, object_id: Any) -> bool:
        return self._launchable(request, object_id) is not None

    def has_ask_for_launch_permission(self, request: HttpRequest, object_id: Any) -> bool:
        """Whether approval is needed is computed on request, not each time the page is shown."""
        limit = Organisation.current().approval_audience
        return limit is not None and self._launchable(request, object_id) is not None

    def _launchable(self, request: HttpRequest, object_id: Any) -> Any:
        """The row, if it can be launched and the user may change it; else None."""
        if not (self.has_change_permission(request) and str(object_id).isdecimal()):
            return None
        row = SUBJECTS[self.approval_kind].find(int(object_id))
        return row if row is not None and row.status in ("draft", "paused") else None

    def _ask(
        self, request: HttpRequest, object_id: str, *, note: str = "", only_try: bool = False
    ) -> HttpResponse:
        if self._launchable(request, object_id) is None:
            raise PermissionDenied
        approval = ask_for_launch(
            self.approval_kind,
            int(object_id),
            by=request.user,
            at=timezone.now(),
            note=note,
            only_try=only_try,
        )
        page = reverse("admin:campaigns_approval_change", args=[approval.pk])
        if not request.user.has_perm("campaigns.view_approval"):
            page = reverse("admin:index")
        return HttpResponse(headers={"HX-Redirect": page})

"""Journey maps: the list that says what runs, and who is on the way."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from campaigns.admin.launch_approval import LaunchApproval
from campaigns.admin.second_person import SecondPerson
from campaigns.models import Approval
from journeys.errors import MapNotReady
from journeys.maps.admin.canvas import CanvasPages
from journeys.maps.admin.new_map import NewMapPage
from journeys.maps.copy_map import copy_map
from journeys.maps.edit_map import end_map, pause_map
from journeys.models import JourneyMap, MapCursor, Traveller
from optiengine.lib.figures import number, percent
from segments.models import Organisation
from segments.rules.admin.rule_editor import RuleFormField, RuleWidget

COLOURS = {"draft": "info", "active": "success", "paused": "warning"}


class ExitRuleWidget(RuleWidget):
    """Without a condition nobody leaves, where other rules without one mean everybody."""

    def settings(self) -> dict[str, Any]:
        offered = super().settings()
        texts = offered["texts"] | {"everyone": _("No conditions: the exit rule is off.")}
        return offered | {"texts": texts, "emptyIsNobody": True}


class JourneyMapForm(forms.ModelForm):
    exit_rule = RuleFormField(
        label=gettext_lazy("Exit rule"),
        widget=ExitRuleWidget,
        required=False,
        help_text=JourneyMap._meta.get_field("exit_rule").help_text,
    )

    class Meta:
        model = JourneyMap
        fields = ["name", "goal", "exit_rule", "reentry", "reentry_days", "control_share"]


class JourneyMapAdmin(CanvasPages, NewMapPage, SecondPerson, LaunchApproval):
    """Registered by explain.admin.rehearsal, which adds the canvas's test run."""

    approval_kind = Approval.Kind.MAP
    form = JourneyMapForm
    list_display = [
        "drawn",
        "status_label",
        "version",
        "travelling",
        "goal",
        "control",
        "trouble",
        "settings",
    ]
    list_display_links = None
    list_filter = ["status"]
    list_select_related = ["active_version", "goal"]
    search_fields = ["name"]
    autocomplete_fields = ["goal"]
    conditional_fields = {"reentry_days": "reentry == 'after'"}
    fields = ["name", "goal", "exit_rule", ("reentry", "reentry_days"), "control_share"]
    actions = ["launch_selected", "pause_selected", "end_selected", "copy_selected"]
    actions_detail = ["open_canvas", "copy_one", "ask_for_launch", "try_launch"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[JourneyMap]:
        """With who is on the way, how many are parked, and why nobody can enter."""
        parked = Traveller.objects.filter(map=OuterRef("pk")).exclude(fault="").order_by()
        n_parked = parked.values("map").annotate(n=Count("pk")).values("n")
        cursor = MapCursor.objects.filter(map=OuterRef("pk"))
        return (
            super()
            .get_queryset(request)
            .with_travelling()
            .annotate(
                n_parked=Coalesce(Subquery(n_parked), 0),
                hindered=Coalesce(Subquery(cursor.values("fault")[:1]), Value("")),
            )
        )

    @action(
        description=gettext_lazy("Canvas"),
        icon="account_tree",
        variant=ActionVariant.PRIMARY,
        url_path="draw",
        permissions=["view"],
    )
    def open_canvas(self, request: HttpRequest, object_id: str) -> HttpResponse:
        journey = self.get_object(request, object_id)
        if journey is None:
            raise Http404
        return redirect("admin:journeys_journeymap_canvas", journey.pk)

    @admin.action(description=gettext_lazy("Copy as a draft"), permissions=["copy"])
    def copy_selected(self, request: HttpRequest, queryset: QuerySet[JourneyMap]) -> None:
        for journey in queryset:
            self._copy(request, journey)

    @action(
        description=gettext_lazy("Copy"),
        icon="content_copy",
        permissions=["copy_one"],
        url_path="copy",
        dialog={
            "title": gettext_lazy("Copy the journey?"),
            "description": gettext_lazy(
                "A draft is made with the same drawing and settings, and with copies of its "
                "campaigns, so that you can change their texts."
            ),
            "form_class": None,
            "form_submit_text": gettext_lazy("Copy"),
        },
    )
    def copy_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        if not self.has_copy_one_permission(request, object_id):
            raise PermissionDenied
        copy = self._copy(request, JourneyMap.objects.get(pk=object_id))
        url = reverse("admin:journeys_journeymap_canvas", args=[copy.pk])
        return HttpResponse(headers={"HX-Redirect": url})

    def has_copy_permission(self, request: HttpRequest) -> bool:
        """It makes campaigns, too."""
        may_add = request.user.has_perm("campaigns.add_campaign")
        return may_add and self.has_add_permission(request)

    def has_copy_one_permission(self, request: HttpRequest, object_id: Any) -> bool:
        exists = str(object_id).isdecimal() and JourneyMap.objects.filter(pk=object_id).exists()
        return exists and self.has_copy_permission(request)

    def _copy(self, request: HttpRequest, journey: JourneyMap) -> JourneyMap:
        now, by = timezone.now(), request.user.get_username()
        today = Organisation.current().today(now)
        copy = copy_map(journey, by=by, at=now, today=today)
        said = _("Copied from “%s”.") % journey
        self.log_addition(request, copy.journey, said)
        for campaign in copy.campaigns:
            self.log_addition(request, campaign, said)
        text = _("“%s” was made as a draft, with copies of its campaigns.")
        self.message_user(request, text % copy.journey, messages.SUCCESS)
        if copy.left_out:
            text = _("Not copied, since they need the approval of a second person: %s.")
            self.message_user(request, text % ", ".join(copy.left_out), messages.WARNING)
        return copy.journey

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def drawn(self, journey: JourneyMap) -> str:
        url = reverse("admin:journeys_journeymap_canvas", args=[journey.pk])
        return format_html('<a class="oe-link" href="{}">{}</a>', url, journey.name)

    @admin.display(description=gettext_lazy("in the journey"), ordering="n_here")
    def travelling(self, journey: JourneyMap) -> str:
        return number(journey.n_here)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("problems"))
    def trouble(self, journey: JourneyMap) -> str:
        """Why nobody can enter, and how many a fault has stopped on the way."""
        said = [journey.hindered]  # type: ignore[attr-defined]
        if n := journey.n_parked:  # type: ignore[attr-defined]
            said.append(ngettext("%d participant is parked.", "%d participants are parked.", n) % n)
        return " ".join(filter(None, said))

    @admin.display(description="")
    def settings(self, journey: JourneyMap) -> str:
        url = reverse("admin:journeys_journeymap_change", args=[journey.pk])
        return format_html('<a class="oe-link" href="{}">{}</a>', url, _("Settings"))

    @display(description=gettext_lazy("status"), ordering="status", label=COLOURS)
    def status_label(self, journey: JourneyMap) -> tuple[str, str]:
        return journey.status, journey.get_status_display()

    @admin.display(description=gettext_lazy("version"))
    def version(self, journey: JourneyMap) -> str:
        return str(journey.active_version.number) if journey.active_version else "–"

    @admin.display(description=gettext_lazy("control"), ordering="control_share")
    def control(self, journey: JourneyMap) -> str:
        return percent(journey.control_share, 0)

    @admin.action(description=gettext_lazy("Launch"), permissions=["launch"])
    def launch_selected(self, request: HttpRequest, queryset: QuerySet[JourneyMap]) -> None:
        self._move(request, queryset, partial(self.launch, request), _("Launched."))

    @admin.action(description=gettext_lazy("Pause"), permissions=["launch"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[JourneyMap]) -> None:
        self._move(request, queryset, pause_map, _("Paused."))

    @admin.action(description=gettext_lazy("End"), permissions=["launch"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[JourneyMap]) -> None:
        self._move(request, queryset, end_map, _("Ended."))

    def has_launch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.launch_journeymap")

    def has_delete_permission(self, request: HttpRequest, obj: JourneyMap | None = None) -> bool:
        """What was launched is history: only a draft can be deleted."""
        is_draft = obj is None or obj.status == JourneyMap.Status.DRAFT
        return is_draft and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # drafts are deleted on their page
        return actions

    def _move(
        self,
        request: HttpRequest,
        queryset: QuerySet[JourneyMap],
        move: Callable[[JourneyMap], JourneyMap],
        said: str,
    ) -> None:
        for journey in queryset:
            try:
                move(journey)
            except MapNotReady as error:
                self.message_user(request, f"{journey}: {error}", messages.ERROR)
            else:
                self.log_change(request, journey, said)
                self.message_user(request, f"{journey}: {said}", messages.SUCCESS)

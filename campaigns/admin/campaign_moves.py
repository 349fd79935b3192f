"""Launching, pausing and ending campaigns: on the list for many, on the page for one."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant

from campaigns.errors import CampaignNotReady
from campaigns.models import Campaign
from campaigns.services.copy_campaign import copy_campaign
from campaigns.services.launch_campaign import end_campaign, launch_campaign, pause_campaign
from segments.models import Organisation

Status = Campaign.Status


def _dialog(title: Any, description: Any, submit: Any) -> dict[str, Any]:
    """submit : what its button says."""
    return {
        "title": title,
        "description": description,
        "form_class": None,
        "form_submit_text": submit,
    }


class CampaignMoves(ModelAdmin):
    actions = ["launch_selected", "pause_selected", "end_selected", "copy_selected"]
    actions_detail = ["launch_one", "pause_one", "end_one", "copy_one"]

    @admin.action(description=gettext_lazy("Launch"), permissions=["launch"])
    def launch_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move(request, queryset, launch_campaign, _("Launched."))

    @admin.action(description=gettext_lazy("Pause"), permissions=["launch"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move(request, queryset, pause_campaign, _("Paused."))

    @admin.action(description=gettext_lazy("End"), permissions=["launch"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move(request, queryset, end_campaign, _("Ended."))

    @action(
        description=gettext_lazy("Launch"),
        icon="rocket_launch",
        variant=ActionVariant.PRIMARY,
        permissions=["launch_one"],
        url_path="launch",
        dialog=_dialog(
            gettext_lazy("Launch the campaign?"),
            gettext_lazy("The campaign takes part from the next decision run."),
            gettext_lazy("Launch"),
        ),
    )
    def launch_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, launch_campaign, _("Launched."))

    @action(
        description=gettext_lazy("Pause"),
        icon="pause",
        permissions=["pause_one"],
        url_path="pause",
        dialog=_dialog(
            gettext_lazy("Pause the campaign?"),
            gettext_lazy(
                "Messages that are still waiting are held. Launch the campaign again before "
                "they expire, and they are sent."
            ),
            gettext_lazy("Pause"),
        ),
    )
    def pause_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, pause_campaign, _("Paused."))

    @action(
        description=gettext_lazy("End"),
        icon="stop_circle",
        permissions=["end_one"],
        url_path="end",
        dialog=_dialog(
            gettext_lazy("End the campaign?"),
            gettext_lazy("You cannot launch the campaign again. Its history and reports are kept."),
            gettext_lazy("End"),
        ),
    )
    def end_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, end_campaign, _("Ended."))

    @admin.action(description=gettext_lazy("Copy as a draft"), permissions=["add"])
    def copy_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        for campaign in queryset:
            self._copy(request, campaign)

    @action(
        description=gettext_lazy("Copy"),
        icon="content_copy",
        permissions=["copy_one"],
        url_path="copy",
        dialog=_dialog(
            gettext_lazy("Copy the campaign?"),
            gettext_lazy(
                "A draft is made with the same settings, actions, limits, exclusions and "
                "follow-ups, and without results."
            ),
            gettext_lazy("Copy"),
        ),
    )
    def copy_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        if not self.has_copy_one_permission(request, object_id):
            raise PermissionDenied
        copy = self._copy(request, Campaign.objects.get(pk=object_id))
        page = reverse("admin:campaigns_campaign_change", args=[copy.pk])
        return HttpResponse(headers={"HX-Redirect": page})

    def has_copy_one_permission(self, request: HttpRequest, object_id: Any) -> bool:
        exists = str(object_id).isdecimal() and Campaign.objects.filter(pk=object_id).exists()
        return exists and self.has_add_permission(request)

    def _copy(self, request: HttpRequest, campaign: Campaign) -> Campaign:
        copy = copy_campaign(campaign, today=Organisation.current().today(timezone.now()))
        self.log_addition(request, copy.campaign, _("Copied from “%s”.") % campaign)
        text = _("“%s” was made as a draft. Check its dates before you launch it.")
        self.message_user(request, text % copy.campaign, messages.SUCCESS)
        if copy.left_out:
            text = _("Not copied, since they need the approval of a second person: %s.")
            self.message_user(request, text % ", ".join(copy.left_out), messages.WARNING)
        return copy.campaign

    def has_launch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("campaigns.launch_campaign")

    def has_launch_one_permission(self, request: HttpRequest, object_id: Any) -> bool:
        return self._may_move(request, object_id, {Status.DRAFT, Status.PAUSED})

    def has_pause_one_permission(self, request: HttpRequest, object_id: Any) -> bool:
        return self._may_move(request, object_id, {Status.ACTIVE})

    def has_end_one_permission(self, request: HttpRequest, object_id: Any) -> bool:
        return self._may_move(request, object_id, {Status.ACTIVE, Status.PAUSED})

    def _may_move(self, request: HttpRequest, object_id: Any, origins: set[Status]) -> bool:
        return (
            self.has_launch_permission(request)
            and str(object_id).isdecimal()
            and Campaign.objects.filter(pk=object_id, status__in=origins).exists()
        )

    def _move_one(
        self, request: HttpRequest, object_id: str, move: Callable, said: str
    ) -> HttpResponse:
        if not self.has_launch_permission(request):
            raise PermissionDenied
        self._move(request, Campaign.objects.filter(pk=object_id), move, said)
        page = reverse("admin:campaigns_campaign_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": page})

    def _move(
        self, request: HttpRequest, queryset: QuerySet[Campaign], move: Callable, said: str
    ) -> None:
        for campaign in queryset:
            try:
                move(campaign)
            except CampaignNotReady as error:
                self.message_user(request, f"{campaign}: {error}", messages.ERROR)
            else:
                self.log_change(request, campaign, said)
                self.message_user(request, f"{campaign}: {said}", messages.SUCCESS)
                for text in campaign.missing_links() if move is launch_campaign else []:
                    self.message_user(request, f"{campaign}: {text}", messages.WARNING)

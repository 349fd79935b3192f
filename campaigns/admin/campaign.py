"""Campaigns: the list that says who goes first, and a page that holds all of one campaign."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from campaigns.admin.export import CampaignResource
from campaigns.errors import CampaignNotReady
from campaigns.models import Action, Campaign, Exclusion, FollowUp
from campaigns.services.launch import end, launch, pause
from optiengine.lib.export import ExportAdmin
from optiengine.lib.figures import money, percent
from segments.numerics.rule import RuleError, parse_rule
from segments.services.currency import with_currency
from segments.services.describe_rule import describe, problem_in_words
from segments.services.rule_fields import newest_state, rule_fields

Status = Campaign.Status


class DraftsAlone:
    """What a campaign has already used is history: only a draft's rows can be deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return allowed and (obj is None or obj.status == Status.DRAFT)


class ActionInline(DraftsAlone, StackedInline):
    model = Action
    tab = True
    extra = 0
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("name", "channel", "is_active"),
                    ("cost_cents", "offer"),
                    "subject",
                    "body",
                ]
            },
        )
    ]


class ExcludesInline(TabularInline):
    model = Exclusion
    fk_name = "campaign"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("shuts out")
    fields = ["name", "excluded_campaign", "excluded_tag", "days", "both_ways"]
    autocomplete_fields = ["excluded_campaign", "excluded_tag"]


class ExcludedByInline(TabularInline):
    model = Exclusion
    fk_name = "excluded_campaign"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("is shut out by")
    fields = ["name", "campaign", "tag", "days", "both_ways"]
    autocomplete_fields = ["campaign", "tag"]


class OpensInline(TabularInline):
    model = FollowUp
    fk_name = "source"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("comes next")
    fields = ["target", "after_days", "within_days", "outcome"]
    autocomplete_fields = ["target"]


class OpenedByInline(TabularInline):
    model = FollowUp
    fk_name = "target"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("comes after")
    fields = ["source", "after_days", "within_days", "outcome"]
    autocomplete_fields = ["source"]


def _dialog(title: Any, description: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "form_class": None, "form_submit_text": ""}


@admin.register(Campaign)
class CampaignAdmin(DraftsAlone, ExportAdmin, ModelAdmin):
    resource_classes = [CampaignResource]
    list_display = [
        "name",
        "status_label",
        "rank",
        "group",
        "period",
        "n_actions",
        "control",
    ]
    list_editable = ["rank"]
    list_filter = ["status", "recurrence", "tags", "goal"]
    list_select_related = ["target_group"]
    search_fields = ["name"]
    actions = ["launch_selected", "pause_selected", "end_selected"]
    actions_detail = ["launch_one", "pause_one", "end_one"]
    autocomplete_fields = ["goal", "target_group", "tags"]
    readonly_fields = ["status_word", "rule_in_words"]
    inlines = [ActionInline, ExcludesInline, ExcludedByInline, OpensInline, OpenedByInline]
    change_form_outer_before_template = "campaigns/problems.html"
    conditional_fields = {"recurs_on": "recurrence == 'weekly' || recurrence == 'monthly'"}
    fieldsets = [
        (None, {"fields": [("name", "status_word"), ("rank", "goal"), "tags"]}),
        (gettext_lazy("Who"), {"fields": [("target_group", "control_share"), "rule_in_words"]}),
        (
            gettext_lazy("When"),
            {"fields": [("starts_on", "ends_on"), ("recurrence", "recurs_on")]},
        ),
        (
            gettext_lazy("How often and beside what"),
            {
                "fields": [
                    ("repeat_after_days", "duration_days"),
                    ("ignores_durations", "in_addition"),
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return with_currency(super().get_queryset(request).with_action_counts())

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [F("rank").asc(nulls_last=True), "pk"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # drafts are deleted on their page
        return actions

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "rank" and field:
            field.widget.attrs["placeholder"] = _("Auto")
        return field

    def get_inline_instances(
        self, request: HttpRequest, obj: Campaign | None = None
    ) -> list[InlineModelAdmin]:
        """A campaign that is only being made has nothing yet that others could refer to."""
        inlines = super().get_inline_instances(request, obj)
        return inlines if obj else [i for i in inlines if isinstance(i, ActionInline)]

    @display(
        description=gettext_lazy("status"),
        ordering="status",
        label={"draft": "info", "active": "success", "paused": "warning"},
    )
    def status_label(self, campaign: Campaign) -> tuple[str, str]:
        return campaign.status, campaign.get_status_display()

    @admin.display(description=gettext_lazy("status"))
    def status_word(self, campaign: Campaign) -> str:
        return campaign.get_status_display()

    @admin.display(description=gettext_lazy("runs"), ordering="starts_on")
    def period(self, campaign: Campaign) -> str:
        first, last = (
            date_format(day, "SHORT_DATE_FORMAT") if day else ""
            for day in (campaign.starts_on, campaign.ends_on)
        )
        return f"{first} – {last}"

    @admin.display(description=gettext_lazy("target group"), ordering="target_group__name")
    def group(self, campaign: Campaign) -> str:
        return str(campaign.target_group or _("everyone"))

    @admin.display(description=gettext_lazy("actions"), ordering="n_actions")
    def n_actions(self, campaign: Campaign) -> int:
        return campaign.n_actions  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("control"), ordering="control_share")
    def control(self, campaign: Campaign) -> str:
        return percent(campaign.control_share, 0)

    @admin.display(description=gettext_lazy("rule"))
    def rule_in_words(self, campaign: Campaign) -> str:
        if campaign.target_group is None:
            return _("Every customer.")
        try:
            rule = parse_rule(campaign.target_group.rule)
            return describe(rule, rule_fields(newest_state()))
        except RuleError as error:
            return problem_in_words(error)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        problems = campaign.problems() if campaign and campaign.status != Status.ENDED else []
        context = {"campaign": campaign, "problems": problems, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    # Status changes: on the list for many, on the page for one.

    @admin.action(description=gettext_lazy("Launch"), permissions=["launch"])
    def launch_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move(request, queryset, launch, _("Launched."))

    @admin.action(description=gettext_lazy("Pause"), permissions=["launch"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move(request, queryset, pause, _("Paused."))

    @admin.action(description=gettext_lazy("End"), permissions=["launch"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._move(request, queryset, end, _("Ended."))

    @action(
        description=gettext_lazy("Launch"),
        icon="rocket_launch",
        variant=ActionVariant.PRIMARY,
        permissions=["launch_one"],
        url_path="launch",
        dialog=_dialog(
            gettext_lazy("Launch the campaign?"),
            gettext_lazy("It takes part from the next decision run on."),
        ),
    )
    def launch_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, launch, _("Launched."))

    @action(
        description=gettext_lazy("Pause"),
        icon="pause",
        permissions=["pause_one"],
        url_path="pause",
        dialog=_dialog(
            gettext_lazy("Pause the campaign?"),
            gettext_lazy("Its messages that still wait are suppressed; it can be launched again."),
        ),
    )
    def pause_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, pause, _("Paused."))

    @action(
        description=gettext_lazy("End"),
        icon="stop_circle",
        permissions=["end_one"],
        url_path="end",
        dialog=_dialog(
            gettext_lazy("End the campaign?"),
            gettext_lazy("It cannot be launched again; its history and reports stay."),
        ),
    )
    def end_one(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._move_one(request, object_id, end, _("Ended."))

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


@admin.register(Action)
class ActionAdmin(ModelAdmin):
    """Actions of all campaigns, to be found; they are edited with their campaign."""

    list_display = ["name", "campaign", "channel", "cost", "offer", "is_active"]
    list_select_related = ["campaign"]
    list_filter = ["channel", "is_active", "campaign"]
    search_fields = ["name", "campaign__name", "offer"]
    autocomplete_fields = ["campaign"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Action]:
        return with_currency(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Action | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Action | None = None) -> list[str]:
        return ["campaign"]

    @admin.display(description=gettext_lazy("cost"), ordering="cost_cents")
    def cost(self, action: Action) -> str:
        return money(action.cost_cents, action.currency, 3)  # type: ignore[attr-defined]

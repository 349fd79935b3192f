"""Campaigns: the list that says who goes first, and a page that holds all of one campaign."""

from itertools import islice
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.admin.campaign_inlines import (
    ActionInline,
    DraftsAlone,
    ExcludedByInline,
    ExcludesInline,
    MinimumEvidenceInline,
    OpenedByInline,
    OpensInline,
)
from campaigns.admin.campaign_moves import CampaignMoves
from campaigns.admin.export import CampaignResource
from campaigns.admin.launch_approval import LaunchApproval
from campaigns.admin.second_person import SecondPerson
from campaigns.models import Approval, Campaign
from campaigns.services.approvals import needs_approval
from campaigns.services.find_conflicts import conflicts_of
from optiengine.lib.export import ExportAdmin
from optiengine.lib.figures import percent
from segments.currency import with_currency
from segments.models import Organisation
from segments.rules.describe_rule import describe, problem_in_words
from segments.rules.numerics.rule import RuleError, parse_rule
from segments.rules.rule_fields import newest_state, rule_fields

Status = Campaign.Status
N_NEXT_DAYS = 6  # of a monthly campaign that its page names


@admin.register(Campaign)
class CampaignAdmin(DraftsAlone, SecondPerson, LaunchApproval, CampaignMoves, ExportAdmin):
    approval_kind = Approval.Kind.CAMPAIGN
    actions_detail = [*CampaignMoves.actions_detail, "ask_for_launch", "try_launch"]
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
    autocomplete_fields = ["goal", "target_group", "tags", "ignores_durations_of"]
    readonly_fields = ["status_word", "rule_in_words", "next_days"]
    inlines = [
        ActionInline,
        MinimumEvidenceInline,
        ExcludesInline,
        ExcludedByInline,
        OpensInline,
        OpenedByInline,
    ]
    change_form_outer_before_template = "campaigns/problems.html"
    conditional_fields = {
        "recurs_on": "recurrence == 'weekly' || recurrence == 'monthly'",
        "next_days": "recurrence == 'monthly'",
        "skips_short_months": "recurrence == 'monthly'",
        "trigger_kind": "recurrence == 'event'",
        "ignores_durations_of": "ignores_durations == false",
    }
    fieldsets = [
        (None, {"fields": [("name", "status_word"), ("rank", "goal"), "tags"]}),
        (
            gettext_lazy("Audience"),
            {"fields": [("target_group", "control_share"), "rule_in_words"]},
        ),
        (
            gettext_lazy("When"),
            {
                "fields": [
                    ("starts_on", "ends_on"),
                    "recurrence",
                    ("recurs_on", "next_days"),
                    "skips_short_months",
                    "trigger_kind",
                ]
            },
        ),
        (
            gettext_lazy("Frequency & overlap"),
            {
                "fields": [
                    ("repeat_after_days", "duration_days"),
                    ("in_addition", "ignores_durations"),
                    "ignores_durations_of",
                ]
            },
        ),
        (
            gettext_lazy("Send time"),
            {"fields": [("send_time_per_person", "expires_after_hours"), "run_anyway"]},
        ),
        (
            gettext_lazy("Caps & transactional messages"),
            {"fields": [("exempt_from_caps", "not_counted_by_caps"), "transactional"]},
        ),
    ]

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """A dry run of a change; for a draft, a dry run of its launch."""
        campaign = self.get_object(request, str(object_id))
        if campaign is not None and campaign.status == Status.ACTIVE:
            return super().get_actions_submit_line(request, object_id)
        return []

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

    @admin.display(description=gettext_lazy("schedule"), ordering="starts_on")
    def period(self, campaign: Campaign) -> str:
        first, last = (
            date_format(day, "SHORT_DATE_FORMAT") if day else ""
            for day in (campaign.starts_on, campaign.ends_on)
        )
        return f"{first} – {last}"

    @admin.display(description=gettext_lazy("next days"))
    def next_days(self, campaign: Campaign) -> str:
        """Of a campaign on days of the month: what these come to in the coming months."""
        if campaign.recurrence != Campaign.Recurrence.MONTHLY or not campaign.recurs_on:
            return "–"
        today = Organisation.current().today(timezone.now())
        days = islice(campaign.monthly_days(max(today, campaign.starts_on)), N_NEXT_DAYS)
        return ", ".join(date_format(day, "SHORT_DATE_FORMAT") for day in days) or "–"

    @admin.display(description=gettext_lazy("target group"), ordering="target_group__name")
    def group(self, campaign: Campaign) -> str:
        return str(campaign.target_group or _("all customers"))

    @admin.display(description=gettext_lazy("actions"), ordering="n_actions")
    def n_actions(self, campaign: Campaign) -> int:
        return campaign.n_actions  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("control"), ordering="control_share")
    def control(self, campaign: Campaign) -> str:
        return percent(campaign.control_share, 0)

    @admin.display(description=gettext_lazy("rule"))
    def rule_in_words(self, campaign: Campaign) -> str:
        if campaign.target_group is None:
            return _("All customers.")
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
        context: dict[str, Any] = {"campaign": campaign}
        if campaign and campaign.status != Status.ENDED:
            conflicts = conflicts_of(campaign)
            never = [conflict.text for conflict in conflicts if conflict.is_never]
            context["problems"] = campaign.problems() + never
            context["missing_links"] = campaign.missing_links()
            context["warnings"] = [conflict.text for conflict in conflicts if not conflict.is_never]
            needed = campaign.status != Status.ACTIVE and needs_approval(
                self.approval_kind, campaign
            )
            context["problems"] += [needed] if needed else []
        context |= extra_context or {}
        return super().change_view(request, object_id, form_url, context)

"""Sections of a campaign's page below its fields: actions, evidence, exclusions, series."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import StackedInline, TabularInline

from campaigns.message_variables import help_on_variables
from campaigns.models import Action, Campaign, Exclusion, FollowUp, MinimumEvidence

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
        (None, {"fields": [("name", "channel"), ("cost_cents", "offer"), "is_active"]}),
        (
            gettext_lazy("Message"),
            {"fields": ["subject", "body", "html"], "description": help_on_variables()},
        ),
    ]


class ExcludesInline(TabularInline):
    model = Exclusion
    fk_name = "campaign"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("blocks")
    fields = ["name", "excluded_campaign", "excluded_tag", "days", "both_ways"]
    autocomplete_fields = ["excluded_campaign", "excluded_tag"]


class ExcludedByInline(TabularInline):
    model = Exclusion
    fk_name = "excluded_campaign"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("blocked by")
    fields = ["name", "campaign", "tag", "days", "both_ways"]
    autocomplete_fields = ["campaign", "tag"]


class OpensInline(TabularInline):
    model = FollowUp
    fk_name = "source"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("followed by")
    fields = ["target", "after_days", "within_days", "outcome"]
    autocomplete_fields = ["target"]


class OpenedByInline(TabularInline):
    model = FollowUp
    fk_name = "target"
    tab = True
    extra = 0
    verbose_name_plural = gettext_lazy("follows")
    fields = ["source", "after_days", "within_days", "outcome"]
    autocomplete_fields = ["source"]


class MinimumEvidenceInline(StackedInline):
    model = MinimumEvidence
    tab = True
    extra = 0
    max_num = 1
    verbose_name_plural = gettext_lazy("minimum evidence")
    fields = [("n_test", "n_test_responders"), ("n_control", "n_control_responders")]

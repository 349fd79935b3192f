"""Goals, tags and what keeps campaigns apart."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from campaigns.admin.conflicts import ConflictsPage
from campaigns.admin.second_person import SecondPerson
from campaigns.models import Exclusion, FollowUp, FrequencyCap, Goal, Tag
from campaigns.services.describe_limit import cap_in_words
from optiengine.lib.figures import money, number
from segments.currency import with_currency


@admin.register(Goal)
class GoalAdmin(ModelAdmin):
    list_display = ["name", "event_kind", "window", "value", "n_campaigns"]
    search_fields = ["name", "event_kind"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Goal]:
        goals = super().get_queryset(request).annotate(n_campaigns=Count("campaigns"))
        return with_currency(goals)

    @admin.display(description=_("window in days"), ordering="window_days")
    def window(self, goal: Goal) -> str:
        return number(goal.window_days)

    @admin.display(description=_("value per event"), ordering="value_per_event_cents")
    def value(self, goal: Goal) -> str:
        if goal.value_per_event_cents is None:
            return str(_("margin and change in value"))
        return money(goal.value_per_event_cents, goal.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("campaigns"), ordering="n_campaigns")
    def n_campaigns(self, goal: Goal) -> int:
        return goal.n_campaigns  # type: ignore[attr-defined]


@admin.register(Tag)
class TagAdmin(SecondPerson):
    actions_submit_line = []  # a tag alone decides nothing; it takes caps with it when deleted
    list_display = ["name", "is_topic", "title", "n_campaigns"]
    list_filter = ["is_topic"]
    search_fields = ["name", "title"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(n_campaigns=Count("campaigns"))

    @admin.display(description=_("campaigns"), ordering="n_campaigns")
    def n_campaigns(self, tag: Tag) -> int:
        return tag.n_campaigns  # type: ignore[attr-defined]


@admin.register(Exclusion)
class ExclusionAdmin(SecondPerson):
    list_display = ["name", "after", "shuts_out", "days", "both_ways"]
    list_select_related = ["campaign", "tag", "excluded_campaign", "excluded_tag"]
    search_fields = ["name", "campaign__name", "excluded_campaign__name"]
    autocomplete_fields = ["campaign", "tag", "excluded_campaign", "excluded_tag"]
    fieldsets = [
        (None, {"fields": ["name"]}),
        (_("After a message of …"), {"fields": [("campaign", "tag")]}),
        (
            _("… these are blocked"),
            {"fields": [("excluded_campaign", "excluded_tag"), "days", "both_ways"]},
        ),
    ]

    @admin.display(description=_("after"))
    def after(self, exclusion: Exclusion) -> str:
        return named(exclusion.campaign, exclusion.tag)

    @admin.display(description=_("blocks"))
    def shuts_out(self, exclusion: Exclusion) -> str:
        return named(exclusion.excluded_campaign, exclusion.excluded_tag)


def named(campaign: object, tag: object) -> str:
    return str(campaign) if campaign else str(_("tag %s") % tag)


@admin.register(FrequencyCap)
class FrequencyCapAdmin(SecondPerson, ConflictsPage):
    list_display = ["name", "in_words", "is_active"]
    list_filter = ["scope", "channel", "is_active"]
    list_select_related = ["tag"]
    search_fields = ["name"]
    autocomplete_fields = ["tag"]
    # No conditional fields: to Unfold's page "window" would then be this one, not the browser's.
    fieldsets = [
        (None, {"fields": ["name", "is_active"]}),
        (_("At most"), {"fields": ["limit", "window", ("length", "week_starts_on")]}),
        (_("Counted over"), {"fields": ["scope", ("channel", "tag"), "counts_transactional"]}),
    ]

    @admin.display(description=_("at most"), ordering="limit")
    def in_words(self, cap: FrequencyCap) -> str:
        return cap_in_words(cap)


@admin.register(FollowUp)
class FollowUpAdmin(SecondPerson):
    list_display = ["source", "target", "after_days", "within_days", "outcome"]
    list_select_related = ["source", "target"]
    list_filter = ["outcome"]
    search_fields = ["source__name", "target__name"]
    autocomplete_fields = ["source", "target"]

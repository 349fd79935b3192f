"""Exclusions: after one campaign another is blocked for some days."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.admin.second_person import SecondPerson
from campaigns.models import Exclusion


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

"""Frequency caps, and what they conflict with."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.admin.conflicts import ConflictsPage
from campaigns.admin.second_person import SecondPerson
from campaigns.models import FrequencyCap
from campaigns.services.describe_limit import cap_in_words


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
        (_("Maximum"), {"fields": ["limit", "window", ("length", "week_starts_on")]}),
        (_("Scope"), {"fields": ["scope", ("channel", "tag"), "counts_transactional"]}),
    ]

    @admin.display(description=_("maximum"), ordering="limit")
    def in_words(self, cap: FrequencyCap) -> str:
        return cap_in_words(cap)

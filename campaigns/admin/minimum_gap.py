"""Minimum gaps between contacts."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.admin.second_person import SecondPerson
from campaigns.models import MinimumGap
from campaigns.services.describe_limit import gap_in_words


@admin.register(MinimumGap)
class MinimumGapAdmin(SecondPerson):
    list_display = ["name", "in_words", "is_active"]
    list_filter = ["channel", "is_active"]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "is_active"]}),
        (_("Minimum gap"), {"fields": ["hours", "channel"]}),
    ]

    @admin.display(description=_("description"), ordering="hours")
    def in_words(self, gap: MinimumGap) -> str:
        return gap_in_words(gap)

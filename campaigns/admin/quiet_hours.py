"""Quiet hours per channel and country."""

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from campaigns.admin.second_person import SecondPerson
from campaigns.models import QuietHours, Weekday
from campaigns.services.describe_limit import quiet_in_words


class QuietHoursForm(forms.ModelForm):
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        choices=Weekday.choices,
        coerce=int,
        empty_value=[],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_(
            "Days on which quiet hours start. Hours after midnight belong to the day "
            "they start on. If none is selected, every day."
        ),
    )

    class Meta:
        model = QuietHours
        fields = ["name", "is_active", "channel", "country", "starts_at", "ends_at", "weekdays"]


@admin.register(QuietHours)
class QuietHoursAdmin(SecondPerson):
    form = QuietHoursForm
    list_display = ["name", "in_words", "is_active"]
    list_filter = ["channel", "country", "is_active"]
    search_fields = ["name", "country__exact"]
    ordering = ["country", "channel", "starts_at"]
    fieldsets = [
        (None, {"fields": ["name", "is_active"]}),
        (_("Scope"), {"fields": [("channel", "country")]}),
        (_("Hours without messages"), {"fields": [("starts_at", "ends_at"), "weekdays"]}),
    ]

    @admin.display(description=_("description"))
    def in_words(self, quiet: QuietHours) -> str:
        return quiet_in_words(quiet)

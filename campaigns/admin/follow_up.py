"""Follow-ups: the campaign that comes some days after another one."""

from django.contrib import admin

from campaigns.admin.second_person import SecondPerson
from campaigns.models import FollowUp


@admin.register(FollowUp)
class FollowUpAdmin(SecondPerson):
    list_display = ["source", "target", "after_days", "within_days", "outcome"]
    list_select_related = ["source", "target"]
    list_filter = ["outcome"]
    search_fields = ["source__name", "target__name"]
    autocomplete_fields = ["source", "target"]

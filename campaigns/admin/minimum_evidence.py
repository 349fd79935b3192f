"""How much must be known before the mix of a campaign's actions may move."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.admin.second_person import SecondPerson
from campaigns.models import MinimumEvidence


@admin.register(MinimumEvidence)
class MinimumEvidenceAdmin(SecondPerson):
    list_display = [
        "name",
        "n_test",
        "n_test_responders",
        "n_control",
        "n_control_responders",
    ]
    list_select_related = ["campaign"]
    search_fields = ["campaign__name"]
    autocomplete_fields = ["campaign"]
    ordering = ["campaign__name"]
    fields = ["campaign", ("n_test", "n_test_responders"), ("n_control", "n_control_responders")]

    @admin.display(description=_("campaign"), ordering="campaign__name")
    def name(self, minimum: MinimumEvidence) -> str:
        return str(minimum)

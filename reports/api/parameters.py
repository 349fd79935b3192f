from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from campaigns.api.fields import CampaignField
from optiengine.lib.fields import DayField
from optiengine.lib.parameters import Parameters
from reports.services.latest_day import latest_day
from reports.services.uplift_report import LEVELS


class ReportParameters(Parameters):
    as_of = DayField(
        required=False,
        help_text=gettext_lazy("As of this day (default: the latest day with figures)."),
    )
    since = DayField(required=False, help_text=gettext_lazy("First day of the period."))

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "as_of" not in asked:
            asked["as_of"] = self.newest_day()
        if "since" in asked and asked["since"] > asked["as_of"]:
            raise serializers.ValidationError({"since": [_("The period ends before it starts.")]})
        return asked

    def newest_day(self) -> date:
        if day := latest_day():
            return day
        text = _("There are no figures yet. Specify a day.")
        raise serializers.ValidationError({"as_of": [text]})


class UpliftParameters(ReportParameters):
    until = DayField(
        required=False,
        help_text=gettext_lazy("Last day of the period, inclusive; not after `as_of`."),
    )
    campaign = CampaignField(required=False, help_text=gettext_lazy("ID of a campaign."))
    level = serializers.ChoiceField(
        choices=[(level, level) for level in LEVELS],
        required=False,
        help_text=gettext_lazy(
            "Lowest level (default: actions, or micro-segments if a campaign is given). "
            "Higher levels are included as totals."
        ),
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        asked = super().validate(asked)
        if "since" in asked and "until" in asked and asked["until"] < asked["since"]:
            raise serializers.ValidationError({"until": [_("The period ends before it starts.")]})
        asked.setdefault("level", "micro_segment" if "campaign" in asked else "action")
        return asked

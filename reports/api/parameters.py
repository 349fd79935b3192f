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

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if "as_of" not in values:
            values["as_of"] = self.newest_day()
        if "since" in values and values["since"] > values["as_of"]:
            raise serializers.ValidationError({"since": [_("The period ends before it starts.")]})
        return values

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

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        values = super().validate(values)
        if "since" in values and "until" in values and values["until"] < values["since"]:
            raise serializers.ValidationError({"until": [_("The period ends before it starts.")]})
        values.setdefault("level", "micro_segment" if "campaign" in values else "action")
        return values

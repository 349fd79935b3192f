"""The uplift page: what each campaign changed, against its control group."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.widgets import SELECT_CLASSES

from campaigns.models import Campaign
from reports.admin.charts import Whisker, forest_axis
from reports.admin.page import DayInput, ReportForm, ReportPage
from reports.models import Uplift
from reports.services.uplift_report import LEVELS, uplift_report
from reports.services.uplift_row import State, UpliftReport, UpliftRow

FOREST_WIDTH = 200  # pixels
MEASURES = {"rate": _("conversion rate"), "value": _("value"), "margin": _("margin")}


class Selection(forms.Select):
    def __init__(self, attrs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__({"class": " ".join(SELECT_CLASSES)} | (attrs or {}), **kwargs)


class UpliftForm(ReportForm):
    campaign: forms.ModelChoiceField = forms.ModelChoiceField(
        Campaign.objects.all(),
        label=_("campaign"),
        required=False,
        empty_label=_("all campaigns"),
        widget=Selection,
    )
    until = forms.DateField(label=_("until"), required=False, widget=DayInput)
    measure = forms.ChoiceField(
        label=_("measure"), choices=list(MEASURES.items()), required=False, widget=Selection
    )
    field_order = ("campaign", "measure", "since", "until", "as_of")

    def clean_measure(self) -> str:
        return self.cleaned_data["measure"] or "rate"


@admin.register(Uplift)
class UpliftPage(ReportPage):
    form_class = UpliftForm
    template = "reports/uplift.html"

    def compute(self, cleaned: dict[str, Any]) -> UpliftReport:
        """Micro-segments are shown for one campaign at a time; the file has what the page has."""
        return uplift_report(
            as_of=cleaned["as_of"],
            since=cleaned["since"],
            until=cleaned["until"],
            campaign=cleaned["campaign"],
            by=LEVELS if cleaned["campaign"] else LEVELS[:2],
        )

    def show(self, report: UpliftReport, cleaned: dict[str, Any]) -> dict[str, Any]:
        measure = cleaned["measure"]
        intervals = [getattr(row, measure) for row in report.randomised]
        axis = forest_axis(intervals, FOREST_WIDTH)
        campaigns = [row for row in report.campaigns if row.is_randomised]
        return {
            "measure": measure,
            "unit": "rate" if measure == "rate" else "money",
            "measure_label": MEASURES[measure],
            "axis": axis,
            "forest_width": FOREST_WIDTH,
            "rows": [
                _line(row, measure, interval, Whisker.of(interval, axis))
                for row, interval in zip(report.randomised, intervals, strict=True)
            ],
            "n_test": sum(row.experiment.test.n for row in campaigns),
            "n_control": sum(row.experiment.control.n for row in campaigns),
            "n_open": sum(
                row.experiment.test.n_open + row.experiment.control.n_open for row in campaigns
            ),
            "n_flagged": sum(row.is_flagged for row in campaigns),
            "n_thin": sum(row.state is State.NOT_ENOUGH for row in campaigns),
        }

    def lines(self, report: UpliftReport) -> Iterable[Mapping[str, Any]]:
        return [row.as_dict() for row in report.rows]


def _line(row: UpliftRow, measure: str, interval: Any, whisker: Whisker | None) -> dict[str, Any]:
    experiment = row.experiment
    test, control = experiment.rates() if measure == "rate" else experiment.money_means(measure)
    return {
        "row": row,
        "test": test,
        "control": control,
        "interval": interval,
        "whisker": whisker,
        "total": interval.times(experiment.compared_test.n),
        "detectable": experiment.detectable_rate() if measure == "rate" else None,
    }

"""The page of moves between micro-segments, and of what these are worth by two views."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from optiengine.lib.figures import number, percent
from reports.admin.charts import Axis, Whisker, forest_axis
from reports.admin.heat_map import HeatMap, heat_map
from reports.admin.page import ReportForm, ReportPage
from reports.admin.uplift import FOREST_WIDTH, Selection
from reports.models import SegmentMigration
from reports.numerics.intervals import Interval
from reports.services.segment_migration import (
    PERIOD_DAYS,
    MigrationReport,
    SegmentValue,
    segment_migration,
)

PERIODS = {
    PERIOD_DAYS: gettext_lazy("four weeks"),
    7: gettext_lazy("a week"),
    91: gettext_lazy("a quarter"),
}


class MigrationForm(ReportForm):
    period_days = forms.ChoiceField(
        label=gettext_lazy("period"),
        choices=list(PERIODS.items()),
        required=False,
        widget=Selection,
    )
    field_order = ("period_days", "since", "as_of")

    def clean_period_days(self) -> int:
        return int(self.cleaned_data["period_days"] or PERIOD_DAYS)


@admin.register(SegmentMigration)
class SegmentMigrationPage(ReportPage):
    form_class = MigrationForm
    template = "reports/segment_migration.html"

    def compute(self, cleaned: dict[str, Any]) -> MigrationReport:
        return segment_migration(
            as_of=cleaned["as_of"], since=cleaned["since"], period_days=cleaned["period_days"]
        )

    def show(self, report: MigrationReport, cleaned: dict[str, Any]) -> dict[str, Any]:
        known = [Interval(row.model_cents, row.model_cents, row.model_cents) for row in report.rows]
        intervals = [row.chain for row in report.rows]
        axis = forest_axis([i for i in (*intervals, *known) if i.is_known], FOREST_WIDTH)
        return {
            "axis": axis,
            "forest_width": FOREST_WIDTH,
            "rows": [
                _line(row_number, row, axis) for row_number, row in enumerate(report.rows, start=1)
            ],
            "map": _map(report),
            "n_thin": sum(row.is_thin for row in report.rows),
            "first": report.days[0],
            "last": report.days[-1],
            "n_periods": len(report.days) - 1,
            "n_apart": sum(row.difference.excludes_zero for row in report.rows),
        }

    def lines(self, report: MigrationReport) -> Iterable[Mapping[str, Any]]:
        return report.lines()


def _line(row_number: int, row: SegmentValue, axis: Axis) -> dict[str, Any]:
    model = Interval(row.model_cents, row.model_cents, row.model_cents)
    return {
        "place": row_number,
        "row": row,
        "whisker": Whisker.of(row.chain, axis),
        "model": axis.at(row.model_cents) if model.is_known else None,
    }


def _map(report: MigrationReport) -> HeatMap:
    names = [str(row.segment) for row in report.rows]
    titles = [
        [
            _("%(origin)s → %(target)s: %(share)s, %(n)s of %(all)s moves")
            % {
                "origin": names[i],
                "target": target,
                "share": percent(report.chain.transition[i, j]),
                "n": number(report.counts[i, j]),
                "all": number(row.n_observed),
            }
            for j, target in enumerate([*names, _("left")])
        ]
        for i, row in enumerate(report.rows)
    ]
    return heat_map(
        names,
        report.chain.transition,
        titles,
        [row.segment.stage for row in report.rows],
        last_column=_("left") if report.has_left else "",
    )

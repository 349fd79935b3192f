"""The page that says what the engine is worth: its arm against baseline and holdout."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin

from campaigns.models import Arm
from reports.admin.charts import bars, course
from reports.admin.page import ReportForm, ReportPage
from reports.models import ArmWorth
from reports.services.arm_report import ArmReport, arm_report


@admin.register(ArmWorth)
class ArmWorthPage(ReportPage):
    form_class = ReportForm
    template = "reports/arm_worth.html"

    def compute(self, cleaned: dict[str, Any]) -> ArmReport:
        return arm_report(as_of=cleaned["as_of"], since=cleaned["since"])

    def show(self, report: ArmReport, cleaned: dict[str, Any]) -> dict[str, Any]:
        groups = [report.groups[arm] for arm in (Arm.OPTIMISED, Arm.BASELINE, Arm.HOLDOUT)]
        course_of = report.cumulative(Arm.OPTIMISED, Arm.HOLDOUT)
        return {
            "groups": [(g, g.value.interval(), g.orders.interval()) for g in groups],
            "bars": bars([(g.label, g.value.interval()) for g in groups], width=540),
            "course": course([(day, comparison.value) for day, comparison in course_of]),
            "comparisons": report.comparisons,
            "headline": report.comparisons[0],
        }

    def lines(self, report: ArmReport) -> Iterable[Mapping[str, Any]]:
        groups = [group.as_dict() for group in report.groups.values()]
        return groups + [comparison.as_dict() for comparison in report.comparisons]

"""The page that says whether the predicted value came true."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from reports.admin.page import DayInput, ReportForm, ReportPage
from reports.admin.pair_bars import pair_bars
from reports.models import ClvBacktest
from reports.services.clv_backtest import ClvBacktest as Report
from reports.services.clv_backtest import clv_backtest, last_known_day
from segments.models import Organisation

HOLDOUT_DAYS = 91  # compared by default


class BacktestForm(ReportForm):
    """Defaults: from a quarter of a year before the newest event until that event."""

    since = None  # type: ignore[assignment]
    as_of = forms.DateField(label=_("predicted on"), required=False, widget=DayInput)
    until = forms.DateField(label=_("compared until"), required=False, widget=DayInput)

    def clean_as_of(self) -> Any:
        return self.cleaned_data["as_of"]

    def clean(self) -> dict[str, Any]:
        days = self.cleaned_data
        if not self.errors:
            known = last_known_day(Organisation.current()) or timezone.localdate()
            days["until"] = days["until"] or known
            days["as_of"] = days["as_of"] or days["until"] - timedelta(days=HOLDOUT_DAYS)
        return days


@admin.register(ClvBacktest)
class ClvBacktestPage(ReportPage):
    form_class = BacktestForm
    template = "reports/clv_backtest.html"

    def compute(self, cleaned: dict[str, Any]) -> Report:
        return clv_backtest(as_of=cleaned["as_of"], until=cleaned["until"])

    def show(self, report: Report, cleaned: dict[str, Any]) -> dict[str, Any]:
        deciles = [
            (group, group.actual_purchases.interval(), group.actual_cents.interval())
            for group in report.deciles
        ]
        return {
            "deciles": deciles,
            "value_bars": pair_bars([(g.label, g.predicted_cents, v) for g, _p, v in deciles]),
            "purchase_bars": pair_bars(
                [
                    (g.label, g.predicted_purchases, g.actual_purchases.interval())
                    for g in report.frequencies
                ]
            ),
            "agreements": [
                (_("Value"), report.value, True),
                (_("Purchases"), report.purchases, False),
            ],
        }

    def lines(self, report: Report) -> Iterable[Mapping[str, Any]]:
        return report.lines()

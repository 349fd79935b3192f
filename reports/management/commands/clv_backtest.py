from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from optiengine.lib.command import FiguresCommand, iso_date
from reports.errors import ReportError
from reports.services.clv_backtest import clv_backtest


class Command(FiguresCommand):
    help = "Predicted customer value, from models fitted as of one day, against what came after it."
    columns = {
        "as_of, until": "the day of the prediction; the first day that is no longer compared",
        "n_customers": "customers who had ordered before as_of",
        "n_unvalued": "orders between the two days without a known amount: counted as 0",
        "purchases, value_cents": "over all customers (margin: orders less returns); for each:",
        "  predicted_total, …": "and actual_total",
        "  ratio": "predicted / actual, 1 if right; _low and _high: 95 % limits",
        "  mean_absolute_error": "per customer",
        "  correlation": "Pearson's",
        "  gini": "of the ranking by prediction: 1 is the best possible, 0 is random",
        "groups": "a list, by decile of predicted value and by repeats so far; for each:",
        "  predicted_purchases, …": "mean per customer; actual_… with 95 % limits; also in cents",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", type=iso_date, required=True, help="Day of the prediction.")
        parser.add_argument(
            "--until", type=iso_date, required=True, help="First day that is no longer compared."
        )
        parser.add_argument(
            "--seed", type=int, default=0, help="Seed of the sample on which the models are fitted."
        )

    def compute(self, **options: Any) -> Mapping[str, Any]:
        try:
            report = clv_backtest(
                as_of=options["as_of"], until=options["until"], seed=options["seed"]
            )
        except ReportError as error:
            raise CommandError(str(error)) from error
        return report.as_dict()

    def show(self, figures: Mapping[str, Any]) -> None:
        write = self.stdout.write
        write(f"{figures['n_customers']:,} customers, {figures['as_of']} to {figures['until']}")
        write(f"{figures['n_unvalued']:,} orders without a known amount")
        for name in ("purchases", "value_cents"):
            shown = {k: "–" if v is None else f"{v:,.3f}" for k, v in figures[name].items()}
            write(
                f"{name}: predicted {shown['predicted_total']}, actual {shown['actual_total']}, "
                f"ratio {shown['ratio']} [{shown['ratio_low']}, {shown['ratio_high']}], "
                f"mean absolute error {shown['mean_absolute_error']}, "
                f"correlation {shown['correlation']}, gini {shown['gini']}"
            )
        write(f"{'':<12}{'customers':>10}{'purchases':>22}{'value in cents':>26}")
        write(f"{'':<22}{'predicted':>12}{'actual':>10}{'predicted':>14}{'actual':>12}")
        for row in figures["groups"]:
            write(
                f"{row['by'] + ' ' + row['group']:<12}{row['n_customers']:>10,}"
                f"{row['predicted_purchases']:>12.3f}{row['actual_purchases']:>10.3f}"
                f"{row['predicted_cents']:>14,.0f}{row['actual_cents']:>12,.0f}"
            )

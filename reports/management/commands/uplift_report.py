from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from campaigns.models import Campaign
from optiengine.lib.command import FiguresCommand, iso_date
from reports.errors import ReportError
from reports.services.latest_day import latest_day
from reports.services.uplift_report import LEVELS, uplift_report
from reports.services.uplift_row import State, UpliftRow


class Command(FiguresCommand):
    help = "Test against control, per campaign, action and micro-segment, by intention to treat."
    columns = {
        "as_of": "the day whose data is used",
        "since, until": "first and last day of sending",
        "rows": "a list, each total before its parts; for each:",
        "  campaign, action, …": "names and ids, down to the row's level",
        "  state": "measured, not_enough_data, no_control_group, broken_split, not_randomised",
        "  explanation": "the reason, if there is no effect",
        "  n_test, n_control": "measured messages; …_open: window not closed; …_responders",
        "  test_rate, control_rate": "share of customers who responded",
        "  …_contaminated_share": "share who got another campaign's message within the window",
        "  …_late_share": "share of conversions that came after the window was measured",
        "  test_unsent_share": "share of test messages that never left, counted all the same",
        "  test_value_cents, …": "mean value and margin per message",
        "  uplift_rate, …": "test less control, _low and _high: 95 % limits (Newcombe)",
        "  uplift_value_cents, …": "the same for value and margin (Welch)",
        "  total_value_cents, …": "uplift in value over all compared messages to the test group",
        "  cost_cents, net_cents": "cost of these messages; value less cost",
        "  detectable_rate": "smallest uplift in rate that is detected with 80 % power",
        "  is_flagged": "whether the effect on the rate is proven, valid however often you check",
        "  split_p_value": "chi-square test of the split against its intended shares",
        "  split_evidence": "how many times likelier a broken split is; 100 raises an alarm",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of", type=iso_date, help="The day whose data is used (default: the newest)."
        )
        parser.add_argument("--since", type=iso_date, help="First day of sending.")
        parser.add_argument("--until", type=iso_date, help="Last day of sending.")
        parser.add_argument("--campaign", help="Name of a campaign (default: all).")
        parser.add_argument(
            "--by", choices=LEVELS, default="action", help="The finest level of rows."
        )

    def compute(self, **options: Any) -> Mapping[str, Any]:
        as_of = options["as_of"] or latest_day()
        if as_of is None:
            raise CommandError("There is no data yet: no customer data and no measured outcomes.")
        campaign = None
        if options["campaign"]:
            campaign = Campaign.objects.filter(name=options["campaign"]).first()
            if campaign is None:
                raise CommandError(f"There is no campaign named {options['campaign']}.")
        try:
            report = uplift_report(
                as_of=as_of,
                since=options["since"],
                until=options["until"],
                campaign=campaign,
                by=LEVELS[: LEVELS.index(options["by"]) + 1],
            )
        except ReportError as error:
            raise CommandError(str(error)) from error
        self.report = report
        return {
            "as_of": report.as_of,
            "since": report.since,
            "until": report.until,
            "rows": [row.as_dict() for row in report.rows],
        }

    def show(self, figures: Mapping[str, Any]) -> None:
        heads = f"{'test':>9}{'control':>9}{'test':>10}{'control':>10}{'uplift, 95 %':>34}"
        self.stdout.write(f"{'':<40}{heads}{'value per message, 95 %':>36}{'split p':>10}")
        for row in self.report.rows:
            self.stdout.write(_line(row))


def _line(row: UpliftRow) -> str:
    test, control = row.experiment.test, row.experiment.control
    rates = row.experiment.rates()
    name = f"{'  ' * row.depth}{row.name}"[:39]
    line = f"{name:<40}{test.n:>9,}{control.n:>9,}{rates[0]:>10.4%}{rates[1]:>10.4%}"
    if row.state is not State.MEASURED:
        return f"{line}  {row.explanation}"
    rate, value = row.rate, row.value
    rate_text = f"{rate.estimate:+.4%} [{rate.low:+.4%}, {rate.high:+.4%}]"
    value_text = f"{value.estimate:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"
    flag = " *" if row.is_flagged else "  "
    return f"{line}{flag}{rate_text:>32}{value_text:>36}{row.split.p_value:>10.3f}"

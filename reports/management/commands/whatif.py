from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from campaigns.errors import ChangeRefused
from campaigns.models import Goal
from campaigns.services.read_changes import KINDS, read_changes
from optiengine.lib.command import FiguresCommand, iso_date
from reports.errors import ReportError
from reports.services.latest_day import latest_day
from reports.services.what_if import DEFAULT_DAYS, what_if

ESTIMATES = {
    "present": "the log under the current rules",
    "ips": "difference: inverse propensity score",
    "snips": "difference: self-normalised",
    "doubly_robust": "difference: doubly robust",
}


class Command(FiguresCommand):
    help = (
        "What changed rules would have been worth, from the engine's own decisions.\n"
        "Each logged decision is taken again with the change, for the customer as they were then;\n"
        "everything before and after it stays as it was."
    )
    columns = {
        "since, until": "first and last day of the decisions that were valued",
        "n_runs": "finished runs whose windows have closed",
        "n, n_customers": "number of decisions and of customers",
        "n_touched": "decisions in which the change affects a probability",
        "moved": "sum of the probability that moves, in decisions",
        "unsupported_share": "share of it that moves to options never possible in the log",
        "effective_n": "effective number of customers among the affected decisions",
        "n_lost": "decisions left out because they can no longer be reproduced",
        "sent_present, _changed": "messages per decision",
        "window_days": "days after a decision that count",
        "present, _low, _high": "cents per decision in the log, less costs",
        "ips, …": "changed less current rules, 95 % limits by customer: inverse propensity score",
        "snips, …": "the same, self-normalised",
        "doubly_robust, …": "the same, with a reward model",
        "refusal": "the reason, if there is no value",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        for kind, meaning in KINDS.items():
            parser.add_argument(
                f"--{kind}", action="append", default=[], metavar="…", help=str(meaning)
            )
        parser.add_argument(
            "--goal", help="Name of the goal, with its window (default: the main goal)."
        )
        parser.add_argument(
            "--window-days", type=int, default=14, help="Window of the main goal (default 14)."
        )
        parser.add_argument(
            "--as-of", type=iso_date, help="The day whose data is used (default: the newest)."
        )
        parser.add_argument(
            "--since",
            type=iso_date,
            help=f"First day of decisions (default: {DEFAULT_DAYS} days up to --until).",
        )
        parser.add_argument(
            "--until", type=iso_date, help="Last day of decisions (default: --as-of)."
        )

    def compute(self, **options: Any) -> Mapping[str, Any]:
        if not 1 <= options["window_days"] <= 366:
            raise CommandError("--window-days must be between 1 and 366.")
        as_of = options["as_of"] or latest_day()
        if as_of is None:
            raise CommandError("There is no data yet: no customer data and no measured outcomes.")
        goal = Goal.objects.filter(name=options["goal"]).first() if options["goal"] else None
        if options["goal"] and goal is None:
            raise CommandError(f"There is no goal named {options['goal']}.")
        changes = [(kind, text) for kind in KINDS for text in options[kind.replace("-", "_")]]
        try:
            answer = what_if(
                read_changes(changes),
                as_of=as_of,
                since=options["since"],
                until=options["until"],
                goal=goal,
                window_days=options["window_days"],
            )
        except (ReportError, ChangeRefused) as error:
            raise CommandError(str(error)) from error
        return answer.as_dict()

    def show(self, figures: Mapping[str, Any]) -> None:
        self.stdout.write(
            f"{figures['n']:,} decisions on {figures['n_customers']:,} customers in "
            f"{figures['n_runs']} runs, {figures['since']} to {figures['until']}; "
            f"{figures['n_touched']:,} affected by the change.\n"
            f"Messages per decision: {figures['sent_present']:.4f} now, "
            f"{figures['sent_changed']:.4f} changed.\n"
            f"Evidence of {figures['effective_n']:,.0f} customers; "
            f"{figures['unsupported_share']:.1%} of what changes was never possible.\n\n"
        )
        if figures["refusal"]:
            self.stdout.write(f"No value: {figures['refusal']}")
            return
        self.stdout.write(f"Cents per decision within {figures['window_days']} days:")
        for name, label in ESTIMATES.items():
            low, high = figures[f"{name}_low"], figures[f"{name}_high"]
            self.stdout.write(f"{label:<40}{figures[name]:>12.3f}  [{low:.3f}, {high:.3f}]")

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
    "present": "the log under the present rules",
    "ips": "difference: inverse propensity score",
    "snips": "difference: self-normalised",
    "doubly_robust": "difference: doubly robust",
}


class Command(FiguresCommand):
    help = (
        "What changed rules would have been worth, from the engine's own decisions.\n"
        "One step: each logged decision taken anew for the customer as they were, with the\n"
        "messages they had got; what came before and after stays as logged."
    )
    columns = {
        "since, until": "first and last day of decision that was valued",
        "n_runs": "finished runs whose windows have closed",
        "n, n_customers": "decisions, customers",
        "n_touched": "decisions in which the change moves a probability",
        "moved": "decisions' worth of probability that moves",
        "unsupported_share": "of what moves, to what was never possible in the log",
        "effective_n": "customers' worth of evidence on the decisions touched",
        "n_lost": "decisions left out: they no longer come out as they were made",
        "sent_present, _changed": "messages per decision",
        "window_days": "after a decision, in which it earns",
        "present, _low, _high": "cents per decision that the log earned, costs taken off",
        "ips, …": "changed less present, with 95 % limits by customer: inverse propensity score",
        "snips, …": "the same, self-normalised",
        "doubly_robust, …": "the same, with a reward model",
        "refusal": "why there is no value",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        for kind, meaning in KINDS.items():
            parser.add_argument(
                f"--{kind}", action="append", default=[], metavar="…", help=str(meaning)
            )
        parser.add_argument("--goal", help="By name, with its window. Default: the main goal.")
        parser.add_argument(
            "--window-days", type=int, default=14, help="Of the main goal; default 14."
        )
        parser.add_argument("--as-of", type=iso_date, help="Default: the newest day with figures.")
        parser.add_argument(
            "--since", type=iso_date, help=f"First day; default: {DEFAULT_DAYS} days up to --until."
        )
        parser.add_argument("--until", type=iso_date, help="Last day of decision; default: as-of.")

    def compute(self, **options: Any) -> Mapping[str, Any]:
        if not 1 <= options["window_days"] <= 366:
            raise CommandError("--window-days lies between 1 and 366.")
        as_of = options["as_of"] or latest_day()
        if as_of is None:
            raise CommandError("No state was built and no outcome measured yet.")
        goal = Goal.objects.filter(name=options["goal"]).first() if options["goal"] else None
        if options["goal"] and goal is None:
            raise CommandError(f"There is no goal named {options['goal']}.")
        given = [(kind, text) for kind in KINDS for text in options[kind.replace("-", "_")]]
        try:
            found = what_if(
                read_changes(given),
                as_of=as_of,
                since=options["since"],
                until=options["until"],
                goal=goal,
                window_days=options["window_days"],
            )
        except (ReportError, ChangeRefused) as error:
            raise CommandError(str(error)) from error
        return found.as_dict()

    def show(self, figures: Mapping[str, Any]) -> None:
        self.stdout.write(
            f"{figures['n']:,} decisions on {figures['n_customers']:,} customers in "
            f"{figures['n_runs']} runs, {figures['since']} to {figures['until']}; "
            f"{figures['n_touched']:,} touched by the change.\n"
            f"Messages per decision: {figures['sent_present']:.4f} now, "
            f"{figures['sent_changed']:.4f} changed.\n"
            f"Worth {figures['effective_n']:,.0f} customers; "
            f"{figures['unsupported_share']:.1%} of what moves was never possible.\n\n"
        )
        if figures["refusal"]:
            self.stdout.write(f"No value: {figures['refusal']}")
            return
        self.stdout.write(f"Cents per decision within {figures['window_days']} days:")
        for name, label in ESTIMATES.items():
            low, high = figures[f"{name}_low"], figures[f"{name}_high"]
            self.stdout.write(f"{label:<40}{figures[name]:>12.3f}  [{low:.3f}, {high:.3f}]")

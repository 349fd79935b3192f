from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from django.utils import timezone
from tqdm import tqdm

from optiengine.lib.command import FiguresCommand, iso_date
from reports.ledger_check.check_ledger import (
    N_EXAMPLES,
    NOT_CHECKED,
    check_ledger,
    default_since,
    table,
)
from segments.models import Organisation


class Command(FiguresCommand):
    help = (
        "Check by plain SQL whether what was decided and sent kept the limits, exclusions, quiet\n"
        "hours and consents. It uses the rules in force now. Exits with 1 if one was violated."
    )
    columns = {
        "since, until": "the checked time",
        "rules": "a list, for each rule:",
        "  checked": "messages, customers or whatever the rule is about",
        "  put_to_test": "times that the rule mattered",
        "  violated": "times that it was not kept",
        "  examples": "the first of these",
        "not_checked": "what the ledger alone cannot tell",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=iso_date,
            metavar="DAY",
            help="Check from this day on (default: 30 days ago, or the newest change of a rule in "
            "the admin if that is later).",
        )

    def compute(self, **options: Any) -> Mapping[str, Any]:
        now, since, zone = timezone.now(), options["since"], Organisation.current().zone
        if since is None:
            moment = default_since(now)
        else:
            moment = datetime.combine(since, time(), zone).astimezone(UTC)
        step = lambda items: tqdm(items, desc="customers", disable=None)  # noqa: E731
        self.findings = check_ledger(moment, now, step=step)
        return {
            "since": moment,
            "until": now,
            "rules": [
                {
                    "rule": finding.rule,
                    "checked": finding.n_checked,
                    "put_to_test": finding.n_tested,
                    "violated": len(finding.violations),
                    "examples": [
                        f"{at:%Y-%m-%d %H:%M:%S} {text}"
                        for at, text in finding.violations[:N_EXAMPLES]
                    ],
                }
                for finding in self.findings
            ],
            "not_checked": list(NOT_CHECKED),
        }

    def show(self, figures: Mapping[str, Any]) -> None:
        since = f"{figures['since']:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(
            f"Checked since {since} by the rules in force now. If a rule was changed later than "
            "that, choose --since accordingly.\n\n"
        )
        self.stdout.writelines(f"{line}\n" for line in table(self.findings))
        self.stdout.write("\nNot checked, because the ledger does not contain it:")
        self.stdout.writelines(f"  {rule}\n" for rule in figures["not_checked"])

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if any(finding.violations for finding in self.findings):
            raise SystemExit(1)

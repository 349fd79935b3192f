from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from optiengine.lib.command import FiguresCommand, iso_date
from reports.ledger_check.check_ledger import check_ledger, default_since, table
from reports.ledger_check.findings import Finding
from reports.ledger_check.rule_names import NOT_CHECKED
from segments.models import Organisation

# Not a number of things: rows that Python reads and rows that the database counts.
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def _as_figures(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.name,
        "checked": finding.n_checked,
        "put_to_test": finding.n_tested,
        "unclear": finding.n_unclear,
        "violated": finding.n_violated,
        "examples": [f"{at:%Y-%m-%d %H:%M:%S} {text}" for at, text in finding.violations],
    }


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
        "  unclear": "cases that are not checked: what they depend on was changed later",
        "  violated": "times that it was not kept",
        "  examples": "some of these",
        "not_checked": "what the ledger alone cannot tell",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=iso_date,
            metavar="DAY",
            help="Check from this day on (default: 30 days ago, or the newest change of a rule if "
            "that is later).",
        )

    def compute(self, **options: Any) -> Mapping[str, Any]:
        now, since, zone = timezone.now(), options["since"], Organisation.current().zone
        if since is None:
            moment = default_since(now)
        else:
            moment = datetime.combine(since, time(), zone).astimezone(UTC)
        with tqdm(total=1.0, desc=_("ledger"), bar_format=BAR, disable=None) as bar:
            self.findings = check_ledger(
                moment, now, progress=lambda done: bar.update(done - bar.n)
            )
        return {
            "since": moment,
            "until": now,
            "rules": [_as_figures(finding) for finding in self.findings],
            "not_checked": list(NOT_CHECKED),
        }

    def show(self, figures: Mapping[str, Any]) -> None:
        said = _(
            "Checked since %(since)s UTC by the rules in force now. If a rule was changed later "
            "than that, choose --since accordingly."
        )
        self.stdout.write(said % {"since": f"{figures['since']:%Y-%m-%d %H:%M}"} + "\n\n")
        self.stdout.writelines(f"{line}\n" for line in table(self.findings))
        self.stdout.write("\n" + _("Not checked, because the ledger alone cannot tell:"))
        self.stdout.writelines(f"  {_(text)}\n" for text in NOT_CHECKED)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if any(finding.n_violated for finding in self.findings):
            raise SystemExit(1)

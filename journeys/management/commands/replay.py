from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from journeys.errors import OtherDecisionVersion
from journeys.explain.replay_run import replay_live, replay_run
from journeys.models import DecisionRun
from optiengine.lib.command import FiguresCommand


class Command(FiguresCommand):
    help = "Compute a finished run again from its stored inputs. Fails when a decision differs."
    columns = {
        "run": "number of the run",
        "as_of": "its day",
        "version": "its decision version",
        "decisions": "decisions that were compared",
        "differing": "decisions that came out differently",
        "missing": "customers whose decision or state of that day no longer exists",
        "customers": "up to ten customers concerned",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", help="Number of the run, or its day, for example 2026-03-01.")

    def compute(self, *, run: str, **options: Any) -> Mapping[str, Any]:
        key = {"as_of": run, "kind": DecisionRun.Kind.DAILY} if "-" in run else {"pk": run}
        try:
            decision_run = DecisionRun.objects.select_related("state").get(**key)
        except (DecisionRun.DoesNotExist, ValueError) as unknown:
            raise CommandError(f"There is no run “{run}”.") from unknown
        is_live = decision_run.kind == DecisionRun.Kind.LIVE
        if decision_run.status != DecisionRun.Status.DONE and not is_live:
            raise CommandError(
                f"{decision_run} is not finished: {decision_run.get_status_display()}."
            )
        try:
            result = replay_live(decision_run) if is_live else replay_run(decision_run)
        except OtherDecisionVersion as other:
            raise CommandError(f"{decision_run}: {other}") from other
        figures = {
            "run": decision_run.pk,
            "as_of": decision_run.as_of,
            "version": decision_run.decision_version,
            "decisions": result.n_decisions,
            "differing": len(result.differing),
            "missing": len(result.missing),
            "customers": (result.differing + result.missing)[:10],
        }
        if result.differing or result.missing:
            self.show(figures)
            raise CommandError("The replay differs from the stored decisions.")
        return figures

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Avg, Count

from optiengine.lib.command import FiguresCommand, iso_date
from segments.models import CustomerState, SegmentMove, Stage
from segments.state.build_state import build_state
from segments.state.features import FeatureError


class Command(FiguresCommand):
    help = "Compute every customer's features, value, stage and micro-segment as of a day."
    columns = {
        "as_of": "the last day; events before that day began count",
        "n_days": "days built",
        "n_customers": "customers with a state on the last day",
        "n_features": "features per customer",
        "n_micro_segments": "micro-segments with at least one customer on the last day",
        "n_moves": "customers whose micro-segment changed on the last day",
        "clv_cents": "mean predicted value per customer, in cents; empty without customers",
        "value_model": "whether values come from fitted models (else from the mean of buyers)",
        **{f"n_{stage}": f"customers in the stage “{stage}”" for stage in Stage.values},
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=iso_date, required=True, help="First day, YYYY-MM-DD.")
        parser.add_argument("--days", type=int, default=1, help="Number of days (default 1).")
        parser.add_argument(
            "--seed",
            type=int,
            default=0,
            help="Seed of the value models and clusters, if they are fitted again.",
        )

    def compute(self, **options: Any) -> Mapping[str, Any]:
        if options["days"] < 1:
            raise CommandError("--days must be at least 1.")
        try:
            for day in range(options["days"]):
                build = build_state(options["as_of"] + timedelta(days=day), seed=options["seed"])
        except FeatureError as error:
            raise CommandError(str(error)) from error
        states = CustomerState.objects.filter(as_of=build.as_of)
        by_stage = dict(states.values_list("stage").annotate(n=Count("pk")))
        return {
            "as_of": build.as_of,
            "n_days": options["days"],
            "n_customers": build.n_customers,
            "n_features": len(build.feature_set.names),
            "n_micro_segments": states.values("micro_segment").distinct().count(),
            "n_moves": SegmentMove.objects.filter(moved_on=build.as_of).count(),
            "clv_cents": states.aggregate(mean=Avg("clv_cents"))["mean"],
            "value_model": build.clv_model_id is not None,
            **{f"n_{stage}": by_stage.get(stage, 0) for stage in Stage.values},
        }

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from journeys.errors import JourneyError
from journeys.learning.split_segments import split_segments
from journeys.models import SplitAttempt
from optiengine.lib.command import FiguresCommand, iso_date
from segments.models import MicroSegment
from segments.state.split_segment import cut_in_words

Result = SplitAttempt.Result


class Command(FiguresCommand):
    help = (
        "Try to split each micro-segment where campaigns work differently on both sides of a cut:\n"
        "one look a week for each, of outcomes up to the day. A daily run does it once a week by\n"
        "itself. At most 5 % of micro-segments are split in a year where nothing is to be found."
    )
    columns = {
        "as_of": "the day; its state must have been built, and splits hold from the next on",
        "attempts": "micro-segments looked at; 0 where all were within the week before",
        "waiting": "of them with too few new contacts for a look",
        "nothing": "looked at, and nothing found",
        "split": "split in two",
        "frozen": "micro-segments left alone because they are frozen",
        "splits": "what was split, where",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=iso_date, required=True, help="The day, YYYY-MM-DD.")

    def compute(self, **options: Any) -> Mapping[str, Any]:
        as_of = options["as_of"]
        try:
            with tqdm(unit="segment", disable=None) as bar:
                tried = split_segments(as_of, tell=lambda name: bar.update())
        except JourneyError as refused:
            raise CommandError(f"{as_of}: {refused}") from refused
        return {
            "as_of": as_of,
            "attempts": len(tried.attempts),
            **{str(result): tried.count(result) for result in Result.values},
            "frozen": MicroSegment.objects.filter(is_frozen=True, retired_on=None).count(),
            "splits": [
                f"{split.parent}: {cut_in_words(split.feature, split.threshold)[1]}"
                for split in tried.splits
            ],
        }

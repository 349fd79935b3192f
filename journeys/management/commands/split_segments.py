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
        "Try to split each micro-segment in which messages work differently on both sides of a\n"
        "cut, from outcomes up to the day. run_day does this once a week; each micro-segment is\n"
        "looked at once a week at most. Where there is nothing to find, at most 5 % of\n"
        "micro-segments are split in a year."
    )
    columns = {
        "as_of": "the day; its state must have been built; splits hold from the next day on",
        "attempts": "micro-segments looked at; 0 if all were looked at within the last week",
        "waiting": "of these, with too few new messages since the last look",
        "nothing": "of these, without a difference",
        "split": "of these, split in two",
        "frozen": "micro-segments not looked at because they are frozen",
        "splits": "each micro-segment that was split, with its cut",
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

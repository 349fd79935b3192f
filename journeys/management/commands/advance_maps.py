from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from journeys.jobs.advance_travellers import advance_travellers
from journeys.management.commands.deliver import aware_moment, whole_number
from journeys.maps.enter_maps import enter_maps
from optiengine.lib.command import FiguresCommand, iso_date
from optiengine.lib.worker import worker_name
from segments.models import Organisation


class Command(FiguresCommand):
    help = (
        "Let customers enter the active journeys and move all participants who are due, as the\n"
        "workers do every minute. Several may run at the same time."
    )
    columns = {
        "entered": "journeys begun",
        "woken": "waiting participants who were checked because of an event or the exit rule",
        "looked_at": "participants who were due",
        "passages": "steps completed",
        "done": "journeys ended",
        "decided": "customers for whom an immediate message was decided",
        "parked": "participants stopped by an error",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        moment = parser.add_mutually_exclusive_group()
        moment.add_argument(
            "--as-of", type=iso_date, metavar="DATE", help="Move as if it were 09:00 of this day."
        )
        moment.add_argument(
            "--now",
            type=aware_moment,
            metavar="MOMENT",
            help="Move as if it were this moment, for example 2026-03-01T09:00+01:00.",
        )
        parser.add_argument("--limit", type=whole_number, help="At most this many participants.")

    def compute(self, **options: Any) -> Mapping[str, Any]:
        now = options["now"] or timezone.now()
        if options["as_of"]:
            zone = Organisation.current().zone
            now = datetime.combine(options["as_of"], time(9), zone)
        counts = enter_maps(now) + advance_travellers(
            now, owner=worker_name(), limit=options["limit"]
        )
        return {name: counts[name] for name in self.columns}

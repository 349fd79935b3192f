from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from tqdm import tqdm

from journeys.decisions.reconcile_messages import reconcile_recent
from journeys.delivery.deliver_messages import deliver_messages
from optiengine.lib.command import FiguresCommand, iso_date
from optiengine.lib.worker import worker_name
from segments.channels import CHANNELS
from segments.models import Organisation


def aware_moment(text: str) -> datetime:
    """An argument's type: a moment with its offset from UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def whole_number(text: str) -> int:
    """An argument's type: 0, 1, 2 …"""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


class Command(FiguresCommand):
    help = (
        "Send what waits in the outbox. Any number of these commands and of workers may run at\n"
        "once. What a killed one was handing over by e-mail becomes unknown: settle it in the\n"
        "admin. The moment of sending is the present one unless --as-of or --now says otherwise."
    )
    columns = {
        "sent": "deliveries handed over",
        "failed": "deliveries refused for good, or five times",
        "unknown": "deliveries that may have arrived, nobody knows",
        "suppressed": "deliveries stopped by the last check: consent, address, campaign",
        "new": "deliveries put back to wait",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        moment = parser.add_mutually_exclusive_group()
        moment.add_argument(
            "--as-of", type=iso_date, metavar="DATE", help="Send as at 09:00 of this day."
        )
        moment.add_argument(
            "--now",
            type=aware_moment,
            metavar="MOMENT",
            help="Send as at this moment, for example 2026-03-01T09:00+01:00.",
        )
        parser.add_argument("--channel", choices=CHANNELS, help="This channel alone.")
        parser.add_argument("--limit", type=whole_number, help="At most so many deliveries.")

    def compute(self, **options: Any) -> Mapping[str, Any]:
        now = options["now"] or timezone.now()
        if options["as_of"]:
            zone = Organisation.current().zone
            now = datetime.combine(options["as_of"], time(9), zone)
        with tqdm(unit=" deliveries", desc="deliver", disable=None) as bar:
            counts = deliver_messages(
                now=now,
                channel=options["channel"],
                limit=options["limit"],
                owner=worker_name(),
                progress=bar.update,
            )
        reconcile_recent()
        return counts

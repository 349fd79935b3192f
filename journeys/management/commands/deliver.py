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
        "Send what waits in the outbox, as the workers do every minute. Several of these commands\n"
        "and any number of workers may run at the same time. If one is killed while it hands over\n"
        "e-mails, these become “unknown”: settle them in the admin."
    )
    columns = {
        "sent": "messages handed over",
        "failed": "messages refused permanently, or after five attempts",
        "unknown": "messages that may or may not have arrived",
        "suppressed": "messages stopped by the last check: consent, address, campaign",
        "new": "messages put back into the outbox",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        moment = parser.add_mutually_exclusive_group()
        moment.add_argument(
            "--as-of", type=iso_date, metavar="DATE", help="Send as if it were 09:00 of this day."
        )
        moment.add_argument(
            "--now",
            type=aware_moment,
            metavar="MOMENT",
            help="Send as if it were this moment, for example 2026-03-01T09:00+01:00.",
        )
        parser.add_argument("--channel", choices=CHANNELS, help="Only this channel.")
        parser.add_argument("--limit", type=whole_number, help="At most this many messages.")

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

"""Turns the clock: a month of ticks, each with its events, tasks and faults.

    python -m optiengine.lab.bench.month.conductor EXTENT

with DJANGO_SETTINGS_MODULE=optiengine.lab.bench.month.settings, MONTH_FOLDER and MONTH_DATABASE.
All work of the engine is done by its cluster and web server; between two ticks nothing is under
way.
"""

import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
RUN_AT = time(9)  # of the organisation, when the day's run is asked for
# After it: before the lock time, when mail leaves, and when marketers and customers do something.
AROUND_RUN = (
    *(timedelta(minutes=15), timedelta(minutes=31), timedelta(minutes=45)),
    *(3 * HOUR, 6 * HOUR, 9 * HOUR),
)
LAST_DAY = date(2026, 3, 31)  # after the change of clocks in Europe, on the 29th


@dataclass(frozen=True)
class Extent:
    n_customers: int = 300
    n_days: int = 4
    seed: int = 1
    drain_days: int = 2  # afterwards, without runs, until what waits has left or expired
    tick_hours: int = 1
    run_kills: tuple[int, ...] = ()  # days on which a worker is killed while it decides
    delivery_kills: tuple[int, ...] = ()  # and while it hands over
    sabotage: str = ""  # Django app that spoils the engine from the last day on

    @property
    def start(self) -> date:
        return LAST_DAY - timedelta(days=self.n_days)


def main(extent: Extent) -> None:
    import django

    django.setup()
    from optiengine.lab.bench.month.live import Month

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Month(extent, Path(os.environ["MONTH_FOLDER"])).live()


def ticks_of(day: date, zone: ZoneInfo, *, hours: int) -> list[datetime]:
    """Every so many hours, and closer around the run."""
    start = datetime.combine(day, time(), UTC)
    run = run_moment(day, zone)
    moments = {start + HOUR * n for n in range(0, 24, hours)}
    return sorted(moments | {run} | {run + later for later in AROUND_RUN})


def run_moment(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, RUN_AT, zone).astimezone(UTC)


def as_argument(extent: Extent) -> str:
    return json.dumps(asdict(extent))


if __name__ == "__main__":
    from optiengine.lab.bench.month.clock import clock_of_environment

    extent = Extent(**json.loads(sys.argv[1]))
    clock_of_environment().set(datetime.combine(extent.start, time(), UTC) - 2 * HOUR)
    threading.current_thread().name = "conductor"
    main(extent)

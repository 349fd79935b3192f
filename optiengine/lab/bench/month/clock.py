"""One simulated clock for several processes: set by the conductor, running on like a real one."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path


class SharedClock:
    """Says how late it is, by a file: a moment, and the reading of the machine's clock at it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(self, moment: datetime) -> None:
        part = self.path.with_suffix(".part")
        part.write_text(f"{moment.timestamp()!r} {time.monotonic()!r}")
        part.rename(self.path)

    def now(self) -> datetime:
        moment, reading = self.path.read_text().split()
        # The monotonic clock is one for all processes of a machine.
        passed = time.monotonic() - float(reading)
        return datetime.fromtimestamp(float(moment) + passed, UTC)


def clock_of_environment() -> SharedClock:
    return SharedClock(Path(os.environ["MONTH_FOLDER"]) / "clock")

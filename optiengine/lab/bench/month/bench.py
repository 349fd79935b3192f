"""`manage.py bench --only month`: live the month, then check it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

from optiengine.lab.bench.month.check import check_month
from optiengine.lab.bench.month.conductor import Extent, as_argument
from optiengine.lab.bench.parallel import is_installed
from optiengine.lab.bench.process import ENV, BenchFailed
from reports.ledger_check.check_ledger import N_EXAMPLES
from reports.ledger_check.findings import Finding

N_CUSTOMERS, N_DAYS = 20_000, 30
KILLS_FROM = 2_000  # customers: with fewer, a run is over before a worker can be killed in it
COLUMNS = {
    "month_customers, _days": "of the simulated month that is lived, then checked",
    "month_messages": "that reached customers, by channel; controls: withheld ones",
    "month_rules": "checked cases, times that a rule mattered, violations",
    "month_examples": "of violations, at most three of a rule",
    "month_untested": "rules that never mattered: of those nothing is proven",
    "month_checks": "checked cases of all rules",
    "month_violations": "of all rules",
    "month_live_minutes": "to live it, in real time",
    "month_check_seconds": "to check it",
}
MESSAGES = """
SELECT channel, count(*) FILTER (WHERE status = 'sent') FROM journeys_delivery GROUP BY 1
UNION ALL SELECT 'controls', count(*) FROM journeys_contact WHERE is_control ORDER BY 1
"""


def extent_of(n_customers: int, n_days: int, seed: int) -> Extent:
    """With a few workers killed, where the town is large enough."""
    runs = (n_days // 10, n_days // 2) if n_customers >= KILLS_FROM else ()
    return Extent(n_customers, n_days, seed, run_kills=runs, delivery_kills=(1, 2 * n_days // 3))


def bench_month(
    database: str,
    folder: Path,
    *,
    n: int | None,
    n_days: int = N_DAYS,
    seed: int = 1,
    step: Callable[[str], None],
) -> dict[str, Any]:
    """Live and check; n : customers. Steps: one for each day, and one more."""
    extent, began = extent_of(n or N_CUSTOMERS, n_days, seed), time.perf_counter()
    live_month(database, folder, extent=extent, step=step)
    lived = time.perf_counter()
    findings = check_month(folder)
    return {
        "month_customers": extent.n_customers,
        "month_days": extent.n_days,
        **figures(findings),
        "month_live_minutes": round((lived - began) / 60, 1),
        "month_check_seconds": round(time.perf_counter() - lived, 1),
    }


def live_month(
    database: str, folder: Path, *, extent: Extent, step: Callable[[str], None] = lambda _: None
) -> None:
    """In processes of their own, on a clock of their own. Raises BenchFailed."""
    if not is_installed("aiosmtpd"):
        raise BenchFailed("The month needs a mail server: install requirements-bench.txt.")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **ENV,
        "DJANGO_SETTINGS_MODULE": "optiengine.lab.bench.month.settings",
        "MONTH_DATABASE": database,
        "MONTH_FOLDER": str(folder),
        "DATA_DIR": str(folder / "data"),
        # Nobody relies on a simulated message: a power cut may cost the last second.
        "PGOPTIONS": "-c synchronous_commit=off",
    }
    command = [sys.executable, "-m", "optiengine.lab.bench.month.conductor", as_argument(extent)]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            for line in process.stdout or ():
                step(line.strip())
            if process.wait():
                raise BenchFailed(f"The month stopped with status {process.returncode}.")
        finally:
            process.terminate()
            connection.close()


def figures(findings: list[Finding]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(MESSAGES)
        messages = {channel: n for channel, n in cursor.fetchall() if n}
    return {
        "month_messages": messages,
        "month_rules": [
            {
                "rule": finding.name,
                "checked": finding.n_checked,
                "mattered": finding.n_tested,
                "violated": finding.n_violated,
            }
            for finding in findings
        ],
        "month_examples": [
            f"{finding.name}: {at:%Y-%m-%d %H:%M:%S} {text}"
            for finding in findings
            for at, text in finding.violations[:N_EXAMPLES]
        ],
        "month_untested": [finding.name for finding in findings if not finding.n_tested],
        "month_checks": sum(finding.n_checked for finding in findings),
        "month_violations": sum(finding.n_violated for finding in findings),
    }

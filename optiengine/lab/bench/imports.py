"""How long an import of customers takes, beside the least that PostgreSQL needs for its rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from optiengine.lab.bench.customers_file import HEADER, write_customers
from optiengine.lab.bench.process import BenchFailed, Measured, measure
from segments.imports.import_file import create_import, run_import

N_ROWS = 1_000_000
N_STEPS = 7
ODD_SHARE = 0.05
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
COLUMNS = {
    "import_rows": "rows of the generated file, 13 columns",
    "import_seconds": "wall time of its first import: all rows are new",
    "import_rows_per_second": "of the first import",
    "import_peak_mb": "most memory of the importing process, in MiB",
    "import_again_seconds": "wall time of the same file again: no row is new",
    "import_again_peak_mb": "memory of that",
    "import_odd_seconds": "wall time of the same customers, new again, with 5 % odd cells",
    "import_odd_ratio": "import_odd_seconds / import_seconds",
    "import_limit_seconds": "bare COPY into a staging table and one INSERT … ON CONFLICT of the\n"
    + " " * 27
    + "same columns, unchecked; mean of once before and once after ours",
    "import_ratio": "import_seconds / import_limit_seconds",
}

# The same customers as ours, by what the file is known to hold: no check, no report, no proof of
# consent, nothing that could be refused.
LIMIT = """
INSERT INTO import_limit (external_id, email, phone, first_name, last_name, country, time_zone,
    language, birth_date, registered_on, consents, attributes, suppressed, created_at, updated_at)
SELECT customer_id, email, phone, first_name, last_name, country, timezone, language,
    birth_date::date, registered_on::date,
    array_remove(ARRAY[CASE WHEN consent_email IN ('yes', 'true', '1') THEN 'email' END,
                       CASE WHEN consent_sms IN ('yes', 'true', '1') THEN 'sms' END], NULL),
    jsonb_build_object('loyalty_points', loyalty_points::int), false, %(at)s, %(at)s
FROM import_limit_staged
ON CONFLICT (external_id) DO UPDATE SET email = excluded.email, phone = excluded.phone,
    first_name = excluded.first_name, last_name = excluded.last_name, country = excluded.country,
    time_zone = excluded.time_zone, language = excluded.language,
    birth_date = excluded.birth_date, registered_on = excluded.registered_on,
    consents = excluded.consents, attributes = excluded.attributes,
    updated_at = excluded.updated_at
"""


def bench_import(
    database: str, folder: Path, *, n: int | None, step: Callable[[str], None]
) -> dict[str, Any]:
    """Import a generated file of n rows twice; returns the figures of COLUMNS."""
    n, path = n or N_ROWS, folder / "customers.csv"
    step("file")
    write_customers(path, n)

    def measured(task: str) -> Measured:
        return measure(database, folder, task, path=str(path))

    step("limit")
    before = measured("import_limit")
    step("import")
    first = measured("import")
    step("limit")
    after = measured("import_limit")
    step("again")
    again = measured("import")
    step("odd file")
    write_customers(path, n, odd_share=ODD_SHARE)
    measured("import_forget")
    step("odd import")
    odd = measured("import")
    path.unlink()
    outcomes = ((first, "n_created"), (again, "n_unchanged"), (odd, "n_created"))
    for done, outcome in outcomes:
        if done.found[0][outcome] != n:
            raise BenchFailed(f"Of {n} rows {done.found[0][outcome]} were {outcome}.")
    limit = (before.seconds + after.seconds) / 2
    return {
        "import_rows": n,
        "import_seconds": round(first.seconds, 2),
        "import_rows_per_second": round(n / first.seconds),
        "import_peak_mb": round(first.peak_mb, 1),
        "import_again_seconds": round(again.seconds, 2),
        "import_again_peak_mb": round(again.peak_mb, 1),
        "import_odd_seconds": round(odd.seconds, 2),
        "import_odd_ratio": round(odd.seconds / first.seconds, 2),
        "import_limit_seconds": round(limit, 2),
        "import_ratio": round(first.seconds / limit, 2),
    }


def task_import(path: str) -> dict[str, int]:
    job = run_import(create_import(kind="customers", path=path, at=AT))
    if job.error:
        raise BenchFailed(job.error)
    return {"n_created": job.n_created, "n_unchanged": job.n_unchanged}


def task_import_forget(path: str) -> None:
    """No customers, as before the first import."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE segments_customer CASCADE")


def task_import_limit(path: str) -> None:
    """Into a table like ours, with the same indexes, in one transaction as ours."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS import_limit")
        cursor.execute("CREATE TABLE import_limit (LIKE segments_customer INCLUDING ALL)")
        columns = ", ".join(f"{name} text" for name in HEADER)
        cursor.execute(f"CREATE TEMPORARY TABLE import_limit_staged ({columns})")
        with transaction.atomic():
            statement = "COPY import_limit_staged FROM STDIN (FORMAT csv, HEADER)"
            with Path(path).open("rb") as file, cursor.copy(statement) as copy:
                while chunk := file.read(1 << 20):
                    copy.write(chunk)
            cursor.execute(LIMIT, {"at": AT})

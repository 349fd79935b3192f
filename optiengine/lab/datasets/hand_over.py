"""Tables of a data set, handed to the import services as CSV files."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from django.db import connection

from segments.errors import ImportRefused
from segments.imports.import_file import create_import, run_import
from segments.imports.spec import ImportOptions
from segments.models import Customer, ImportJob

STRICT = ImportOptions(strict=True)


def hand_over(kind: str, table: pd.DataFrame, *, source: str, at: datetime) -> ImportJob:
    """Import a table, of which every row has to be good. Raises ImportRefused otherwise."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{source}-{kind}.csv"
        table.to_csv(path, index=False)
        job = create_import(kind=kind, path=path, source=source, options=STRICT, at=at)
        job = run_import(job)
    if job.status != ImportJob.Status.DONE or job.n_rejected:
        raise ImportRefused(job.error or f"{job.n_rejected} {kind} rejected: {job.rejected_path}")
    return job


def refuse_foreign_customers(prefix: str) -> None:
    """A data set goes into a database of its own. Raises ImportRefused."""
    if foreign := Customer.objects.exclude(external_id__startswith=prefix).first():
        raise ImportRefused(
            f"This database already holds other customers, {foreign} for one: "
            "name an empty one in DATABASE_URL."
        )


def refresh_statistics() -> None:
    """Tell the planner what came in; autovacuum would, but later than the next step."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE segments_customer, segments_event, journeys_contact")

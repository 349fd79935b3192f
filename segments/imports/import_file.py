"""The import of a file: one path for every kind, which can be repeated and accounts for each row.

    preview(path, kind)         what the file looks like and what would be refused of its first rows
    create_import(...)          the job, with the file's fingerprint, format and mapping
    run_import(job)             stage, check, merge: all of it or nothing

A failed or killed import has changed nothing: its job can be run again.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.events.waiting_facts import ATTACHERS
from segments.imports.cell_warnings import (
    CellWarnings,
    count_warnings,
    gather_warned,
    warned_rows,
)
from segments.imports.file_format import FileFormat, detect_format
from segments.imports.make_plan import make_plan, require_columns
from segments.imports.open_file import fingerprint, modified_at
from segments.imports.progress import Progress
from segments.imports.rejected_file import ERROR, WITHDRAWN, write_rejected
from segments.imports.respell_columns import refuse_open_questions, respell_columns
from segments.imports.spec import (
    ImportCounts,
    ImportOptions,
    RacedByOthers,
    spec_of,
)
from segments.imports.staging import (
    check,
    leave_rows_out,
    set_repeats_aside,
    settle_repeats,
    stage,
    staging_session,
)
from segments.imports.undo_import import draw_marks
from segments.models import ImportJob

Status = ImportJob.Status

MAX_RACES = 5  # attempts to merge while others write the same rows


def create_import(
    *,
    kind: str,
    path: Path | str,
    file_name: str = "",
    mode: str = "upsert",
    mapping: Mapping[str, str] | None = None,
    source: str = "file",
    options: ImportOptions | None = None,
    encoding: str = "",
    sheet: str = "",
    header_line: int = 0,
    by: Any = None,
    at: datetime,
    made_at: datetime | None = None,
    suggest_for: Collection[str] | None = None,
) -> ImportJob:
    """A job that waits to be run, with all that was found out. Raises ImportRefused.

    made_at : when the file was made, which is when it says what it says about consents; by default
    the modification time of the file. suggest_for : columns for which a field is suggested where
    the mapping does not name them, by default all.
    """
    path, spec, options = Path(path).resolve(), spec_of(kind), options or ImportOptions()
    if mode not in ImportJob.Mode.values:
        raise ImportRefused(_("“%s” is not a valid mode. Use create, update or upsert.") % mode)
    if not 0 < len(source) <= 40:
        raise ImportRefused(_("The source needs a name of at most 40 characters."))
    file_format = detect_format(path, encoding=encoding, sheet=sheet, header_line=header_line)
    plan = make_plan(spec, file_format, mapping, options, at=at, suggest_for=suggest_for)
    require_columns(spec, plan, file_format)
    sha256, n_bytes = fingerprint(path)
    return ImportJob.objects.create(
        kind=kind,
        mode=mode,
        file_name=(file_name or path.name)[-255:],
        path=str(path),
        sha256=sha256,
        n_bytes=n_bytes,
        encoding=file_format.encoding,
        dialect=file_format.dialect(),
        mapping=dict(plan.mapping),
        options=options.as_json(),
        source=source,
        created_by=by,
        created_at=at,
        file_made_at=min(made_at or modified_at(path), at),
    )


def run_import(
    job: ImportJob,
    *,
    at: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportJob:
    """Import a job's file: all of it, with each row accounted for, or nothing.

    at : the moment that the rows are stored under; by default the job's creation. progress :
    called with the bytes read and their total. A job that is done, or was undone, is skipped. A
    file that cannot be imported makes the job failed, with the reason; so does a fault, which is
    raised too.
    """
    started, at = time.monotonic(), at or job.created_at
    with _only_here(job):
        job.refresh_from_db()
        if job.status in (Status.DONE, Status.UNDOING, Status.UNDONE):
            return job
        _save(job, status=Status.RUNNING, error="", n_bytes_read=0)
        try:
            _import(job, at, Progress(job, progress), started)
            for attach in ATTACHERS:
                attach(at=at)
        except ImportRefused as refusal:
            _save(job, status=Status.FAILED, error=str(refusal))
        except Exception as fault:
            _save(job, status=Status.FAILED, error=f"{type(fault).__name__}: {fault}")
            raise
    return job


def _import(job: ImportJob, at: datetime, progress: Progress, started: float) -> None:
    spec = spec_of(job.kind)
    file_format = FileFormat.from_job(job.encoding, job.dialect)
    options = ImportOptions.from_json(job.options)
    plan = make_plan(
        spec,
        file_format,
        job.mapping,
        options,
        at=at,
        source=job.source,
        mode=job.mode,
        is_final=True,
        made_at=job.file_made_at,
        job_id=job.pk,
    )
    rejected = Path(settings.DATA_DIR) / "imports" / f"{job.pk}-rejected.csv"
    with progress, staging_session(plan) as cursor:
        n_rows, sha256 = stage(
            cursor,
            Path(job.path),
            file_format,
            strict=options.strict,
            on_bytes=progress.update,
        )
        if sha256 != job.sha256:
            raise ImportRefused(_("The file has changed since it was uploaded."))
        n_left_out = leave_rows_out(cursor, plan)
        plan, columns = respell_columns(cursor, spec, plan)
        refuse_open_questions(columns)
        check(cursor, spec, plan)
        spec.prepare(cursor, plan)
        set_repeats_aside(cursor, spec, plan)
        for attempt in range(1, MAX_RACES + 1):
            try:
                with transaction.atomic():
                    cursor.execute(
                        "SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(%s))", [job.kind]
                    )
                    marks = {"before": draw_marks()}
                    counts = spec.merge(cursor, plan)
                    marks["after"] = draw_marks()
                    counts += ImportCounts(unchanged=settle_repeats(cursor))
                    gather_warned(cursor)
                    warnings = count_warnings(cursor, spec, plan)
                    n_listed = write_rejected(rejected, file_format, warned_rows(spec, plan))
                    _save_done(
                        job,
                        n_rows,
                        n_left_out,
                        counts,
                        n_listed,
                        warnings,
                        str(rejected) if any(n_listed.values()) else "",
                        finished_at=at + timedelta(seconds=time.monotonic() - started),
                        stored_at=at,
                        marks=marks,
                    )
                break
            except RacedByOthers:
                if attempt == MAX_RACES:
                    raise ImportRefused(
                        _("The same rows are being changed by others. Run the import again.")
                    ) from None


def _save_done(
    job: ImportJob,
    n_rows: int,
    n_left_out: int,
    counts: ImportCounts,
    n_listed: Mapping[str, int],
    warnings: list[CellWarnings],
    rejected_path: str,
    *,
    finished_at: datetime,
    stored_at: datetime,
    marks: Mapping[str, Any],
) -> None:
    _save(
        job,
        status=Status.DONE,
        n_rows=n_rows,
        n_created=counts.created,
        n_updated=counts.updated,
        n_unchanged=counts.unchanged,
        n_rejected=n_listed[ERROR],
        n_left_out=n_left_out,
        n_waiting=counts.waiting,
        n_kept_withdrawn=n_listed[WITHDRAWN],
        n_bytes_read=job.n_bytes,
        n_warnings=sum(warning.n_cells for warning in warnings),
        warnings=[warning.as_json() for warning in warnings],
        rejected_path=rejected_path,
        finished_at=finished_at,
        stored_at=stored_at,
        marks=marks,
    )


def _save(job: ImportJob, **values: Any) -> None:
    for name, value in values.items():
        setattr(job, name, value)
    job.save(update_fields=list(values))


@contextmanager
def _only_here(job: ImportJob) -> Iterator[None]:
    """One worker at a time runs a job; the lock goes with the connection of a worker that dies."""
    key: list[str | int] = ["import job", job.pk]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", key)
        if not cursor.fetchone()[0]:
            raise ImportRefused(_("Another worker is importing this file."))
        try:
            yield
        finally:
            if connection.is_usable() and not connection.needs_rollback:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)

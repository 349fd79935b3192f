"""Background work of this app."""

from django.utils import timezone

from segments.imports.import_file import run_import
from segments.models import ImportJob


def run_import_task(job_id: int) -> str:
    """Import one file. Woken twice it imports once; after a crash it starts from the beginning."""
    job = ImportJob.objects.get(pk=job_id)
    if job.status == ImportJob.Status.DONE:
        return f"{job} was already done"
    job = run_import(job, at=timezone.now())
    if job.status == ImportJob.Status.FAILED:
        return f"{job} failed: {job.error}"
    return (
        f"{job}: {job.n_rows} rows, {job.n_created} created, {job.n_updated} updated, "
        f"{job.n_unchanged} unchanged, {job.n_rejected} rejected"
    )

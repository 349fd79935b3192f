"""Background work of this app."""

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.events.waiting_facts import ATTACHERS, expire_waiting
from segments.imports.import_file import run_import
from segments.imports.undo_import import forget_before, undo_import
from segments.models import ImportJob


def run_import_task(job_id: int) -> str:
    """Import one file. Woken twice it imports once; after a crash it starts from the beginning."""
    job = ImportJob.objects.get(pk=job_id)
    if job.status == ImportJob.Status.DONE:
        return _("%s is already done.") % job
    job = run_import(job, at=timezone.now())
    if job.status == ImportJob.Status.FAILED:
        return _("%(job)s failed: %(error)s") % {"job": job, "error": job.error}
    text = _(
        "%(job)s: %(n_rows)d rows, %(n_created)d created, %(n_updated)d updated, "
        "%(n_unchanged)d unchanged, %(n_rejected)d rejected, %(n_left_out)d left out, "
        "%(n_waiting)d waiting, "
        "%(n_kept)d kept withdrawn"
    )
    return text % {
        "job": job,
        "n_rows": job.n_rows,
        "n_created": job.n_created,
        "n_updated": job.n_updated,
        "n_unchanged": job.n_unchanged,
        "n_rejected": job.n_rejected,
        "n_left_out": job.n_left_out,
        "n_waiting": job.n_waiting,
        "n_kept": job.n_kept_withdrawn,
    }


def settle_waiting() -> str:
    """Facts whose customers are known by now go to them, should they not have long ago; those that
    have waited too long expire."""
    at = timezone.now()
    forget_before(at=at)
    n_attached = sum(attach(at=at) for attach in ATTACHERS)
    return _("%(attached)d stored, %(expired)d expired") % {
        "attached": n_attached,
        "expired": expire_waiting(at=at),
    }


def undo_import_task(job_id: int, user_id: int | None) -> str:
    """Take an import back. Where that fails, the import stays as it is, with the reason."""
    job = ImportJob.objects.get(pk=job_id)
    by = get_user_model().objects.filter(pk=user_id).first() if user_id else None
    try:
        n_kept = undo_import(job, at=timezone.now(), by=by)
    except Exception as fault:
        text = str(fault) if isinstance(fault, ImportRefused) else f"{type(fault).__name__}"
        waiting = ImportJob.objects.filter(pk=job_id, status=ImportJob.Status.UNDOING)
        waiting.update(status=ImportJob.Status.DONE, error=_("Not undone: %s") % text)
        if isinstance(fault, ImportRefused):
            return text
        raise
    return _("%(job)s is undone; %(n)d rows changed since keep their values.") % {
        "job": job,
        "n": n_kept,
    }

"""The dry run of an approval is queued on request; a worker makes it and keeps it."""

from django.db import transaction
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from campaigns.errors import CampaignError
from campaigns.models import Approval
from journeys.errors import JourneyError
from journeys.explain.dry_run import dry_run
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError

TASK = "journeys.tasks.dry_run_task"
DryRun = Approval.DryRun


@transaction.atomic
def queue_dry_run(approval: Approval) -> None:
    """Let a worker compute what the approval would do; a repeated request computes it again."""
    rows = Approval.objects.filter(pk=approval.pk)
    rows.update(dry_run_status=DryRun.WAITING, dry_run_error="", n_done=0, n_steps=0)
    async_task(TASK, approval.pk, task_name=f"dry run {approval.pk}")


def make_dry_run(approval: Approval) -> Approval:
    """Try what an approval would do and keep the result. It only reads, so it may run again."""
    rows = Approval.objects.filter(pk=approval.pk)
    rows.update(dry_run_status=DryRun.RUNNING, n_done=0, n_steps=0, dry_run_error="")

    def tell(done: int, of: int) -> None:
        rows.update(n_done=done, n_steps=of)

    try:
        report = dry_run(approval, progress=tell)
    except (CampaignError, JourneyError, RuleError) as error:
        text = problem_in_words(error) if isinstance(error, RuleError) else str(error)
        rows.update(dry_run_status=DryRun.FAILED, dry_run_error=text)
    except Exception as error:
        text = _("Failed: %s. See Failed tasks for details.") % type(error).__name__
        rows.update(dry_run_status=DryRun.FAILED, dry_run_error=text)
        raise
    else:
        rows.update(dry_run_status=DryRun.DONE, dry_run=report)
    approval.refresh_from_db()
    return approval

"""The end of a run: every customer accounted for, in SQL."""

from django.db import connection, transaction
from django.utils.translation import gettext as _

from journeys.errors import OtherDecisionVersion
from journeys.learning.record_mix import record_mix
from journeys.models import DecisionChunk, DecisionRun

MAX_QUARANTINED = 20  # customers of a run; with more of them the run has failed

COUNTS = """
SELECT count(*) AS decided,
       count(campaign_id) AS contacts,
       count(*) FILTER (WHERE is_control) AS controls,
       count(*) FILTER (WHERE campaign_id IS NULL) AS none,
       count(*) FILTER (WHERE layer = 'held') AS held,
       count(*) FILTER (WHERE layer = 'ranked') AS ranked,
       count(*) FILTER (WHERE layer = 'journey') AS journey,
       count(*) FILTER (WHERE layer = 'auto') AS auto,
       count(*) FILTER (WHERE layer = 'baseline') AS baseline
FROM journeys_decision WHERE run_id = %(run)s AND as_of = %(as_of)s
"""
# A run that still has something to decide, with nobody at work on it.
ABANDONED = """
UPDATE journeys_decisionrun r SET status = 'failed', error = %(error)s
WHERE r.id = %(run)s AND r.status = 'running'
  AND EXISTS (SELECT FROM journeys_decisionchunk c WHERE c.run_id = r.id AND NOT c.done)
  AND NOT EXISTS (SELECT FROM journeys_decisionchunk c
                  WHERE c.run_id = r.id AND c.lease_until > clock_timestamp())
"""


def finish_run(run_id: int) -> DecisionRun:
    """Close a run whose chunks are all done, once, with its reconciled counts.

    eligible = decided + quarantined, counted from the rows; a run for which that is not so is
    marked as failed and says by how many. A run with open chunks is returned as it is.
    """
    with transaction.atomic():
        run = DecisionRun.objects.select_for_update().get(pk=run_id)
        chunks = DecisionChunk.objects.filter(run=run)
        if run.status != DecisionRun.Status.RUNNING or chunks.filter(done=False).exists():
            return run
        quarantined = chunks.exclude(error="").count()
        with connection.cursor() as cursor:
            cursor.execute(COUNTS, {"run": run.pk, "as_of": run.as_of})
            counts = dict(
                zip([column.name for column in cursor.description], cursor.fetchone(), strict=True)
            )
        run.counts = {"eligible": run.n_customers, **counts, "quarantined": quarantined}
        missing = run.n_customers - counts["decided"] - quarantined
        run.error = _error(missing, quarantined, run.n_customers)
        run.status = DecisionRun.Status.FAILED if run.error else DecisionRun.Status.DONE
        run.save(update_fields=["counts", "status", "error"])
        record_mix(run.as_of)
    return run


def give_up(run_id: int) -> bool:
    """Fail a run in which too many customers could not be decided; says whether it has failed.

    A few poisoned customers are quarantined; many mean that the fault is ours, and splitting every
    chunk down to one customer would only repeat it. Once mended, the run can be started again.
    """
    quarantined = DecisionChunk.objects.filter(run=run_id, done=True).exclude(error="")
    last = quarantined.order_by("pk").last()
    if last is None or quarantined.count() < MAX_QUARANTINED:
        return False
    DecisionRun.objects.filter(pk=run_id, status=DecisionRun.Status.RUNNING).update(
        status=DecisionRun.Status.FAILED,
        error=_("%(n)d customers could not be decided. Last error: %(error)s")
        % {"n": MAX_QUARANTINED, "error": last.error},
    )
    return True


def leave_to_other_version(run_id: int) -> bool:
    """Whether a run was begun by other numerics: decided half by ours, it could not be replayed.

    While workers of its version are busy with it, it goes on. Without any, it has failed.
    """
    run = DecisionRun.objects.only("decision_version").get(pk=run_id)
    if run.is_of_this_version:
        return False
    reason = _("%(versions)s Customers who had not been decided are left out.") % {
        "versions": OtherDecisionVersion(run.decision_version)
    }
    with connection.cursor() as cursor:
        cursor.execute(ABANDONED, {"run": run_id, "error": reason})
    return True


def _error(missing: int, quarantined: int, n_customers: int) -> str:
    if missing:
        return _("The balance is off by %d customers.") % missing
    if n_customers and quarantined == n_customers:  # of very few
        return _("No customer could be decided. See the failing chunks.")
    return ""

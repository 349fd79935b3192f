"""The beginning of a run: its inputs are pinned, its chunks laid out."""

from dataclasses import replace
from datetime import date, datetime, time
from hashlib import blake2b

from django.db import connection, transaction
from django.utils.translation import gettext as _

from campaigns.numerics.rulebook import Rulebook
from campaigns.services.assign_arms import assign_arms
from campaigns.services.load_rulebook import load_rulebook
from journeys.decision_version import current_version
from journeys.decisions.newest_pair import newest_pair
from journeys.decisions.price_run import price_run
from journeys.errors import StaleState
from journeys.models import DecisionRun
from optiengine.lib.partitions import ensure_partitions
from segments.customers.share_withdrawals import share_withdrawals
from segments.customers.shared_addresses import refresh_shared_addresses
from segments.models import Organisation, StateBuild
from segments.models.customer import BLOCK_BITS

DECISION_TIME = time(9)  # local; the moment that windows of caps are counted for
TABLES = ("journeys_decision", "journeys_contact", "journeys_delivery", "journeys_outcome")


def request_run(
    as_of: date, *, seed: int | None = None, decided_at: datetime | None = None
) -> DecisionRun:
    """The day's run, made if there is none: asking twice, or from two places, gives one run."""
    zone = Organisation.current().zone
    run, _made = DecisionRun.objects.get_or_create(
        as_of=as_of,
        kind=DecisionRun.Kind.DAILY,
        defaults={
            "decided_at": decided_at or datetime.combine(as_of, DECISION_TIME, zone),
            "seed": default_seed(as_of) if seed is None else seed,
        },
    )
    return run


def default_seed(as_of: date) -> int:
    """A day's own seed: the same day decides the same on every machine."""
    return int.from_bytes(blake2b(as_of.isoformat().encode(), digest_size=7).digest(), "big")


def start_run(run: DecisionRun) -> DecisionRun:
    """Pin rulebook, state, model, arms and prices, and lay out the chunks; a started run stays.

    A campaign whose target group asks for a feature that the state does not hold is not decided.

    Of a run that failed after it had started, what could not be decided is opened again, on the
    inputs that were pinned the first time.

    When the customers' state of the day has not been built, or nothing has been learned for it,
    only campaigns that are to run anyway are decided, on the latest that there is: all of them
    if a user requested it. Without any, raises StaleState. The run says so, and can be started
    again once they are there.
    """
    if run.state_id:
        return _open_again(run)
    pair, book = newest_pair(run.as_of), load_rulebook(run.as_of)
    is_fresh = pair is not None and pair[0].as_of == pair[1].as_of == run.as_of
    if not is_fresh and not run.run_anyway_by:
        book = replace(book, is_stale=True)
    may_run = is_fresh or run.run_anyway_by or any(c.run_anyway for c in book.campaigns)
    if pair is None or not may_run:
        state = StateBuild.objects.filter(as_of__lte=run.as_of).order_by("-as_of").first()
        reason = _("Not run: customer data is from %(day)s, not from %(as_of)s.") % {
            "day": state.as_of if state else "–",
            "as_of": run.as_of,
        }
        if state and state.as_of == run.as_of:
            reason = _("Not run: there is no model for %(as_of)s.") % {"as_of": run.as_of}
        DecisionRun.objects.filter(pk=run.pk, status__in=["waiting", "failed", "not_run"]).update(
            status=DecisionRun.Status.NOT_RUN, error=reason
        )
        raise StaleState(reason)
    state, model = pair
    refresh_shared_addresses(at=run.decided_at)
    share_withdrawals(at=run.decided_at)
    for table in TABLES:
        ensure_partitions(table, run.as_of, run.as_of)
    with transaction.atomic():
        run = DecisionRun.objects.select_for_update().get(pk=run.pk)
        if run.state_id:  # another worker was quicker
            return run
        run.decision_version = current_version()  # it may have waited while we were upgraded
        run.plan = assign_arms(run.as_of)
        run.rulebook = book.over(state.feature_set.names).to_json()
        run.state, run.model = state, model
        run.n_customers = _lay_out_chunks(run, state)
        price_run(run)
        run.status, run.error = DecisionRun.Status.RUNNING, ""
        run.save()
    return run


@transaction.atomic
def repeat_run(before: DecisionRun) -> DecisionRun:
    """A run in the place of one that was taken back: the same but for the rules of the moment."""
    assert before.state is not None
    run = DecisionRun(
        as_of=before.as_of,
        decided_at=before.decided_at,
        seed=before.seed,
        plan=before.plan,
        state=before.state,
        model=before.model,
        run_anyway_by=before.run_anyway_by,
    )
    is_stale = Rulebook.from_json(before.rulebook).is_stale
    book = load_rulebook(run.as_of).over(before.state.feature_set.names)
    run.rulebook = replace(book, is_stale=is_stale).to_json()
    run.status = DecisionRun.Status.RUNNING
    run.save()
    run.n_customers = _lay_out_chunks(run, before.state)
    price_run(run)
    run.save()
    return run


@transaction.atomic
def _open_again(run: DecisionRun) -> DecisionRun:
    run = DecisionRun.objects.select_for_update().get(pk=run.pk)
    if run.status == DecisionRun.Status.FAILED:
        run.chunks.exclude(error="").update(done=False, attempts=0, lease_until=None)
        run.status, run.error = DecisionRun.Status.RUNNING, ""
        run.save(update_fields=["status", "error"])
    return run


def _lay_out_chunks(run: DecisionRun, state: StateBuild) -> int:
    """One chunk for each block of ids that holds a customer; returns how many customers."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO journeys_decisionchunk
                (run_id, first_id, last_id, owner, fence, attempts, done, n_decisions, error)
            SELECT %(run)s, min(customer_id), max(customer_id), '', 0, 0, false, 0, ''
            FROM segments_customerstate WHERE as_of = %(as_of)s
            GROUP BY customer_id >> %(bits)s
            """,
            {"run": run.pk, "as_of": state.as_of, "bits": BLOCK_BITS},
        )
        cursor.execute(
            "SELECT count(*) FROM segments_customerstate WHERE as_of = %s", [state.as_of]
        )
        return cursor.fetchone()[0]

"""A day that is decided anew, by the rules of the moment, while none of its messages has left."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from campaigns.models import Campaign
from journeys.decisions.plan_moments import earliest
from journeys.decisions.save_decisions import DecisionContext
from journeys.decisions.start_run import repeat_run
from journeys.errors import RunRefused
from journeys.locks import lock_blocks
from journeys.models import (
    CapacityAccount,
    CapacityUse,
    Contact,
    DecisionChunk,
    DecisionRun,
    Delivery,
)
from segments.models import Organisation
from segments.models.customer import BLOCK_BITS

BATCH = 10_000
TASK = "journeys.tasks.decide_chunks"


def may_decide_again(run: DecisionRun, *, now: datetime) -> bool:
    """Whether it is time yet: the run is done, and its messages wait for the lock time."""
    is_done = run.kind == DecisionRun.Kind.DAILY and run.status == DecisionRun.Status.DONE
    return is_done and now < earliest(run)


@transaction.atomic
def decide_again(run: DecisionRun, *, now: datetime) -> DecisionRun:
    """Take back what a run decided, and queue the day to be decided by today's rules.

    State, model, arms and seed stay: only rules make a difference. Raises RunRefused once messages
    may leave, and where steps of journey maps were among the decisions: their travellers have
    gone on. Returns the run that takes its place.
    """
    run = DecisionRun.objects.select_for_update().get(pk=run.pk)
    if not may_decide_again(run, now=now):
        raise RunRefused(
            _("%s cannot be decided again: its messages can already be leaving.") % run
        )
    chunks = DecisionChunk.objects.filter(run=run)
    lock_blocks(first >> BLOCK_BITS for first in chunks.values_list("first_id", flat=True))
    contact_ids = _contacts_of(run)
    _expect_untouched(run, contact_ids)
    for some in _batches(contact_ids):
        Delivery.objects.filter(as_of=run.as_of, contact_id__in=some).delete()
        _delete_contacts(run, some)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM journeys_decision WHERE run_id = %s AND as_of = %s", [run.pk, run.as_of]
        )
    for use in CapacityUse.objects.filter(run=run):
        CapacityAccount.objects.filter(pk=use.account_id).update(used=F("used") - use.used)
    run.delete()
    again = repeat_run(run)
    async_task(TASK, again.pk)
    return again


def _contacts_of(run: DecisionRun) -> list[int]:
    """Those that the run made: their keys say so; real-time decisions of the day made others."""
    context = DecisionContext(run.pk, run.as_of, run.decided_at, Organisation.current().time_zone)
    rows = Contact.objects.filter(as_of=run.as_of, source=Contact.Source.DECISION)
    columns = rows.values_list("pk", "customer_id", "campaign_id", "channel", "key")
    return [
        pk
        for pk, customer_id, campaign_id, channel, key in columns.iterator(BATCH)
        if key == context.contact_key(customer_id, campaign_id, channel)
    ]


def _expect_untouched(run: DecisionRun, contact_ids: list[int]) -> None:
    steps = Campaign.objects.filter(recurrence=Campaign.Recurrence.STEP).values("pk")
    for some in _batches(contact_ids):
        contacts = Contact.objects.filter(as_of=run.as_of, pk__in=some)
        if contacts.filter(campaign__in=steps).exists():
            raise RunRefused(
                _(
                    "%s cannot be decided again: journey steps were decided in it and "
                    "their participants have moved on."
                )
                % run
            )
        deliveries = Delivery.objects.filter(as_of=run.as_of, contact_id__in=some)
        if deliveries.exclude(status=Delivery.Status.NEW).exists():
            raise RunRefused(_("Messages of %s have already left.") % run)


def _batches(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _delete_contacts(run: DecisionRun, ids: Sequence[int]) -> None:
    """Without Django's search for what hangs on them: there is nothing yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM journeys_contact WHERE as_of = %s AND id = ANY(%s)",
            [run.as_of, list(ids)],
        )

"""What the queue may ask for. A task wakes a worker up; what is left to do is in our tables.

deliver_task and move_travellers must not wait for the others: they have a cluster of their own
(settings.PROMPT_CLUSTER), which the callers name.
"""

import time
from datetime import date

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from campaigns.models import Approval
from journeys.decisions.answer_events import answer_events
from journeys.decisions.reconcile_messages import reconcile_recent
from journeys.decisions.work_chunks import work_chunks
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.send_slots import send_slot
from journeys.errors import StaleState
from journeys.explain.queue_dry_run import make_dry_run
from journeys.jobs.advance_travellers import advance_travellers
from journeys.jobs.run_day import run_day
from journeys.maps.enter_maps import enter_maps
from journeys.models import DecisionRun
from journeys.signups.send_confirmations import (
    send_confirmations as send_messages_of_sign_ups,
)
from optiengine.lib.worker import worker_name
from segments.models import Organisation

SEND_SECONDS = 60  # far below the queue's time-out, which would cut off what is on its way


def deliver_task() -> str:
    """Empty the outbox. Woken twice, or on two machines, every message still leaves once.

    After a minute another task goes on, so that tasks queued meanwhile have their turn.
    """
    with send_slot() as is_free:
        if not is_free:
            return _("other workers are sending")
        end = time.monotonic() + SEND_SECONDS
        counts = deliver_messages(
            now=now(), clock=now, owner=worker_name(), has_time=lambda: time.monotonic() < end
        )
    if n_confirmations := send_messages_of_sign_ups(now=now()):
        counts["confirmations"] = n_confirmations
    if time.monotonic() >= end:
        ring_for_delivery()
    return ", ".join(f"{n} {status}" for status, n in counts.items())


def send_confirmations() -> str:
    """Messages of sign-ups. Woken twice, each still leaves once."""
    return f"{send_messages_of_sign_ups(now=now())} sent"


def ring_for_delivery() -> None:
    async_task("journeys.tasks.deliver_task", cluster=settings.PROMPT_CLUSTER)


def move_travellers() -> str:
    """Events are answered: customers enter journey maps, move on, get what the event starts.

    Woken twice, or at once, each moves once.
    """
    moment = now()
    counts = (
        enter_maps(moment) + advance_travellers(moment, owner=worker_name()) + answer_events(moment)
    )
    return ", ".join(f"{n} {what}" for what, n in counts.items())


def decide_chunks(run_id: int) -> str:
    """Decide what is left of one run. Woken twice, or on two machines, it still decides once."""
    run = work_chunks(run_id, owner=worker_name(), clock=now)
    return f"{run}: {run.get_status_display()}"


def run_day_task(as_of: str) -> str:
    """One day of the engine, as the schedule or a partner system requested it.

    Its messages leave by others: a day that took long has no time left to send them.
    """
    try:
        day = run_day(date.fromisoformat(as_of), clock=now, send=False)
    except StaleState as closed:
        return str(closed)
    ring_for_delivery()
    return f"{day.run}: {day.run.counts}"


def run_today() -> str:
    """The day that it is now in the organisation's zone: what the daily schedule asks for."""
    return run_day_task(Organisation.current().today(now()).isoformat())


def keep_going() -> str:
    """What others left undone: runs whose worker was lost. What they decided may leave.

    Then the balance of messages: what became of them changes also when none leaves, as when a page
    is answered, or when a person settles what was unknown.
    """
    running = DecisionRun.objects.filter(status=DecisionRun.Status.RUNNING)
    pks = running.values_list("pk", flat=True)
    runs = [work_chunks(pk, owner=worker_name(), clock=now) for pk in pks]
    if runs:
        ring_for_delivery()
    lines = [f"{run}: {run.get_status_display()}" for run in runs]
    if wrong := reconcile_recent():
        lines.append(_("message counts do not match: %s") % ", ".join(map(str, wrong)))
    return "; ".join(lines)


def dry_run_task(pk: int) -> str:
    """What one approval would do. Woken twice, it says the same."""
    approval = Approval.objects.filter(pk=pk).first()
    if approval is None or approval.dry_run_status == Approval.DryRun.DONE:
        return _("Dry run %s is already done.") % pk
    approval = make_dry_run(approval)
    return f"{approval}: {approval.dry_run_error or approval.get_dry_run_status_display()}"

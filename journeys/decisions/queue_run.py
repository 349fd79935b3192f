"""A run that someone asks for from outside: made and queued together, once."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django_q.models import OrmQ
from django_q.tasks import async_task

from journeys.decisions.start_run import request_run
from journeys.errors import RunRefused
from journeys.models import DecisionRun
from segments.models import Organisation

TASK = "journeys.tasks.run_day_task"
NEAR_DAYS = 7  # as far from the last run a day is taken for what was meant


def expect_begun(as_of: date, now: datetime) -> None:
    """Raises RunRefused for a day that has not begun where the organisation is."""
    today = Organisation.current().today(now)
    if as_of > today:
        text = _("%(day)s has not begun: today is %(today)s in the organisation's time zone.")
        raise RunRefused(text % {"day": as_of, "today": today})


def expect_near(as_of: date, now: datetime) -> None:
    """Raises RunRefused for a day that a slip of the pen could have given.

    That is one before the last day that was run, or one more than NEAR_DAYS after it; without any
    run, one more than NEAR_DAYS before today. A day that has a run is none: it goes on.
    """
    runs = DecisionRun.objects.daily()
    if runs.filter(as_of=as_of).exists():
        return
    last = runs.order_by("-as_of").values_list("as_of", flat=True).first()
    today, near = Organisation.current().today(now), timedelta(days=NEAR_DAYS)
    if last is None:
        if as_of < today - near:
            text = _("%(day)s is far from today, %(today)s.")
            raise RunRefused(text % {"day": as_of, "today": today})
    elif not last < as_of <= last + near:
        text = _("%(day)s is far from the last day that was run, %(last)s.")
        raise RunRefused(text % {"day": as_of, "last": last})


@transaction.atomic
def queue_run(as_of: date) -> DecisionRun:
    """The day's run; its task is queued unless the run has begun or the task waits already.

    Requested twice or at once, from any number of places, one run is made and one task queued: the
    others wait for the row and then see the task. A failed run is queued again.
    Raises RunRefused for a new run of a day before one that was decided: its messages would go
    out today, chosen on what was known then.
    """
    later = DecisionRun.objects.daily().filter(as_of__gt=as_of).order_by("-as_of").first()
    if later and not DecisionRun.objects.daily().filter(as_of=as_of).exists():
        text = _("%(later)s has already been run, so earlier days can no longer be run.")
        raise RunRefused(text % {"later": later.as_of})
    run = DecisionRun.objects.select_for_update().get(pk=request_run(as_of).pk)
    if run.status in (DecisionRun.Status.RUNNING, DecisionRun.Status.DONE) or is_queued(as_of):
        return run
    run.status, run.error = DecisionRun.Status.WAITING, ""
    run.save(update_fields=["status", "error"])
    async_task(TASK, as_of.isoformat())
    return run


@transaction.atomic
def run_anyway(run: DecisionRun, *, by: str) -> DecisionRun:
    """Have all campaigns of a day that was not run decided on the latest state that there is.

    by : who says so, kept with the run. Raises RunRefused for a run of any other status.
    """
    run = DecisionRun.objects.select_for_update().get(pk=run.pk)
    if run.status != DecisionRun.Status.NOT_RUN:
        raise RunRefused(_("%s is not waiting for its customer data.") % run)
    run.run_anyway_by = by
    run.save(update_fields=["run_anyway_by"])
    return queue_run(run.as_of)


def is_queued(as_of: date) -> bool:
    """Whether the day's task waits or is being worked on: it leaves the queue when it is done."""
    return any(
        queued.func() == TASK and queued.args() == (as_of.isoformat(),)
        for queued in OrmQ.objects.all()
    )

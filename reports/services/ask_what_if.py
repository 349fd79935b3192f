"""A question is kept and queued; a worker answers it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from campaigns.errors import ChangeRefused
from campaigns.models import Goal
from campaigns.services.read_changes import read_changes
from reports.errors import ReportError
from reports.models import WhatIf
from reports.services.what_if import what_if

TASK = "reports.tasks.answer_task"


@transaction.atomic
def ask_what_if(
    changes: Sequence[tuple[str, str]],
    *,
    as_of: date,
    since: date | None,
    until: date | None,
    goal: Goal | None,
    window_days: int,
    by: Any,
    at: datetime,
) -> WhatIf:
    """Queue a question. Raises ChangeRefused where a change cannot be read."""
    if not changes:
        raise ChangeRefused(_("Specify at least one change."))
    read_changes(changes)
    row = WhatIf.objects.create(
        changes=[list(pair) for pair in changes],
        as_of=as_of,
        since=since,
        until=until,
        goal=goal,
        window_days=window_days,
        created_by=by,
        created_at=at,
    )
    async_task(TASK, row.pk, task_name=f"what if {row.pk}")
    return row


def answer_what_if(row: WhatIf) -> WhatIf:
    """Answer a question and keep the answer. It only reads, so it may be tried again at will."""
    question = WhatIf.objects.filter(pk=row.pk)
    question.update(status=WhatIf.Status.RUNNING, n_done=0, error="")

    def tell(done: int, of: int) -> None:
        question.update(n_done=done, n_steps=of)

    try:
        answer = what_if(
            read_changes([(kind, text) for kind, text in row.changes]),
            as_of=row.as_of,
            since=row.since,
            until=row.until,
            goal=row.goal,
            window_days=row.window_days,
            progress=tell,
        )
    except (ReportError, ChangeRefused) as refusal:
        question.update(status=WhatIf.Status.FAILED, error=str(refusal))
    except Exception as error:
        question.update(
            status=WhatIf.Status.FAILED,
            error=_("Failed: %s. See Failed tasks for details.") % type(error).__name__,
        )
        raise
    else:
        question.update(status=WhatIf.Status.DONE, answer=answer.as_dict())
    row.refresh_from_db()
    return row

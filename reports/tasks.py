"""Background work of this app."""

from reports.models import WhatIf
from reports.services.ask_what_if import answer_what_if


def answer_task(pk: int) -> str:
    """Answer one question. Woken twice, it gives the same answer."""
    row = WhatIf.objects.select_related("goal").get(pk=pk)
    if row.status == WhatIf.Status.DONE:
        return f"{row} was already answered"
    row = answer_what_if(row)
    return f"{row}: {row.error or row.get_status_display()}"

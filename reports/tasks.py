"""Background work of this app."""

from reports.models import WhatIf
from reports.services.ask_what_if import answer_what_if


def answer_task(pk: int) -> str:
    """Answer one question. Woken twice, it gives the same answer."""
    asked = WhatIf.objects.select_related("goal").get(pk=pk)
    if asked.status == WhatIf.Status.DONE:
        return f"{asked} was already answered"
    asked = answer_what_if(asked)
    return f"{asked}: {asked.error or asked.get_status_display()}"

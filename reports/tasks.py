"""Background work of this app."""

from django.utils.translation import gettext as _

from reports.models import WhatIf
from reports.services.ask_what_if import answer_what_if


def answer_task(pk: int) -> str:
    """Answer one question. Woken twice, it gives the same answer."""
    row = WhatIf.objects.select_related("goal").get(pk=pk)
    if row.status == WhatIf.Status.DONE:
        return _("%s was already answered") % row
    row = answer_what_if(row)
    return f"{row}: {row.error or row.get_status_display()}"

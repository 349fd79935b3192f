"""What decisions and journeys did since an import, by the numbers that they have drawn."""

from collections.abc import Mapping

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from journeys.models import Contact, DecisionRun
from segments.imports.undo_import import draw_marks
from segments.models import ImportJob

MARKED = (  # tables whose numbers are noted with an import, see segments.imports.undo_import
    ("decision", "journeys_decision"),
    ("passage", "journeys_steppassage"),
    ("contact", "journeys_contact"),
)


def resting(before: Mapping[str, int]) -> str:
    """What rests on an import, in a sentence. before : the marks when its rows were stored."""
    now = draw_marks()
    is_open = DecisionRun.objects.filter(
        status__in=[DecisionRun.Status.WAITING, DecisionRun.Status.RUNNING]
    )
    if is_open.exists():
        return _("A run is in progress. Wait until it has finished.")
    if now["decision"] > before["decision"]:
        return _("Decisions were made since, and they rest on what was imported.")
    if now["passage"] > before["passage"]:
        return _("Journeys have moved on since, and they rest on what was imported.")
    return ""


def take_contacts_back(cursor: CursorWrapper, job: ImportJob) -> int:
    """Messages of another system that an import stored, and outcomes that were measured of them."""
    if job.kind != ImportJob.Kind.CONTACTS:
        return 0
    first, last = (job.marks[side]["contact"] for side in ("before", "after"))
    of_import = Contact.objects.filter(pk__gt=first, pk__lte=last, source=Contact.Source.IMPORT)
    span = "contact_id > %s AND contact_id <= %s"
    for table in ("journeys_outcome", "journeys_outcomechange"):
        cursor.execute(f"DELETE FROM {table} WHERE {span}", [first, last])
    of_import._raw_delete(of_import.db)
    return 0

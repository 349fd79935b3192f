"""What became of a customer's earlier reservations, as far as it was known at a decision."""

from collections.abc import Mapping
from datetime import date, datetime

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from journeys.models import Decision, DecisionChunk, LiveDecision, ReasonCode

# The newest reservation of each campaign; whether it was released before, or its message had left.
NEWEST = """
SELECT DISTINCT ON (k.campaign_id) k.campaign_id, k.as_of, r.reason_code,
       d.id IS NOT NULL AND (d.attempted_at IS NULL OR d.attempted_at >= %(at)s) AS waits
FROM journeys_contact k
LEFT JOIN journeys_release r ON r.contact_id = k.id AND r.id < %(watermark)s
LEFT JOIN journeys_delivery d ON d.contact_id = k.id AND d.as_of = k.as_of
WHERE k.customer_id = %(customer)s AND k.id < %(watermark)s
ORDER BY k.campaign_id, k.id DESC
"""


def earlier_reservations(
    decision: Decision, live: LiveDecision | None, at: datetime
) -> Mapping[int, str]:
    """By campaign: what is said of a reservation that was released, or that was still waiting."""
    watermark = live.contact_watermark if live else _watermark(decision)
    if watermark is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, {"customer": decision.customer_id, "watermark": watermark, "at": at})
        rows = cursor.fetchall()
    notes = {campaign: _words(day, code, waits) for campaign, day, code, waits in rows}
    return {campaign: note for campaign, note in notes.items() if note}


def _watermark(decision: Decision) -> int | None:
    chunks = DecisionChunk.objects.filter(
        run_id=decision.run_id,
        done=True,
        first_id__lte=decision.customer_id,
        last_id__gte=decision.customer_id,
    )
    return chunks.values_list("contact_watermark", flat=True).first()


def _words(day: date, code: int | None, waits: bool) -> str:
    words = {"day": date_format(day)}
    if code is not None:
        words["reason"] = str(ReasonCode(code).label)
        return _("Reserved on %(day)s, not sent: %(reason)s.") % words
    if waits:
        return _("Reserved on %(day)s; the message was still waiting.") % words
    return ""

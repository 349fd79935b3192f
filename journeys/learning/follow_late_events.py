"""Outcomes follow events that came or changed after their window had been measured."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from campaigns.models import Goal
from campaigns.services.outcome_value import EVENTS, VALUE
from optiengine.lib.days import day_start
from segments.events.changed_facts import FACTS, gather_changed_facts, note_corrections
from segments.models import Organisation
from segments.same_person import is_of_person

CURSOR = "late events"  # of the reader of new events

# Only outcomes that exist: a window that has not been measured yet will see the events anyway. The
# change in predicted value stays: the states of those days are history.
FOLLOW = f"""
INSERT INTO journeys_outcomechange
    (contact_id, as_of, changed_on, n_responses_before, n_responses,
     margin_cents_before, margin_cents, value_cents_before, value_cents)
SELECT k.id, k.as_of, %(as_of)s, known.n_responses, e.n_responses,
       known.margin_cents, e.margin_cents, known.value_cents, {VALUE}
FROM {FACTS} t
JOIN journeys_contact k ON k.customer_id = t.customer_id
     AND k.reserved_at <= t.last_at AND k.reserved_at > t.first_at - %(longest)s::interval
     AND k.as_of >= %(oldest)s
JOIN campaigns_campaign c ON c.id = k.campaign_id
JOIN campaigns_goal g ON g.id = c.goal_id
JOIN journeys_outcome o ON o.contact_id = k.id AND o.as_of = k.as_of
LEFT JOIN LATERAL (
    SELECT n_responses, margin_cents, value_cents FROM journeys_outcomechange
    WHERE contact_id = k.id ORDER BY changed_on DESC LIMIT 1
) l ON true
CROSS JOIN LATERAL (
    SELECT coalesce(l.n_responses, o.n_responses) AS n_responses,
           coalesce(l.margin_cents, o.margin_cents) AS margin_cents,
           coalesce(l.value_cents, o.value_cents) AS value_cents
) known
CROSS JOIN LATERAL (
    SELECT {EVENTS}
    FROM segments_event
    WHERE {{of_person}}
      AND occurred_at >= k.reserved_at AND occurred_at >= %(oldest)s::timestamptz
      AND occurred_at < k.reserved_at + make_interval(days => g.window_days)
      AND occurred_at < %(now)s
) e
CROSS JOIN LATERAL (SELECT o.clv_change_cents) v
WHERE k.reserved_at + make_interval(days => g.window_days + %(late_days)s) > %(now)s
  AND (e.n_responses, e.margin_cents) IS DISTINCT FROM (known.n_responses, known.margin_cents)
ON CONFLICT (contact_id, changed_on) DO UPDATE SET
    n_responses = EXCLUDED.n_responses, margin_cents = EXCLUDED.margin_cents,
    value_cents = EXCLUDED.value_cents
"""


# Of every record the first and the last moment of what happened to any of them: outcomes follow
# spans.
SPANS = """
SELECT record, moment
FROM (SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at FROM segments_event
      WHERE customer_id = ANY(%(records)s) AND occurred_at >= %(since)s) span
CROSS JOIN LATERAL (VALUES (first_at), (last_at)) AS m (moment)
CROSS JOIN unnest(%(records)s::int8[]) AS record
WHERE moment IS NOT NULL
"""


def note_same_person(records: Sequence[int], *, on: date) -> None:
    """Records became one person, or several again: outcomes that can still follow, will.

    With the next day's late events: what one record did in the window of another's message counts,
    or no longer does, by difference. Windows that are closed for late events stay as they are.
    """
    if days := _days_followed():
        organisation = Organisation.current()
        since = day_start(on - days, organisation.time_zone)
        with connection.cursor() as cursor:
            note_corrections(cursor, SPANS, {"records": list(records), "since": since})


@transaction.atomic
def follow_late_events(as_of: date) -> int:
    """Change the outcomes whose events came, were corrected or went since the last call.

    Before a day's outcomes are measured. What was measured stays; each change is a row with what
    it was, what it is and the day. Outcomes follow for as many days after their window as the
    organisation says. Returns how many changed.
    """
    organisation = Organisation.current()
    if not (days := _days_followed()):
        return 0
    longest = _longest_window()
    oldest = as_of - days
    gather_changed_facts(CURSOR, since=day_start(oldest, organisation.time_zone))
    params: dict[str, Any] = {
        "as_of": as_of,
        "now": day_start(as_of, organisation.time_zone),
        "oldest": oldest,
        "longest": longest,
        "late_days": organisation.late_event_days,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            FOLLOW.format(of_person=is_of_person("customer_id", "k.customer_id")), params
        )
        return cursor.rowcount


def _longest_window() -> timedelta:
    return timedelta(days=max(Goal.objects.values_list("window_days", flat=True), default=0))


def _days_followed() -> timedelta | None:
    """For how long after a contact its outcome can change; None where outcomes do not follow."""
    late_days = Organisation.current().late_event_days
    return _longest_window() + timedelta(days=late_days + 1) if late_days else None

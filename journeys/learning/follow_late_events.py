"""Outcomes follow events that came or changed after their window had been measured."""

from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from campaigns.models import Goal
from campaigns.services.outcome_value import EVENTS, VALUE
from optiengine.lib.days import day_start
from segments.events.changed_facts import FACTS, gather_changed_facts
from segments.models import Organisation

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
    WHERE customer_id = k.customer_id
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


@transaction.atomic
def follow_late_events(as_of: date) -> int:
    """Change the outcomes whose events came, were corrected or went since the last call.

    Before a day's outcomes are measured. What was measured stays; each change is a row with what
    it was, what it is and the day. Outcomes follow for as many days after their window as the
    organisation says. Returns how many changed.
    """
    organisation = Organisation.current()
    if not organisation.late_event_days:
        return 0
    longest = max(Goal.objects.values_list("window_days", flat=True), default=0)
    oldest = as_of - timedelta(days=longest + organisation.late_event_days + 1)
    gather_changed_facts(CURSOR, since=day_start(oldest, organisation.time_zone))
    params: dict[str, Any] = {
        "as_of": as_of,
        "now": day_start(as_of, organisation.time_zone),
        "oldest": oldest,
        "longest": timedelta(days=longest),
        "late_days": organisation.late_event_days,
    }
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, params)
        return cursor.rowcount

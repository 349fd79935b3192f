"""Outcomes: what contacted and control customers did, once the goal's window has closed."""

from datetime import date, timedelta

from django.db import connection

from campaigns.services.outcome_value import EVENTS, VALUE
from journeys.stopped_days import IS_OF_STOPPED_DAY
from optiengine.lib.days import day_start
from optiengine.lib.partitions import ensure_partitions
from segments.models import Organisation
from segments.same_person import is_of_person, last_change_of

LOOKBACK_DAYS = 120  # older contacts without an outcome are skipped by default

# The window begins with the contact's reservation for test and control alike (intention to
# treat). Its events are those of the person, under all numbers. A merge changes what is predicted
# for a person without their doing, so a window in which records were merged or separated has no
# change in predicted value.
MEASURE = f"""
INSERT INTO journeys_outcome
    (contact_id, as_of, measured_on, n_responses, margin_cents, clv_change_cents, value_cents)
SELECT k.id, k.as_of, %(as_of)s, e.n_responses, e.margin_cents, v.clv_change_cents,
       {VALUE}
FROM journeys_contact k
JOIN campaigns_campaign c ON c.id = k.campaign_id
JOIN campaigns_goal g ON g.id = c.goal_id
{{with_change}}
LEFT JOIN journeys_outcome o ON o.contact_id = k.id AND o.as_of = k.as_of
CROSS JOIN LATERAL (
    SELECT {EVENTS}
    FROM segments_event
    WHERE {{of_person}}
      AND occurred_at >= greatest(k.reserved_at, %(oldest)s::timestamptz)
      AND occurred_at < k.reserved_at + make_interval(days => g.window_days)
      AND occurred_at < %(now)s
) e
CROSS JOIN LATERAL (
    SELECT coalesce(max(clv_cents) FILTER (WHERE as_of = %(as_of)s)
                    - max(clv_cents) FILTER (WHERE as_of = k.as_of), 0) AS clv_change_cents
    FROM segments_customerstate
    WHERE customer_id = k.customer_id AND as_of IN (k.as_of, %(as_of)s)
      AND (k.as_of > {{changed_on}}) IS NOT FALSE
) v
WHERE k.as_of BETWEEN %(oldest)s AND %(as_of)s
  AND k.reserved_at + make_interval(days => g.window_days) <= %(now)s
  AND o.id IS NULL AND NOT {IS_OF_STOPPED_DAY}
ON CONFLICT (contact_id, as_of) DO NOTHING
"""


def measure_outcomes(as_of: date, *, since: date | None = None) -> int:
    """Measure every contact whose window had closed when the day began; returns how many.

    since : day of the oldest contact to look at; after an import of old history, its first day.
    Once measured, an outcome stays: a second call finds nothing. The change in predicted value
    needs the customers' states of both days and counts as zero where one is missing, or where one
    is of two records and the other of the person that they became.
    """
    oldest = since or as_of - timedelta(days=LOOKBACK_DAYS)
    ensure_partitions("journeys_outcome", oldest, as_of)
    change = last_change_of("k.customer_id")
    query = MEASURE.format(
        of_person=is_of_person("customer_id", "k.customer_id"),
        with_change=change.join,
        changed_on=change.day,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            {
                "as_of": as_of,
                "now": day_start(as_of, Organisation.current().time_zone),
                "oldest": oldest,
            },
        )
        return cursor.rowcount

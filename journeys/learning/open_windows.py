"""What contacts have brought so far whose windows are still open, so that learning need not wait.

Only whole days since the contact are looked at: a contact of a days has shown the responses of its
first a days, which are P(delay <= a) of all it will show. That share is learned per goal, and for
test and control apart: messages are answered at once, other purchases come at any time.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from campaigns.models import Goal
from campaigns.services.outcome_value import (
    EVENTS,
    IS_RESPONSE,
    VALUE_OF_CLV_CHANGE,
    VALUE_OF_EVENTS,
)
from journeys.evidence import IS_EVIDENCE
from journeys.learning.numerics.delays import arrived_share
from journeys.stopped_days import IS_OF_STOPPED_DAY
from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_start
from segments.models import Organisation
from segments.same_person import is_of_person, last_change_of

DELAYS_FROM_DAYS = 28  # delays are learned from contacts whose window closed in them, or later
DELAYS_FROM_CONTACTS = 100_000  # about as many of them are looked at
OPEN_CONTACTS = 15_000  # about as many are looked at; the others teach once their windows close
MIN_SHARE = 0.05  # contacts that can have shown less of their outcome are left for another day

# Of the contacts, one in so many. By customer and day, not by the contact's number: which worker
# wrote first must not decide what is learned.
SAMPLED = "hashint8extended(k.customer_id, k.as_of - date '2000-01-01')"

# Whole days since the contact, and what happened in them.
AGE = "floor(extract(epoch FROM %(now)s - k.reserved_at) / 86400)::int"

DELAYS = f"""
SELECT c.goal_id, k.is_control, least(a.age_days, g.window_days) AS age_days,
       floor(extract(epoch FROM e.occurred_at - k.reserved_at) / 86400)::int + 1 AS delay_days,
       count(*) AS n
FROM journeys_contact k
JOIN campaigns_campaign c ON c.id = k.campaign_id
JOIN campaigns_goal g ON g.id = c.goal_id
CROSS JOIN LATERAL (SELECT {AGE} AS age_days) a
JOIN segments_event e ON {{of_person}} AND {IS_RESPONSE}
     AND e.occurred_at >= k.reserved_at AND e.occurred_at >= %(oldest)s
     AND e.occurred_at < k.reserved_at + make_interval(days => least(a.age_days, g.window_days))
WHERE k.as_of BETWEEN %(oldest)s AND %(as_of)s AND {SAMPLED} %% %(every)s = 0
  AND {IS_EVIDENCE.format(as_of="%(as_of)s")}
GROUP BY 1, 2, 3, 4
"""

OPEN = """
SELECT k.action_id, coalesce(s.micro_segment_id, 0) AS segment_id, NOT k.is_control AS treated,
       {value_of_events} AS value_cents, {value_of_clv_change} AS clv_change_cents,
       e.n_responses > 0 AS responded, k.control_share, c.goal_id,
       a.age_days AS age_days, s.features
FROM journeys_contact k
JOIN campaigns_campaign c ON c.id = k.campaign_id
JOIN campaigns_goal g ON g.id = c.goal_id
{with_change}
JOIN segments_customerstate s ON s.customer_id = k.customer_id AND s.as_of = k.as_of
JOIN segments_statebuild b ON b.as_of = s.as_of
CROSS JOIN LATERAL (
    SELECT floor(extract(epoch FROM {now} - k.reserved_at) / 86400)::int AS age_days
) a
CROSS JOIN LATERAL (
    SELECT {events}
    FROM segments_event
    WHERE {of_person} AND occurred_at >= k.reserved_at
      AND occurred_at >= {oldest}::date AND occurred_at < {now}
      AND occurred_at < k.reserved_at + make_interval(days => a.age_days)
) e
CROSS JOIN LATERAL (
    SELECT coalesce(max(clv_cents) FILTER (WHERE as_of = {as_of})
                    - max(clv_cents) FILTER (WHERE as_of = k.as_of), 0) AS clv_change_cents
    FROM segments_customerstate
    WHERE customer_id = k.customer_id AND as_of IN (k.as_of, {as_of})
      AND g.value_per_event_cents IS NULL AND (k.as_of > {changed_on}) IS NOT FALSE
) v
WHERE k.as_of BETWEEN {oldest} AND {as_of} AND {sampled} % {every} = 0
  AND b.feature_set_id = {feature_set}
  AND k.control_share > 0 AND k.control_share < 1
  AND k.reserved_at + make_interval(days => g.window_days) > {now}
  AND k.reserved_at < {now} AND NOT {of_stopped_day} AND {is_evidence}
ORDER BY k.as_of, k.customer_id, k.action_id, k.id
"""

COLUMNS = [
    "action_id",
    "segment_id",
    "treated",
    "value_cents",
    "clv_change_cents",
    "responded",
    "control_share",
]


@dataclass(frozen=True)
class OpenContacts:
    """n contacts, by column; exposure : (n,) the share of the outcome seen so far."""

    rows: dict[str, NDArray]
    exposure: NDArray[np.float64]


def open_contacts(as_of: date, feature_set_id: int) -> OpenContacts | None:
    """Contacts whose windows are open as the day begins: a sample of bounded size."""
    now = day_start(as_of, Organisation.current().time_zone)
    windows = dict(Goal.objects.values_list("pk", "window_days"))
    if not windows:
        return None
    shares = _arrived_shares(as_of, now, windows)
    oldest = as_of - timedelta(days=max(windows.values()))
    change = last_change_of("k.customer_id")
    query = sql.SQL(OPEN).format(
        with_change=sql.SQL(change.join),
        changed_on=sql.SQL(change.day),
        of_person=sql.SQL(is_of_person("customer_id", "k.customer_id")),
        is_evidence=sql.SQL(IS_EVIDENCE).format(as_of=sql.Literal(as_of)),
        oldest=sql.Literal(oldest),
        as_of=sql.Literal(as_of),
        now=sql.Literal(now),
        feature_set=sql.Literal(feature_set_id),
        every=sql.Literal(_every(oldest, as_of, OPEN_CONTACTS)),
        sampled=sql.SQL(SAMPLED),
        events=sql.SQL(EVENTS),
        of_stopped_day=sql.SQL(IS_OF_STOPPED_DAY),
        value_of_events=sql.SQL(VALUE_OF_EVENTS),
        value_of_clv_change=sql.SQL(VALUE_OF_CLV_CHANGE),
    )
    rows = read_columns(query, [*COLUMNS, "goal_id", "age_days", "features"])
    exposure = np.array(
        [
            shares[goal, not treated][min(age, windows[goal])]
            for goal, treated, age in zip(
                rows["goal_id"].tolist(),
                rows["treated"].tolist(),
                rows["age_days"].tolist(),
                strict=True,
            )
        ]
    )
    shown = exposure >= MIN_SHARE
    if not shown.any():
        return None
    features = rows.pop("features").reshape(len(shown), -1)[shown]
    kept = {name: column[shown] for name, column in rows.items()}
    # Predicted value falls from day to day for everybody, and does not come in with responses: it
    # counts as it is, where the learner scales up by the exposure.
    kept["value_cents"] = kept["value_cents"] + exposure[shown] * kept["clv_change_cents"]
    return OpenContacts({**kept, "features": features}, exposure[shown])


def _arrived_shares(
    as_of: date, now: datetime, windows: dict[int, int]
) -> dict[tuple[int, bool], NDArray[np.float64]]:
    """P(delay <= days) by (goal, is control), as `arrived_share`."""
    oldest = as_of - timedelta(days=max(windows.values()) + DELAYS_FROM_DAYS)
    every = _every(oldest, as_of, DELAYS_FROM_CONTACTS)
    query = DELAYS.format(of_person=is_of_person("e.customer_id", "k.customer_id"))
    with connection.cursor() as cursor:
        cursor.execute(query, {"as_of": as_of, "now": now, "oldest": oldest, "every": every})
        rows = cursor.fetchall()
    shares = {}
    for goal, window in windows.items():
        for is_control in (False, True):
            of_goal = [row[2:] for row in rows if row[:2] == (goal, is_control)]
            age, delay, n = np.array(of_goal).reshape(-1, 3).T
            shares[goal, is_control] = arrived_share(delay, age, n, window_days=window)
    return shares


def _every(oldest: date, as_of: date, size: int) -> int:
    """Of the contacts of these days every so many-th, so that about `size` are looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM journeys_contact WHERE as_of BETWEEN %s AND %s", [oldest, as_of]
        )
        return max(1, -(-cursor.fetchone()[0] // size))

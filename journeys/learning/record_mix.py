"""The mix by day, and what it showed: summed up from the ledger of contacts, in SQL."""

from datetime import date
from typing import Any

from django.db import connection

from journeys.evidence import IS_EVIDENCE
from journeys.learning.outcome_changes import LEARNED_ON
from journeys.models import ActionEvidence, MixDay, PairEvidence

# Each sum per micro-segment and, in rows without one, over all. A contact that was imported
# without a micro-segment is in the total only.
LEVELS = "HAVING grouping(k.micro_segment_id) = 1 OR k.micro_segment_id IS NOT NULL"

MIX = f"""
INSERT INTO journeys_mixday
    (as_of, campaign_id, micro_segment_id, action_id, expected, n_contacts)
SELECT %(as_of)s::date, k.campaign_id, k.micro_segment_id, mix.action_id, sum(mix.share),
       count(*) FILTER (WHERE mix.action_id = k.action_id)
FROM journeys_contact k
CROSS JOIN LATERAL unnest(
    coalesce(k.mix_action_ids, ARRAY[k.action_id]), coalesce(k.mix_shares, ARRAY[1::float8])
) AS mix (action_id, share)
WHERE k.as_of = %(as_of)s AND k.source = 'decision' AND k.arm <> 'baseline'
GROUP BY GROUPING SETS (
    (k.campaign_id, mix.action_id, k.micro_segment_id), (k.campaign_id, mix.action_id)
)
{LEVELS}
"""

KNOWN = IS_EVIDENCE.format(as_of="%(known_on)s")
LEARNED = LEARNED_ON.format(day="%(day)s", half_life="%(half_life)s")

# As in learning, contacts whose assignment is not known teach nothing.
EVIDENCE = f"""
INSERT INTO journeys_actionevidence
    (measured_on, campaign_id, micro_segment_id, action_id,
     n_test, n_test_responders, n_control, n_control_responders)
SELECT %(day)s::date, k.campaign_id, k.micro_segment_id, k.action_id,
       coalesce(round(sum(o.weight) FILTER (WHERE NOT k.is_control)), 0),
       coalesce(sum(o.weight) FILTER (WHERE NOT k.is_control AND o.n_responses > 0), 0),
       coalesce(round(sum(o.weight) FILTER (WHERE k.is_control)), 0),
       coalesce(sum(o.weight) FILTER (WHERE k.is_control AND o.n_responses > 0), 0)
FROM {LEARNED} o
JOIN journeys_contact k ON k.id = o.contact_id AND k.as_of = o.as_of
WHERE k.control_share > 0 AND k.control_share < 1 AND {KNOWN}
GROUP BY GROUPING SETS (
    (k.campaign_id, k.action_id, k.micro_segment_id), (k.campaign_id, k.action_id)
)
{LEVELS}
"""

PAIRS = f"""
INSERT INTO journeys_pairevidence
    (measured_on, campaign_id, micro_segment_id, first_action_id, second_action_id,
     n_first, n_second, h, hy, g, gy, g2, g2y, g2y2)
SELECT %(day)s::date, k.campaign_id, k.micro_segment_id, k.first_id, k.second_id,
       coalesce(round(sum(w) FILTER (WHERE k.g > 0)), 0),
       coalesce(round(sum(w) FILTER (WHERE k.g < 0)), 0),
       sum(w * h), sum(w * h * y), sum(w * g), sum(w * g * y),
       sum(w * g * g), sum(w * g * g * y), sum(w * g * g * y * y)
FROM (
    SELECT k.campaign_id, k.micro_segment_id, o.weight AS w,
           least(k.action_id, other.action_id) AS first_id,
           greatest(k.action_id, other.action_id) AS second_id,
           CASE WHEN k.action_id < other.action_id THEN 1 ELSE -1 END
               * other.share / (other.share + own.share) AS g,
           own.share * other.share / (own.share + other.share) ^ 2 AS h,
           least(greatest(o.value_cents, -%(limit)s::float8), %(limit)s::float8) AS y
    FROM {LEARNED} o
    JOIN journeys_contact k ON k.id = o.contact_id AND k.as_of = o.as_of
    CROSS JOIN LATERAL unnest(k.mix_action_ids, k.mix_shares) AS other (action_id, share)
    CROSS JOIN LATERAL (
        SELECT k.mix_shares[array_position(k.mix_action_ids, k.action_id)] AS share
    ) AS own
    WHERE NOT k.is_control AND other.action_id <> k.action_id AND {KNOWN}
) k
GROUP BY GROUPING SETS (
    (k.campaign_id, k.first_id, k.second_id, k.micro_segment_id),
    (k.campaign_id, k.first_id, k.second_id)
)
{LEVELS}
"""


def record_mix(as_of: date) -> None:
    """Keep how the day's run shared out contacts between actions; again replaces it."""
    MixDay.objects.filter(as_of=as_of).delete()
    _execute(MIX, {"as_of": as_of})


def record_evidence(
    as_of: date, *, winsor_cents: float | None, half_life: int, known_on: date
) -> None:
    """Keep what the outcomes measured on a day show about actions, and what late events changed of
    earlier ones on it; again replaces it.

    known_on : day of which it is known what is no evidence.
    """
    ActionEvidence.objects.filter(measured_on=as_of).delete()
    PairEvidence.objects.filter(measured_on=as_of).delete()
    limit = float("inf") if winsor_cents is None else winsor_cents
    day = {"day": as_of, "half_life": half_life, "known_on": known_on}
    _execute(EVIDENCE, day)
    _execute(PAIRS, day | {"limit": limit})


def _execute(query: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)

"""The ledger of mixes, added up: by campaign and micro-segment, older days discounted."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import connection

from reports.numerics.mix import PairSums

Place = tuple[int, int | None]  # campaign; micro-segment, None for all together
Counts = tuple[float, float, float, float]  # test, its responders, control, its responders

SHARE_DAYS = 7  # days, up to a campaign's newest, whose shares are called current

FADE = "0.5 ^ ((%(as_of)s::date - measured_on) / %(half_life)s::float8)"
SEGMENTS = {True: "micro_segment_id IS NULL", False: "TRUE"}

EVIDENCE = f"""
SELECT campaign_id, micro_segment_id, action_id,
       sum(n_test * {FADE}), sum(n_test_responders * {FADE}),
       sum(n_control * {FADE}), sum(n_control_responders * {FADE})
FROM journeys_actionevidence
WHERE campaign_id = ANY(%(campaigns)s) AND measured_on <= %(as_of)s AND {{segments}}
GROUP BY 1, 2, 3
"""

PAIRS = f"""
SELECT campaign_id, micro_segment_id, first_action_id, second_action_id,
       sum(n_first * {FADE}), sum(n_second * {FADE}), sum(h * {FADE}), sum(hy * {FADE}),
       sum(g * {FADE}), sum(gy * {FADE}), sum(g2 * {FADE}), sum(g2y * {FADE}), sum(g2y2 * {FADE})
FROM journeys_pairevidence
WHERE campaign_id = ANY(%(campaigns)s) AND measured_on <= %(as_of)s AND {{segments}}
GROUP BY 1, 2, 3, 4
"""

SHARES = f"""
WITH newest AS (
    SELECT c.id AS campaign_id, m.as_of
    FROM unnest(%(campaigns)s::bigint[]) AS c (id)
    CROSS JOIN LATERAL (
        SELECT as_of FROM journeys_mixday
        WHERE campaign_id = c.id AND micro_segment_id IS NULL AND as_of <= %(as_of)s
        ORDER BY as_of DESC LIMIT 1
    ) m
)
SELECT m.campaign_id, m.micro_segment_id, m.action_id, sum(m.expected)
FROM newest JOIN journeys_mixday m USING (campaign_id)
WHERE m.as_of > newest.as_of - {SHARE_DAYS} AND m.as_of <= newest.as_of AND {{segments}}
GROUP BY 1, 2, 3
"""

COURSE = """
SELECT as_of, action_id, expected FROM journeys_mixday
WHERE campaign_id = %(campaign)s AND micro_segment_id IS NOT DISTINCT FROM %(segment)s
  AND as_of <= %(as_of)s
ORDER BY as_of, action_id
"""


def evidence(
    campaign_ids: Sequence[int], *, as_of: date, half_life: int, totals_only: bool = False
) -> dict[Place, dict[int, Counts]]:
    """Measured contacts by action, old ones discounted."""
    counts_by_segment: dict[Place, dict[int, Counts]] = defaultdict(dict)
    for campaign, segment, action, *counts in _rows(
        EVIDENCE, campaign_ids, totals_only, as_of=as_of, half_life=half_life
    ):
        counts_by_segment[campaign, segment][action] = (counts[0], counts[1], counts[2], counts[3])
    return counts_by_segment


def pairs(
    campaign_ids: Sequence[int], *, as_of: date, half_life: int, totals_only: bool = False
) -> dict[Place, dict[tuple[int, int], PairSums]]:
    """Comparisons by pair of actions, the one with the smaller id first."""
    sums_by_segment: dict[Place, dict[tuple[int, int], PairSums]] = defaultdict(dict)
    for campaign, segment, first, second, *sums in _rows(
        PAIRS, campaign_ids, totals_only, as_of=as_of, half_life=half_life
    ):
        sums_by_segment[campaign, segment][first, second] = PairSums(*sums)
    return sums_by_segment


def expected_contacts(
    campaign_ids: Sequence[int], *, as_of: date, totals_only: bool = False
) -> dict[Place, dict[int, float]]:
    """Sums of assignment probabilities by action, over each campaign's newest days."""
    contacts_by_segment: dict[Place, dict[int, float]] = defaultdict(dict)
    for campaign, segment, action, expected in _rows(
        SHARES, campaign_ids, totals_only, as_of=as_of
    ):
        contacts_by_segment[campaign, segment][action] = expected
    return contacts_by_segment


def daily_expected(
    campaign_id: int, micro_segment_id: int | None, *, as_of: date
) -> dict[date, dict[int, float]]:
    """Sums of assignment probabilities by day and action."""
    contacts_by_day: dict[date, dict[int, float]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            COURSE, {"campaign": campaign_id, "segment": micro_segment_id, "as_of": as_of}
        )
        for day, action, expected in cursor.fetchall():
            contacts_by_day[day][action] = expected
    return contacts_by_day


def _rows(
    query: str, campaign_ids: Sequence[int], totals_only: bool, **parameters: Any
) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            query.format(segments=SEGMENTS[totals_only]),
            {"campaigns": list(campaign_ids), **parameters},
        )
        return cursor.fetchall()

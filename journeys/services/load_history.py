"""What customers got before, as arrays: the crossing from the contact ledger to the limits."""

from datetime import timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdicts import History
from journeys.models import DecisionRun
from optiengine.lib.days import day_start
from segments.models import Organisation

HISTORY = """
SELECT k.customer_id, k.campaign_id, k.channel, k.tags, k.takes_slot, %(as_of)s - k.as_of,
       k.reserved_at AT TIME ZONE 'UTC',
       k.campaign_id = ANY(%(asked)s) AND EXISTS (
           SELECT FROM segments_event e
           JOIN campaigns_campaign c ON c.id = k.campaign_id
           JOIN campaigns_goal g ON g.id = c.goal_id
           WHERE e.customer_id = k.customer_id AND e.kind = g.event_kind
             AND e.occurred_at >= k.reserved_at
             AND e.occurred_at < least(k.reserved_at + make_interval(days => g.window_days),
                                       %(day_start)s)
       )
FROM journeys_contact k
WHERE k.customer_id BETWEEN %(first)s AND %(last)s
  AND (k.reserved_at >= %(cutoff)s OR k.campaign_id = ANY(%(never_again)s))
  AND k.id < %(watermark)s
"""


def load_history(
    run: DecisionRun, book: Rulebook, customer_ids: NDArray[np.int64], *, watermark: int
) -> History:
    """Contacts of a batch that can still matter: sends and withheld ones alike.

    A contact that a run of a later day has already made counts too, as one of today: whichever
    run comes second must not exceed a cap.

    customer_ids : (n,) ascending. watermark : contacts of this id or later are left out, which
    is how a replay sees what the run saw.
    """
    asked = {step.source_id for step in book.follow_ups if step.outcome != "all"}
    with connection.cursor() as cursor:
        cursor.execute(
            HISTORY,
            {
                "as_of": run.as_of,
                "day_start": day_start(run.as_of, Organisation.current().time_zone),
                "asked": sorted(asked),
                "never_again": [c.id for c in book.campaigns if c.repeat_after_days is None],
                "first": int(customer_ids[0]),
                "last": int(customer_ids[-1]),
                "cutoff": run.decided_at - timedelta(days=book.history_days),
                "watermark": watermark,
            },
        )
        rows = cursor.fetchall()
    customers, campaigns, channels, tags, takes_slot, days_ago, reserved_at, responded = (
        zip(*rows, strict=True) if rows else ((),) * 8
    )
    ids = np.array(customers, dtype=np.int64)
    place = np.searchsorted(customer_ids, ids)
    # A contact of somebody who has no state today, erased say, belongs to no row of the batch.
    known = place < len(customer_ids)
    known[known] = customer_ids[place[known]] == ids[known]
    return History(
        customer=place[known],
        campaign_id=np.array(campaigns, dtype=np.int64)[known],
        channel=np.array(channels, dtype=object)[known],
        tags=tuple(frozenset(t) for t, keep in zip(tags, known, strict=True) if keep),
        takes_slot=np.array(takes_slot, dtype=bool)[known],
        days_ago=np.array(days_ago, dtype=np.int64)[known],
        reserved_at=np.array(reserved_at, dtype="datetime64[us]")[known],
        responded=np.array(responded, dtype=bool)[known],
    )

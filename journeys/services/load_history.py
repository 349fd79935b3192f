"""What customers got before, as arrays: the crossing from the contact ledger to the limits."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdicts import History
from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_start

HISTORY = """
SELECT k.customer_id, k.campaign_id, k.takes_slot, k.counted, k.transactional,
       {as_of}::date - k.as_of AS days_ago,
       (extract(epoch FROM k.reserved_at) * 1000000)::int8 AS reserved_at,
       k.campaign_id = ANY({asked}::int8[]) AND EXISTS (
           SELECT FROM segments_event e
           JOIN campaigns_campaign c ON c.id = k.campaign_id
           JOIN campaigns_goal g ON g.id = c.goal_id
           WHERE e.customer_id = k.customer_id AND e.kind = g.event_kind
             AND e.occurred_at >= k.reserved_at
             AND e.occurred_at < least(k.reserved_at + make_interval(days => g.window_days),
                                       {day_start})
       ) AS responded
       {flags}
FROM journeys_contact k
WHERE k.customer_id BETWEEN {first} AND {last} AND k.id < {watermark}
  AND k.reserved_at >= {oldest}
  AND (k.reserved_at >= {cutoff} OR {own})
"""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FLAGS = ["takes_slot", "counted", "transactional"]
NAMES = ["customer_id", "campaign_id", *FLAGS, "days_ago", "reserved_at", "responded"]


def load_history(
    as_of: date,
    book: Rulebook,
    customer_ids: NDArray[np.int64],
    *,
    watermark: int,
    at: datetime,
    zone: str,
) -> History:
    """Contacts of a batch that can still matter: sends and withheld ones alike.

    A contact that a run of a later day has already made counts too, as one of today: whichever
    run comes second must not exceed a cap.
    customer_ids : (n,) ascending. watermark : contacts of this id or later are left out, which
    is how a replay sees what the run saw. at : the moment of decision, on the day as_of of the
    organisation's zone.
    """
    cutoff = at - timedelta(days=book.history_days)
    since: dict[datetime, list[int]] = {}  # campaigns whose own contacts matter for longer
    for step in book.follow_ups:
        start = at - timedelta(days=step.after_days + step.within_days + 1)
        if start < cutoff:
            since.setdefault(start, []).append(step.source_id)
    for campaign in book.campaigns:
        days = book.own_history_days(campaign)
        start = LONG_AGO if days is None else at - timedelta(days=days)
        if start < cutoff:
            since.setdefault(start, []).append(campaign.id)
    own: list[sql.Composable] = [
        sql.SQL("(k.campaign_id = ANY({}::int8[]) AND k.reserved_at >= {})").format(ids, start)
        for start, ids in since.items()
    ]
    flags = {f"channel {c}": sql.SQL("k.channel = {}").format(c) for c in book.limiting_channels}
    flags |= {f"tag {t}": sql.SQL("{} = ANY(k.tags)").format(t) for t in book.limiting_tags}
    query = sql.SQL(HISTORY).format(
        as_of=as_of,
        day_start=day_start(as_of, zone),
        asked=sorted({step.source_id for step in book.follow_ups if step.outcome != "all"}),
        flags=sql.SQL("").join(
            sql.SQL(", {} AS {}").format(flag, sql.Identifier(name)) for name, flag in flags.items()
        ),
        first=int(customer_ids[0]),
        last=int(customer_ids[-1]),
        oldest=min([cutoff, *since]),
        cutoff=cutoff,
        own=sql.SQL(" OR ").join(own or [sql.SQL("false")]),
        watermark=watermark,
    )
    found = read_columns(query, [*NAMES, *flags])
    place = np.searchsorted(customer_ids, found["customer_id"])
    # A contact of somebody who has no state today, erased say, belongs to no row of the batch.
    known = place < len(customer_ids)
    known[known] = customer_ids[place[known]] == found["customer_id"][known]
    found = {name: values[known] for name, values in found.items()}
    return History(
        customer=place[known],
        campaign_id=found["campaign_id"],
        by_channel={channel: found[f"channel {channel}"] for channel in book.limiting_channels},
        by_tag={tag: found[f"tag {tag}"] for tag in book.limiting_tags},
        **{flag: found[flag] for flag in FLAGS},
        days_ago=found["days_ago"].astype(np.int64),
        reserved_at=found["reserved_at"].astype("datetime64[us]"),
        responded=found["responded"],
    )

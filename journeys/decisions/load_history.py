"""What customers got before, as arrays: the crossing from the contact ledger to the limits."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.numeric import Int8

from campaigns.numerics.history import History
from campaigns.numerics.history_needs import (
    history_days,
    limiting_channels,
    limiting_tags,
    own_history_days,
)
from campaigns.numerics.rulebook import Rulebook
from journeys.decisions.merged_records import MergedRecords
from journeys.decisions.numerics.sharing import Sharing
from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_start
from segments.channels import address_fields

# Moments are counted back from the decision's, so that the text depends only on the rulebook. Days
# of contacts yet to come, of a later day's run or planned for tomorrow, are today's: within no days
# at all, "again after 0 days", nothing is.
HISTORY = """
SELECT k.customer_id, k.campaign_id, k.takes_slot, k.counted, k.transactional,
       greatest(%(as_of)s::date - {day}, 0) AS days_ago,
       (extract(epoch FROM k.moment) * 1000000)::int8 AS reserved_at,
       k.campaign_id = ANY({asked}::int8[]) AND EXISTS (
           SELECT FROM segments_event e
           JOIN campaigns_campaign c ON c.id = k.campaign_id
           JOIN campaigns_goal g ON g.id = c.goal_id
           WHERE {theirs} AND e.kind = g.event_kind
             AND e.occurred_at >= k.reserved_at
             AND e.occurred_at < least(k.reserved_at + make_interval(days => g.window_days),
                                       %(day_start)s::timestamptz)
       ) AS responded
       {flags}
FROM ({contacts}) k
"""
AS_PLANNED = """
SELECT k.*, k.reserved_at AS moment FROM journeys_contact k
WHERE k.customer_id {theirs} AND k.id < %(watermark)s AND {kept}
  AND {oldest} AND ({matters})
"""
# A reservation whose message will not leave does not count from its release on. Both have their ids
# from one sequence, drawn under the block's lock: what was released when a batch was decided is
# below its watermark. Read once for all contacts of a batch, whose customers the releases name.
KEPT = """
k.id NOT IN (SELECT r.contact_id FROM journeys_release r
             WHERE r.customer_id {theirs} AND r.id < %(watermark)s)
"""
# What left later than planned counts from then on: what left much later is found by when it left.
# Nothing after the decision is looked at, so that a replay sees the same. The contact is read
# message by message: whatever number of messages the server expects, it uses the key.
AS_SENT = """
SELECT k.*, greatest(k.reserved_at, d.left_at) AS moment FROM journeys_contact k
LEFT JOIN LATERAL (
    SELECT {left_at} AS left_at FROM journeys_delivery d
    WHERE d.contact_id = k.id AND d.as_of = k.as_of AND {left} LIMIT 1) d ON true
WHERE k.customer_id {theirs} AND k.id < %(watermark)s AND {kept}
  AND {oldest} AND ({matters})
UNION ALL
SELECT k.*, {left_at} AS moment FROM journeys_delivery d
CROSS JOIN LATERAL (
    SELECT k.* FROM journeys_contact k
    WHERE k.id = d.contact_id AND k.as_of = d.as_of LIMIT 1) k
WHERE d.customer_id {theirs} AND {left_since}
  AND d.attempted_at > d.as_of + interval '1 day' AND {left}
  AND k.id < %(watermark)s AND {kept} AND NOT ({matters})
"""
# For one customer, the server keeps one plan for all: over the months' partitions planning
# takes longer than the reading.
THEIRS, ONES = "BETWEEN %(first)s AND %(last)s", "= %(first)s"
RECORDS = "= ANY(%(records)s)"  # of certain persons, who may have several
# Whose events say whether a contact was responded to.
EVENTS_OF_RECORD = "e.customer_id = k.customer_id"
EVENTS_OF_PERSON = """
e.customer_id IN (
    SELECT p.record FROM unnest(%(records)s::int8[], %(persons)s::int8[]) AS p (record, person)
    WHERE p.person = (
        SELECT o.person FROM unnest(%(records)s::int8[], %(persons)s::int8[]) AS o (record, person)
        WHERE o.record = k.customer_id))
"""
LEFT_AT = "greatest(d.attempted_at, CASE WHEN d.sent_at < %(at)s THEN d.sent_at END)"
LEFT = "d.attempted_at < %(at)s AND d.status IN ('attempting', 'sent', 'unknown')"
DAY_LEFT = "(k.moment AT TIME ZONE %(zone)s::text)::date"
# A contact planned this much earlier than the oldest that matters is still read. Counted from when
# it left, it is then at least a day too old, wherever the organisation's day begins.
LATE_DAYS = 2
NO_CAMPAIGN = -1  # of what others got
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
    """What matters to a rulebook's limits, read once; see HistoryQuery.read."""
    return HistoryQuery.of(book).read(as_of, customer_ids, watermark=watermark, at=at, zone=zone)


@dataclass(frozen=True)
class HistoryQuery:
    """The statement that a rulebook asks the ledger: written once for all batches."""

    channels: tuple[str, ...]  # that limits count
    tags: tuple[int, ...]
    text: sql.Composed
    text_of_one: sql.Composed  # for a single customer
    text_of_records: sql.Composed  # of certain persons, with the channels that have addresses

    @classmethod
    def of(cls, book: Rulebook, *, as_sent: bool = False) -> Self:
        """as_sent : count messages from the moment they left, where that was later than planned,
        in days, too, from the day on which they did.

        An answer in real time is given at once, without the check that messages pass when they
        leave; so its limits are checked against what really happened.
        """
        late = LATE_DAYS if as_sent else 0
        # By days, None for without end: whose own contacts matter for so long.
        since: dict[int | None, list[int]] = {}
        for step in book.follow_ups:
            since.setdefault(step.after_days + step.within_days + 1, []).append(step.source_id)
        for campaign in book.campaigns:
            since.setdefault(own_history_days(book, campaign), []).append(campaign.id)
        shared = history_days(book)
        longer = {d: ids for d, ids in since.items() if d is None or d > shared}
        parts = [_within(shared + late)]
        for days, ids in longer.items():
            by_campaign = sql.SQL("k.campaign_id = ANY({}::int8[])").format(ids)
            parts.append(
                by_campaign
                if days is None
                else sql.SQL("{} AND {}").format(by_campaign, _within(days + late))
            )
        span = max([shared, *(days for days in longer if days is not None)])
        oldest = sql.SQL("true") if None in longer else _within(span + late)
        wanted = {
            "oldest": oldest,
            "matters": sql.SQL(" OR ").join(sql.SQL("({})").format(part) for part in parts),
            "left": sql.SQL(LEFT),
            "left_at": sql.SQL(LEFT_AT),
            "left_since": _within(span, "d.attempted_at"),
        }
        channels, tags = tuple(limiting_channels(book)), tuple(limiting_tags(book))
        flags = [_flag("k.channel = {}", channel, f"channel {channel}") for channel in channels]
        flags += [_flag("{} = ANY(k.tags)", tag, f"tag {tag}") for tag in tags]
        columns = {
            "asked": sorted({step.source_id for step in book.follow_ups if step.outcome != "all"}),
            "flags": sql.SQL("").join(flags),
            "day": sql.SQL(DAY_LEFT if as_sent else "k.as_of"),
        }
        texts = []
        for theirs in (THEIRS, ONES):
            contacts = sql.SQL(AS_SENT if as_sent else AS_PLANNED)
            kept = sql.SQL(KEPT).format(theirs=sql.SQL(theirs))
            chosen = contacts.format(theirs=sql.SQL(theirs), kept=kept, **wanted)
            of_record = sql.SQL(EVENTS_OF_RECORD)
            texts.append(sql.SQL(HISTORY).format(contacts=chosen, theirs=of_record, **columns))
        with_addresses = [
            _flag("k.channel = {}", channel, f"sent by {channel}") for channel in address_fields()
        ]
        columns["flags"] = sql.SQL("").join([*flags, *with_addresses])
        contacts = sql.SQL(AS_SENT if as_sent else AS_PLANNED)
        kept = sql.SQL(KEPT).format(theirs=sql.SQL(RECORDS))
        chosen = contacts.format(theirs=sql.SQL(RECORDS), kept=kept, **wanted)
        of_person = sql.SQL(EVENTS_OF_PERSON)
        texts.append(sql.SQL(HISTORY).format(contacts=chosen, theirs=of_person, **columns))
        return cls(channels, tags, *texts)

    def read(
        self,
        as_of: date,
        customer_ids: NDArray[np.int64],
        *,
        watermark: int,
        at: datetime,
        zone: str,
        sharing: Sharing | None = None,
        merged: MergedRecords | None = None,
    ) -> History:
        """Contacts of a batch that can still matter: sends and withheld ones alike, but for those
        released before.

        A contact that a run of a later day has already made, or that is planned for tomorrow,
        counts too, as one of today: whichever decision comes second must not exceed a cap.
        customer_ids : (n,) ascending. watermark : contacts and releases of this id or later are
        left out, which is how a replay sees what the run saw. at : the moment of decision, on the
        day as_of of the organisation's zone. sharing : what others with the same address got
        through it is added. merged : what customers got under other numbers is theirs.
        """
        params = {
            "as_of": as_of,
            "day_start": day_start(as_of, zone),
            # Of one type whatever their size: a plan is kept for each that occurs.
            "first": Int8(customer_ids[0]),
            "last": Int8(customer_ids[-1]),
            "watermark": Int8(watermark),
            "at": at,
            "zone": zone,
        }
        flags = [f"channel {c}" for c in self.channels] + [f"tag {t}" for t in self.tags]
        text = self.text_of_one if len(customer_ids) == 1 else self.text
        columns = read_columns(text, [*NAMES, *flags], params, is_frequent=True)
        row = np.searchsorted(customer_ids, columns["customer_id"])
        # A contact of somebody who has no state today, erased say, belongs to no row of the batch.
        known = row < len(customer_ids)
        known[known] = customer_ids[row[known]] == columns["customer_id"][known]
        columns = {name: values[known] for name, values in columns.items()}
        if merged and (persons := merged.persons(customer_ids.tolist())):
            columns = self._with_records(columns, persons, [*NAMES, *flags], params)
        history = History(
            customer=np.searchsorted(customer_ids, columns["customer_id"]),
            campaign_id=columns["campaign_id"],
            by_channel={channel: columns[f"channel {channel}"] for channel in self.channels},
            by_tag={tag: columns[f"tag {tag}"] for tag in self.tags},
            takes_slot=columns["takes_slot"],
            counted=columns["counted"],
            transactional=columns["transactional"],
            days_ago=columns["days_ago"].astype(np.int64),
            reserved_at=columns["reserved_at"].astype("datetime64[us]"),
            responded=columns["responded"],
        )
        if sharing is None or not sharing.others:
            return history
        return self._with_others(history, sharing, merged or MergedRecords(), params)

    def _with_records(
        self,
        columns: dict[str, NDArray[Any]],
        persons: Mapping[int, Sequence[int]],
        names: Sequence[str],
        params: dict[str, Any],
    ) -> dict[str, NDArray[Any]]:
        """The columns with all that persons of several records got, under the kept numbers."""
        others = ~np.isin(columns["customer_id"], list(persons))
        theirs = self._read_records(persons, names, params)
        return {name: np.concatenate([columns[name][others], theirs[name]]) for name in names}

    def _read_records(
        self, persons: Mapping[int, Sequence[int]], names: Sequence[str], params: dict[str, Any]
    ) -> dict[str, NDArray[Any]]:
        """What persons got under any of their numbers; customer_id is then the person's.

        persons : the numbers of each one's records.
        """
        pairs = [(record, pk) for pk, records in persons.items() for record in records]
        person_of = dict(pairs)
        numbers = {"records": [*person_of], "persons": [*person_of.values()]}
        theirs = read_columns(self.text_of_records, names, {**params, **numbers})
        whose = [person_of[record] for record in theirs["customer_id"].tolist()]
        return {**theirs, "customer_id": np.array(whose, dtype=np.int64)}

    def _with_others(
        self, history: History, sharing: Sharing, merged: MergedRecords, params: dict[str, Any]
    ) -> History:
        """With what others got through the addresses that they share with customers of the batch.

        It has no campaign, so that only limits of a channel count it.
        """
        sent_by = {channel: f"sent by {channel}" for channel in address_fields()}
        flags = [f"channel {c}" for c in self.channels] + [f"tag {t}" for t in self.tags]
        names = [*NAMES, *flags, *sent_by.values()]
        persons = {pk: [pk] for pk in sharing.other_ids} | merged.persons(sharing.other_ids)
        theirs = self._read_records(persons, names, params)
        rows_of: dict[int, list[int]] = defaultdict(list)
        for index, pk in enumerate(theirs["customer_id"].tolist()):
            rows_of[pk].append(index)
        customer, index_of = [], []
        reached = {channel: np.zeros(sharing.n, dtype=bool) for channel in sent_by}
        is_regular = theirs["takes_slot"] & ~theirs["transactional"]
        for row, pairs in sharing.others.items():
            for written_to, pk in pairs:
                for index in rows_of[pk]:
                    for channel, its_field in address_fields().items():
                        if its_field == written_to and theirs[sent_by[channel]][index]:
                            customer.append(row)
                            index_of.append(index)
                            is_todays = is_regular[index] and theirs["days_ago"][index] == 0
                            reached[channel][row] |= is_todays
        picked = np.array(index_of, dtype=np.int64)
        n_own, n_others = len(history), len(picked)

        def both(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([first, second.astype(first.dtype)])

        return History(
            customer=both(history.customer, np.array(customer, dtype=np.int64)),
            campaign_id=both(history.campaign_id, np.full(n_others, NO_CAMPAIGN)),
            by_channel={
                c: both(history.by_channel[c], theirs[f"channel {c}"][picked])
                for c in self.channels
            },
            by_tag={t: both(history.by_tag[t], theirs[f"tag {t}"][picked]) for t in self.tags},
            takes_slot=both(history.takes_slot, theirs["takes_slot"][picked]),
            counted=both(history.counted, theirs["counted"][picked]),
            transactional=both(history.transactional, theirs["transactional"][picked]),
            days_ago=both(history.days_ago, theirs["days_ago"][picked]),
            reserved_at=both(history.reserved_at, theirs["reserved_at"][picked]),
            responded=both(history.responded, np.zeros(n_others, dtype=bool)),
            is_own=np.arange(n_own + n_others) < n_own,
            reached_today=reached,
        )


def _within(days: int, moment: str = "k.reserved_at") -> sql.Composable:
    """Moments are counted back from the decision's, in whole days of 24 hours."""
    return sql.SQL("{} >= %(at)s::timestamptz - interval {}").format(
        sql.SQL(moment), f"{24 * days} hours"
    )


def _flag(condition: str, value: str | int, name: str) -> sql.Composable:
    return sql.SQL(", " + condition + " AS {}").format(value, sql.Identifier(name))

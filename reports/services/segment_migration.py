"""Moves between micro-segments, and what the segments are worth by them and by the models."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import Avg, Count, Min
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from psycopg import sql

from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_start
from reports.errors import ReportError
from reports.numerics.intervals import UNKNOWN, Interval
from reports.numerics.migration import ChainValue, Moves, chain_value, jackknife_limits
from segments.event_money import IS_MONEY, SIGNED_CENTS
from segments.models import (
    Customer,
    CustomerMerge,
    CustomerState,
    MicroSegment,
    Organisation,
    SegmentMove,
    Stage,
    StateBuild,
)
from segments.state.customer_facts import every_kth

PERIOD_DAYS = 28
MOST_PERIODS = 13  # looked back at by default: a year of four weeks each
MOST_CUSTOMERS = 200_000  # whose moves are counted
N_PARTS = 50  # of customers at random, for the limits
PART_SEED = 4711  # another than the sample's, or a part would be all or nothing of it
THIN = 30  # customers in a period's begin; of fewer, a segment's row is its stage's above all
DAYS_A_YEAR = 365.25

# Who was where when each period began, from the history of moves, which outlives the states. A
# record that was merged into another one by the end of a period does not move in it: nobody left,
# and what came under its number is the other one's.
READ = """
WITH merged AS (
    SELECT m.alias_id, m.kept_id, d.number
    FROM segments_customermerge m
    JOIN unnest({ends}::timestamptz[]) WITH ORDINALITY AS d (ends, number)
      ON m.merged_at < d.ends AND (m.undone_at IS NULL OR m.undone_at >= d.ends)
), span AS (
    SELECT customer_id, target_id, moved_on,
           lead(moved_on) OVER (PARTITION BY customer_id ORDER BY moved_on) AS gone_on
    FROM segments_segmentmove
    WHERE moved_on <= {last} AND {sample}
), place AS MATERIALIZED (
    SELECT s.customer_id, d.number, s.target_id AS segment_id,
           lead(s.target_id) OVER history AS next_id, lag(d.number) OVER history AS before
    FROM span s
    JOIN unnest({days}::date[]) WITH ORDINALITY AS d (day, number)
      ON d.day >= s.moved_on AND (s.gone_on IS NULL OR d.day < s.gone_on)
    WINDOW history AS (PARTITION BY s.customer_id ORDER BY d.number)
), earned AS (
    SELECT {person} AS customer_id, d.number,
           sum({signed_cents}::float8) AS cents
    FROM segments_event e
    JOIN unnest({starts}::timestamptz[], {ends}::timestamptz[]) WITH ORDINALITY
      AS d (begins, ends, number) ON e.occurred_at >= d.begins AND e.occurred_at < d.ends
    {with_person}
    WHERE {is_money} AND e.occurred_at >= {start} AND e.occurred_at < {end}
      AND {event_sample}
    GROUP BY 1, 2
), move AS (
    SELECT p.customer_id, p.segment_id AS origin_id, coalesce(r.cents, 0) AS cents,
           CASE WHEN c.erased_at < d.ends THEN 0 ELSE p.next_id END AS target_id
    FROM place p
    JOIN segments_customer c ON c.id = p.customer_id
    JOIN unnest({starts}::timestamptz[], {ends}::timestamptz[]) WITH ORDINALITY
      AS d (begins, ends, number) ON d.number = p.number
    LEFT JOIN earned r ON r.customer_id = p.customer_id AND r.number = p.number
    LEFT JOIN merged m ON m.alias_id = p.customer_id AND m.number = p.number
    WHERE (c.erased_at IS NULL OR c.erased_at >= d.begins) AND m.alias_id IS NULL
    UNION ALL
    SELECT customer_id, 0, 0, segment_id FROM place WHERE number > 1 AND before IS NULL
)
SELECT abs(hashint8extended(customer_id, {part_seed}) % {n_parts})::int8 AS part,
       origin_id::int8 AS origin, target_id::int8 AS target, count(*)::int8 AS n,
       sum(cents)::float8 AS cents, sum(cents * cents)::float8 AS squares
FROM move GROUP BY 1, 2, 3
"""
COLUMNS = ("part", "origin", "target", "n", "cents", "squares")


@dataclass(frozen=True)
class SegmentValue:
    """One micro-segment: how it moves, and what a customer in it is worth by two views."""

    segment: MicroSegment
    n_now: int  # customers on the last day
    n_observed: int  # customers at the begin of periods, each time counted
    n_new: int  # came into it from nowhere
    margin_cents: float  # per customer and period, moved to the stage's where little is known
    chain: Interval  # worth over the value horizon by moves and margins, in cents
    lifetime_cents: float  # the same without an end
    model_cents: float  # mean predicted value on the last day; nan where nobody is in it

    @property
    def difference(self) -> Interval:
        """By the moves less by the models; the limits are only those of the moves."""
        low, high = (limit - self.model_cents for limit in (self.chain.low, self.chain.high))
        return Interval(self.chain.estimate - self.model_cents, low, high)

    @property
    def is_thin(self) -> bool:
        return self.n_observed < THIN


@dataclass(frozen=True)
class MigrationReport:
    """Moves over whole periods up to a day, and the values that follow; s segments."""

    days: list[date]  # on which periods begin, and the last day, on which the last one ends
    period_days: int
    horizon_weeks: int
    sampled: int  # one of so many customers was looked at
    rows: list[SegmentValue]  # by stage and name
    counts: NDArray[np.float64]  # (s, s + 1), observed; the last column: left
    chain: ChainValue

    @property
    def has_left(self) -> bool:
        return bool(self.counts[:, -1].any())

    def lines(self) -> Iterable[dict[str, Any]]:
        """A row per segment with its figures and its shares of moves, None where unknown."""
        names = [str(row.segment) for row in self.rows]
        for index, row in enumerate(self.rows):
            figures: dict[str, Any] = {
                "stage": row.segment.stage,
                "segment": row.segment.name,
                "n_now": row.n_now,
                "n_observed": row.n_observed,
                "n_new": row.n_new,
                "margin_cents": row.margin_cents,
                "chain_cents": row.chain.estimate,
                "chain_cents_low": row.chain.low,
                "chain_cents_high": row.chain.high,
                "lifetime_cents": row.lifetime_cents,
                "model_cents": row.model_cents,
            }
            shares = zip([*names, "left"], self.chain.transition[index], strict=True)
            figures |= {f"to {name}": share for name, share in shares}
            yield {name: _known(value) for name, value in figures.items()}


def segment_migration(
    *, as_of: date, since: date | None = None, period_days: int = PERIOD_DAYS
) -> MigrationReport:
    """Observed moves in whole periods up to the newest built day that is not after as_of.

    since : the first day that a period may begin on; default: a year back. Bounded by
    MOST_CUSTOMERS, chosen by their ids. Raises ReportError where there is no period to look at.
    """
    organisation = Organisation.current()
    days = _days(as_of, since, period_days)
    n_customers = Customer.objects.count()
    observed = _read(days, organisation.time_zone, n_customers)
    ids = sorted({*observed["origin"].tolist(), *observed["target"].tolist()} - {0})
    if not ids:
        raise ReportError(_("No customer was in a micro-segment in this period."))
    segments = _in_order(MicroSegment.objects.filter(pk__in=ids))
    parts, new = _moves(observed, [segment.pk for segment in segments])
    stages = list(Stage.values)
    groups = np.array([stages.index(segment.stage) for segment in segments])
    settings: dict[str, float] = {
        "discount": (1 + organisation.yearly_discount) ** (-period_days / DAYS_A_YEAR),
        "n_periods": organisation.clv_horizon_weeks * 7 / period_days,
    }
    whole = sum(parts[1:], parts[0])
    chain = chain_value(whole, groups, **settings)
    limits = jackknife_limits(parts, groups, **settings)
    now = _states(days[-1])
    rows = [
        SegmentValue(
            segment=segment,
            n_now=now.get(segment.pk, (0, 0.0))[0],
            n_observed=int(whole.counts[index].sum()),
            n_new=int(new[index]),
            margin_cents=float(chain.margin_cents[index]),
            chain=Interval(
                float(chain.horizon_cents[index]),
                float(limits.low_cents[index]),
                float(limits.high_cents[index]),
            ),
            lifetime_cents=float(chain.lifetime_cents[index]),
            model_cents=now.get(segment.pk, (0, UNKNOWN.estimate))[1],
        )
        for index, segment in enumerate(segments)
    ]
    return MigrationReport(
        days=days,
        period_days=period_days,
        horizon_weeks=organisation.clv_horizon_weeks,
        sampled=max(1, -(-n_customers // MOST_CUSTOMERS)),
        rows=rows,
        counts=whole.counts,
        chain=chain,
    )


def _days(as_of: date, since: date | None, period_days: int) -> list[date]:
    """The days on which periods begin, in order, and the last one's end."""
    last = StateBuild.objects.filter(as_of__lte=as_of).order_by("-as_of").first()
    first = SegmentMove.objects.aggregate(day=Min("moved_on"))["day"]
    if last is None or first is None:
        raise ReportError(_("There is no customer data yet, so there are no moves."))
    first = max(first, since or last.as_of - timedelta(days=MOST_PERIODS * period_days))
    n_periods = (last.as_of - first).days // period_days
    if n_periods < 1:
        raise ReportError(
            _("There is no full period of %(n)s days between %(first)s and %(last)s.")
            % {"n": period_days, "first": first, "last": last.as_of}
        )
    return [last.as_of - timedelta(days=period_days * back) for back in range(n_periods, -1, -1)]


def _read(days: list[date], zone: str, n_customers: int) -> dict[str, NDArray[Any]]:
    moments = [day_start(day, zone) for day in days]
    query = sql.SQL(READ).format(
        last=sql.Literal(days[-1]),
        sample=every_kth(n_customers, MOST_CUSTOMERS, 0),
        **_persons(n_customers),
        days=sql.Literal(days),
        starts=sql.Literal(moments[:-1]),
        ends=sql.Literal(moments[1:]),
        start=sql.Literal(moments[0]),
        end=sql.Literal(moments[-1]),
        part_seed=sql.Literal(PART_SEED),
        n_parts=sql.Literal(N_PARTS),
        is_money=sql.SQL(IS_MONEY),
        signed_cents=sql.SQL(SIGNED_CENTS),
    )
    return read_columns(query, COLUMNS)


def _persons(n_customers: int) -> dict[str, sql.Composable]:
    """Whose events are: of records merged by the end of a period, the kept one's in it."""
    person, join = "e.customer_id", ""
    if CustomerMerge.objects.exists():
        person = "coalesce(merged.kept_id, e.customer_id)"
        join = "LEFT JOIN merged ON merged.alias_id = e.customer_id AND merged.number = d.number"
    return {
        "person": sql.SQL(person),
        "with_person": sql.SQL(join),
        "event_sample": every_kth(n_customers, MOST_CUSTOMERS, 0, customer=person),
    }


def _in_order(segments: Iterable[MicroSegment]) -> list[MicroSegment]:
    stages = list(Stage.values)
    return sorted(segments, key=lambda s: (stages.index(s.stage), s.name, s.pk))


def _moves(
    observed: dict[str, NDArray[Any]], ids: list[int]
) -> tuple[list[Moves], NDArray[np.float64]]:
    """The moves of every part that has any, and how many are new to each segment (s,)."""
    n = len(ids)
    index_of = {pk: number for number, pk in enumerate(ids)} | {0: n}  # 0 is nowhere
    origin, target = (
        np.array([index_of[pk] for pk in observed[name].tolist()], int)
        for name in ("origin", "target")
    )
    new = np.bincount(target[origin == n], observed["n"][origin == n], n + 1)[:n].astype(float)
    parts = []
    for part in np.unique(observed["part"][origin < n]):
        rows = np.flatnonzero((observed["part"] == part) & (origin < n))
        counts = np.zeros((n, n + 1))
        np.add.at(counts, (origin[rows], target[rows]), observed["n"][rows])
        parts.append(
            Moves(
                counts,
                np.bincount(origin[rows], observed["cents"][rows], n).astype(float),
                np.bincount(origin[rows], observed["squares"][rows], n).astype(float),
            )
        )
    return parts or [Moves(np.zeros((n, n + 1)), np.zeros(n), np.zeros(n))], new


def _states(day: date) -> dict[int, tuple[int, float]]:
    """By micro-segment, on a built day: how many customers, and their mean predicted value."""
    states = CustomerState.objects.filter(as_of=day).order_by()
    grouped = states.values("micro_segment_id").annotate(n=Count("pk"), mean=Avg("clv_cents"))
    return {row["micro_segment_id"]: (row["n"], row["mean"]) for row in grouped}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The state of a day: what is known of every customer when it begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import ProtectedError
from numpy.typing import NDArray
from psycopg import sql

from optiengine.lib.columns import read_columns, write_columns
from optiengine.lib.partitions import ensure_partitions
from segments.models import (
    CustomerState,
    Organisation,
    SegmentMove,
    SegmentSplit,
    Stage,
    StateBuild,
)
from segments.state.assign_segments import (
    CLUSTER_FEATURES,
    StageSegments,
    assign_segments,
    feature_columns,
    segmentation_of,
    stage_segments,
)
from segments.state.customer_facts import FACTS, collect_facts
from segments.state.features import active_features, feature_set_of
from segments.state.fit_clv import Histories, Valuation, value_customers
from segments.state.split_segment import apply_splits, splits_of_day

Progress = Callable[[int, int], None]  # customers done, customers in all

BATCH = 50_000  # customers whose numbers are in memory at once: some 15 MB
WORK_MEM = "64MB"  # of the database, for grouping the events by customer before it turns to disk
SCORES = "customer_scores"  # temporary, of this transaction
SCORE_TYPES = {
    "customer_id": "int8",
    "micro_segment_id": "int8",
    "p_alive": "float8",
    "clv_cents": "float8",
}
FACT_NAMES = ("customer_id", "stage", "x", "t_x", "T", "n_valued", "mean_cents")


@dataclass(frozen=True)
class Tree:
    """The segment tree of a day: stage → behavioural cluster → learned splits."""

    clusters: Mapping[str, StageSegments]  # by stage
    splits: Sequence[SegmentSplit]  # parents first

    def features(self) -> list[str]:
        return sorted({*CLUSTER_FEATURES, *(split.feature for split in self.splits)})

    def leaves(
        self, stages: NDArray[Any], columns: Mapping[str, NDArray[np.float64]]
    ) -> NDArray[np.int64]:
        """Each customer's one leaf: (n,) ids. columns : `features`, (n,) each."""
        return apply_splits(self.splits, assign_segments(self.clusters, stages, columns), columns)


def build_state(as_of: date, *, seed: int = 0, progress: Progress | None = None) -> StateBuild:
    """Write the state of every customer known on a day, from events before the day began.

    In one transaction, its StateBuild last: a reader who sees it sees the whole state. Building a
    day again replaces it and its moves, unless decisions were made on it; then it stays as it is
    and is returned. seed : of the fits that are due.
    """
    ensure_partitions(CustomerState._meta.db_table, as_of, as_of)
    with transaction.atomic():
        if kept := _make_way(as_of):
            return kept
        organisation = Organisation.current()
        features = active_features()
        names = [feature.name for feature in features]
        feature_set = feature_set_of(features, as_of)
        n_customers = collect_facts(as_of, features, organisation)
        valuation = value_customers(as_of, organisation, seed=seed)
        segmentation = segmentation_of(as_of, names, feature_set, seed=seed)
        tree = Tree(stage_segments(segmentation), splits_of_day(as_of, names))
        _score(names, valuation, tree, n_customers, progress)
        _write_states(as_of)
        build = StateBuild.objects.create(
            as_of=as_of,
            feature_set=feature_set,
            clv_model=valuation.model,
            segmentation=segmentation,
            n_customers=n_customers,
        )
        _record_moves(as_of)
    return build


def _make_way(as_of: date) -> StateBuild | None:
    """Clear the day for a new build; returns the build that must stay, where decisions rest on it.

    Builders wait for each other: two fits on one day would make every segment twice.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('segments.build_state'))")
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
        # Joins here are of whole days. Rows just written have no statistics yet, and a planner
        # that expects one of them would compare every customer with every other.
        cursor.execute("SET LOCAL enable_nestloop = off")
    # The lock keeps a run from being started on the row while it is replaced.
    build = StateBuild.objects.select_for_update().filter(as_of=as_of).first()
    if build:
        try:
            build.delete()
        except ProtectedError:
            return build
    CustomerState.objects.filter(as_of=as_of).delete()
    SegmentMove.objects.filter(moved_on=as_of).delete()
    return None


def _score(
    names: Sequence[str],
    valuation: Valuation,
    tree: Tree,
    n_customers: int,
    progress: Progress | None,
) -> None:
    """Value and segment for every customer of the facts, batch by batch, into a second table."""
    query = sql.SQL(
        'SELECT customer_id, stage, x, t_x, "T", n_valued, mean_cents, {} FROM {} WHERE'
        " customer_id > {} ORDER BY customer_id LIMIT {}"
    )
    features = tree.features()
    n_done, last_id = 0, -1
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {SCORES}")
        cursor.execute(
            f"CREATE TEMPORARY TABLE {SCORES} (customer_id bigint, micro_segment_id bigint,"
            " p_alive double precision, clv_cents double precision) ON COMMIT DROP"
        )
        while n_done < n_customers:
            facts = read_columns(
                query.format(
                    feature_columns(features, names),
                    sql.Identifier(FACTS),
                    sql.Literal(last_id),
                    sql.Literal(BATCH),
                ),
                (*FACT_NAMES, *features),
            )
            stage = facts["stage"]
            histories = Histories(
                is_buyer=stage != Stage.PROSPECT.value,
                **{name: facts[name] for name in ("x", "t_x", "T", "n_valued", "mean_cents")},
            )
            p_alive, clv_cents = valuation.of(histories)
            scores = {
                "customer_id": facts["customer_id"],
                "micro_segment_id": tree.leaves(stage, facts),
                "p_alive": p_alive,
                "clv_cents": clv_cents,
            }
            write_columns(cursor, SCORES, scores, SCORE_TYPES)
            n_done, last_id = n_done + len(stage), int(facts["customer_id"][-1])
            if progress:
                progress(n_done, n_customers)


def _write_states(as_of: date) -> None:
    # In order of id, so that the customers of a batch lie side by side on disk.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO segments_customerstate"
            " (as_of, customer_id, stage, micro_segment_id, features, p_alive, clv_cents)"
            " SELECT %s, customer_id, stage, micro_segment_id, features, NULLIF(p_alive, 'NaN'),"
            f" clv_cents FROM {FACTS} JOIN {SCORES} USING (customer_id) ORDER BY customer_id",
            [as_of],
        )


def _record_moves(as_of: date) -> None:
    """Who is elsewhere than on the day built before, and, in a rebuild, who is on the day after."""
    days = StateBuild.objects.order_by("as_of").values_list("as_of", flat=True)
    before = days.filter(as_of__lt=as_of).last()
    _record_moves_between(before, as_of)
    if after := days.filter(as_of__gt=as_of).first():
        SegmentMove.objects.filter(moved_on=after).delete()
        _record_moves_between(as_of, after)


def _record_moves_between(before: date | None, after: date) -> None:
    """A customer's first segment is a move from nowhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO segments_segmentmove (customer_id, origin_id, target_id, moved_on)"
            " SELECT now.customer_id, earlier.micro_segment_id, now.micro_segment_id, now.as_of"
            " FROM segments_customerstate now LEFT JOIN segments_customerstate earlier"
            " ON earlier.customer_id = now.customer_id AND earlier.as_of = %s"
            " WHERE now.as_of = %s"
            " AND earlier.micro_segment_id IS DISTINCT FROM now.micro_segment_id",
            [before, after],
        )

"""Micro-segments: clusters within each stage, fitted now and then, with ids that outlive a fit."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

import numpy as np
from django.db import connection
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from psycopg import sql

from optiengine.lib.columns import read_columns
from segments.feature_catalogue import BUILT_IN
from segments.models import FeatureSet, MicroSegment, Segmentation, SegmentSplit, Stage
from segments.state.customer_facts import FACTS, every_kth
from segments.state.numerics.clusters import StageClusters, match_clusters, name_clusters
from segments.state.split_segment import end_splits, rename_children

Array = NDArray[np.float64]

REFIT_DAYS = 28
MOST_ROWS = 10_000  # of one stage in a fit

# Few features, which a name can be made of, vary within the stage and go together enough for the
# groups to be found again: recency, frequency and money where there is a year of it to look at;
# orders and baskets of those who have just begun or long gone.
YEAR = ("orders_365d", "margin_365d_cents")
ALL_TIME = ("orders_total", "mean_order_cents")
STAGE_FEATURES: Mapping[str, tuple[str, ...]] = {
    Stage.PROSPECT: ("tenure_days", "visits_30d", "clicks_90d"),
    Stage.NEW: ALL_TIME,
    Stage.ACTIVE: ("recency_days", *YEAR),
    Stage.AT_RISK: YEAR,
    Stage.LAPSED: ALL_TIME,
    Stage.REACTIVATED: ("recency_days", *YEAR),
}
CLUSTER_FEATURES = tuple(dict.fromkeys(name for names in STAGE_FEATURES.values() for name in names))


@dataclass(frozen=True)
class StageSegments:
    """The micro-segments of one stage: a segment's id for each cluster. Without clusters, one."""

    features: tuple[str, ...]
    clusters: StageClusters | None
    segment_ids: NDArray[np.int64]  # (k,)

    def assign(self, columns: Mapping[str, Array], rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """The segment of each of the rows: (len(rows),). columns : features by name, (n,) each."""
        return self.segment_ids[
            self.places({n: columns[n][rows] for n in self.features}, len(rows))
        ]

    def places(self, columns: Mapping[str, Array], n: int) -> NDArray[np.intp]:
        """The place of each customer's segment among segment_ids: (n,)."""
        if self.clusters is None:
            return np.zeros(n, np.intp)
        return self.clusters.predict(np.column_stack([columns[name] for name in self.features]))

    def to_json(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "clusters": self.clusters.get_fitted() if self.clusters else None,
            "segment_ids": self.segment_ids.tolist(),
        }

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Self:
        clusters = StageClusters.from_fitted(json["clusters"]) if json["clusters"] else None
        return cls(tuple(json["features"]), clusters, np.array(json["segment_ids"], np.int64))


def segmentation_of(
    as_of: date, names: Sequence[str], feature_set: FeatureSet, *, seed: int = 0
) -> Segmentation:
    """The segmentation of a day; fitted anew on the day's facts when too old, or of other features.

    A learned split hangs on the segment that was split. It lives on as long as a refit finds the
    cluster again, whose id continues; with the cluster it ends.
    names : of the features in the facts' array, in order.
    """
    earlier = Segmentation.objects.filter(fitted_on__lte=as_of)
    last = earlier.order_by("fitted_on", "pk").last()
    oldest = as_of - timedelta(days=REFIT_DAYS)
    before = stage_segments(last) if last else {}
    if (
        last
        and last.fitted_on > oldest
        and last.feature_set_id == feature_set.pk
        and all(segments.features == STAGE_FEATURES[stage] for stage, segments in before.items())
    ):
        return last
    fitted = {
        stage: _fit_stage(stage, names, before.get(stage), as_of, seed) for stage in Stage.values
    }
    continued = {int(pk) for segments in fitted.values() for pk in segments.segment_ids}
    ended = {int(pk) for segments in before.values() for pk in segments.segment_ids} - continued
    MicroSegment.objects.filter(pk__in=ended).update(retired_on=as_of)
    end_splits(ended, on=as_of, why=SegmentSplit.End.CLUSTER)
    rename_children(continued)
    return Segmentation.objects.create(
        fitted_on=as_of,
        feature_set=feature_set,
        seed=seed,
        clusters={stage: segments.to_json() for stage, segments in fitted.items()},
    )


def stage_segments(segmentation: Segmentation) -> dict[str, StageSegments]:
    """The micro-segments that a segmentation holds, by stage: every stage has at least one."""
    return {stage: StageSegments.from_json(json) for stage, json in segmentation.clusters.items()}


def assign_segments(
    segments: Mapping[str, StageSegments],
    stages: NDArray[np.str_],
    columns: Mapping[str, Array],
) -> NDArray[np.int64]:
    """Each customer's cluster, before learned splits: (n,) ids.

    stages : (n,). columns : CLUSTER_FEATURES, (n,) each.
    """
    ids = np.zeros(len(stages), np.int64)
    for stage, leaves in segments.items():
        rows = np.flatnonzero(stages == stage)
        if len(rows):
            ids[rows] = leaves.assign(columns, rows)
    return ids


def _fit_stage(
    stage: str, names: Sequence[str], before: StageSegments | None, as_of: date, seed: int
) -> StageSegments:
    """The stage's micro-segments from its customers of the day, continuing those of before.

    A stage that nobody is in stays as it was.
    """
    features = STAGE_FEATURES[stage]
    if before and not set(before.features) <= set(names):
        before = None  # nothing says any more who was in which
    columns, n = _sample(stage, {*features, *(before.features if before else ())}, names, seed)
    if not n:
        if before and before.features == features:
            return before
        return StageSegments(features, None, _new_segments(stage, [_("all")], as_of))
    X = np.column_stack([columns[name] for name in features])
    clusters = StageClusters(seed=seed).fit(X, n_in_use=len(before.segment_ids) if before else 1)
    titles = _names(features, clusters)
    if before is None:
        return StageSegments(features, clusters, _new_segments(stage, titles, as_of))
    continued = match_clusters(
        before.places(columns, n), clusters.predict(X), len(before.segment_ids), len(titles)
    )
    ids = np.where(continued >= 0, before.segment_ids[continued], 0)
    for pk, title in zip(ids[ids > 0], np.array(titles)[ids > 0], strict=True):
        MicroSegment.objects.filter(pk=pk).update(name=title)
    ids[ids == 0] = _new_segments(stage, np.array(titles)[ids == 0], as_of)
    return StageSegments(features, clusters, ids)


def _sample(
    stage: str, wanted: Collection[str], names: Sequence[str], seed: int
) -> tuple[dict[str, Array], int]:
    """Features of about MOST_ROWS customers of the stage, if it has as many, and their number."""
    facts, in_stage = sql.Identifier(FACTS), sql.SQL("stage = {}").format(sql.Literal(stage))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {} WHERE {}").format(facts, in_stage))
        (n_customers,) = cursor.fetchone()
    wanted = sorted(wanted)
    columns = read_columns(
        sql.SQL("SELECT {} FROM {} WHERE {} AND {} ORDER BY customer_id").format(
            feature_columns(wanted, names),
            facts,
            in_stage,
            every_kth(n_customers, MOST_ROWS, seed),
        ),
        wanted,
    )
    return columns, len(columns[wanted[0]])


def _new_segments(stage: str, titles: Iterable[str], as_of: date) -> NDArray[np.int64]:
    rows = [MicroSegment(stage=stage, name=str(title), created_on=as_of) for title in titles]
    return np.array([row.pk for row in MicroSegment.objects.bulk_create(rows)], np.int64)


def feature_columns(wanted: Sequence[str], names: Sequence[str]) -> sql.Composable:
    """Elements of the facts' array, as a SELECT list. names : what the array holds, in order."""
    return sql.SQL(", ").join(
        sql.SQL("features[{}] AS {}").format(
            sql.Literal(names.index(name) + 1), sql.Identifier(name)
        )
        for name in wanted
    )


def _names(features: tuple[str, ...], clusters: StageClusters) -> list[str]:
    words = {feature.name: (str(feature.low), str(feature.high)) for feature in BUILT_IN}
    titles = name_clusters(
        clusters.centers_,
        [words[name] for name in features],
        alone=_("all"),
        average=_("average"),
    )
    longest = MicroSegment._meta.get_field("name").max_length
    return [title[:longest] for title in titles]

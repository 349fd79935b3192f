"""Micro-segments: clusters within each stage, fitted now and then, with ids that outlive a fit."""

from collections.abc import Mapping, Sequence
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
from segments.models import FeatureSet, MicroSegment, Segmentation, Stage
from segments.numerics.clusters import StageClusters, match_clusters, name_clusters
from segments.services.customer_facts import FACTS, every_kth

Array = NDArray[np.float64]

REFIT_DAYS = 28
MOST_ROWS = 10_000  # of one stage in a fit
# Standard deviations per feature that a centre may have moved since the last fit and be the same.
SAME_WITHIN = 0.75

# Clusters are found in features that a name can be made of, and that vary within the stage.
ATTENTION = ("visits_30d", "days_since_visit", "opens_90d", "clicks_90d")
SPENDING = ("orders_365d", "margin_365d_cents", "mean_order_cents", "visits_30d", "clicks_90d")
STAGE_FEATURES: Mapping[str, tuple[str, ...]] = {
    Stage.PROSPECT: ("tenure_days", *ATTENTION),
    Stage.NEW: ("recency_days", *SPENDING),
    Stage.ACTIVE: ("recency_days", *SPENDING),
    Stage.AT_RISK: SPENDING,
    Stage.LAPSED: ("recency_days", "orders_total", "mean_order_cents", *ATTENTION),
    Stage.REACTIVATED: ("recency_days", *SPENDING),
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
        if self.clusters is None:
            return np.full(len(rows), self.segment_ids[0])
        X = np.column_stack([columns[name][rows] for name in self.features])
        return self.segment_ids[self.clusters.predict(X)]

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

    names : of the features in the facts' array, in order.
    """
    earlier = Segmentation.objects.filter(fitted_on__lte=as_of)
    last = earlier.order_by("fitted_on", "pk").last()
    oldest = as_of - timedelta(days=REFIT_DAYS)
    if last and last.fitted_on > oldest and last.feature_set_id == feature_set.pk:
        return last
    before = stage_segments(last) if last else {}
    fitted = {
        stage: _continue_stage(stage, _fit_stage(stage, names, seed), before.get(stage), as_of)
        for stage in Stage.values
    }
    continued = {int(pk) for segments in fitted.values() for pk in segments.segment_ids}
    ended = {int(pk) for segments in before.values() for pk in segments.segment_ids} - continued
    MicroSegment.objects.filter(pk__in=ended).update(retired_on=as_of)
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
    """Each customer's one leaf: (n,) ids. stages : (n,). columns : CLUSTER_FEATURES, (n,) each."""
    ids = np.zeros(len(stages), np.int64)
    for stage, leaves in segments.items():
        rows = np.flatnonzero(stages == stage)
        if len(rows):
            ids[rows] = leaves.assign(columns, rows)
    return ids


def _fit_stage(stage: str, names: Sequence[str], seed: int) -> StageClusters | None:
    """Clusters of the stage's customers, or None where there are none to look at."""
    wanted = STAGE_FEATURES[stage]
    facts, in_stage = sql.Identifier(FACTS), sql.SQL("stage = {}").format(sql.Literal(stage))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {} WHERE {}").format(facts, in_stage))
        (n_customers,) = cursor.fetchone()
    if not n_customers:
        return None
    columns = read_columns(
        sql.SQL("SELECT {} FROM {} WHERE {} AND {} ORDER BY customer_id").format(
            feature_columns(wanted, names),
            facts,
            in_stage,
            every_kth(n_customers, MOST_ROWS, seed),
        ),
        wanted,
    )
    X = np.column_stack([columns[name] for name in wanted])
    return StageClusters(seed=seed).fit(X) if len(X) else None


def feature_columns(wanted: Sequence[str], names: Sequence[str]) -> sql.Composable:
    """Elements of the facts' array, as a SELECT list. names : what the array holds, in order."""
    return sql.SQL(", ").join(
        sql.SQL("features[{}] AS {}").format(
            sql.Literal(names.index(name) + 1), sql.Identifier(name)
        )
        for name in wanted
    )


def _continue_stage(
    stage: str, clusters: StageClusters | None, before: StageSegments | None, as_of: date
) -> StageSegments:
    """Gives each cluster the id of the old segment that it continues, or a new one, and a name."""
    features = STAGE_FEATURES[stage]
    n_clusters = clusters.n_clusters_ if clusters else 1
    old = _matched(features, clusters, before)
    ids = np.empty(n_clusters, np.int64)
    for place, name in enumerate(_names(features, clusters)):
        if old[place] >= 0 and before:
            ids[place] = before.segment_ids[old[place]]
            MicroSegment.objects.filter(pk=ids[place]).update(name=name)
        else:
            row = MicroSegment.objects.create(stage=stage, name=name, created_on=as_of)
            ids[place] = row.pk
    return StageSegments(features, clusters, ids)


def _matched(
    features: tuple[str, ...], clusters: StageClusters | None, before: StageSegments | None
) -> NDArray[np.intp]:
    """For each cluster the place of the old segment that it continues, -1 for none."""
    n_clusters = clusters.n_clusters_ if clusters else 1
    if before is None:
        return np.full(n_clusters, -1)
    if n_clusters == len(before.segment_ids) == 1:  # everyone in the stage, then as now
        return np.zeros(1, np.intp)
    if clusters is None or before.clusters is None or features != before.features:
        return np.full(n_clusters, -1)
    old_centers = before.clusters.inverse_transform(before.clusters.centers_)
    return match_clusters(
        clusters.transform(old_centers),
        clusters.centers_,
        max_distance=SAME_WITHIN * np.sqrt(len(features)),
    )


def _names(features: tuple[str, ...], clusters: StageClusters | None) -> list[str]:
    alone = _("all")
    if clusters is None:
        return [alone]
    words = {feature.name: (str(feature.low), str(feature.high)) for feature in BUILT_IN}
    labels = [words[name] for name in features]
    longest = MicroSegment._meta.get_field("name").max_length
    return [name[:longest] for name in name_clusters(clusters.centers_, labels, alone=alone)]

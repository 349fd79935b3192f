"""Splits of micro-segments: made, undone, ended, and who is in which leaf because of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from segments.errors import SplitRefused
from segments.feature_catalogue import BUILT_IN
from segments.models import FeatureDefinition, MicroSegment, SegmentSplit, StateBuild, TargetGroup
from segments.rules.describe_rule import describe
from segments.rules.numerics.rule import FEATURE, Kind, Op
from segments.rules.numerics.rule_tree import Condition, Rule
from segments.rules.rule_fields import feature_fields

NAME_LENGTH = 250
MAY_BE_UNKNOWN = ("mean", "days_since", "age", "attribute")  # aggregates of features
LISTS = {"eq": "in", "ne": "not_in", "in": "in", "not_in": "not_in"}  # operators on a segment


@transaction.atomic
def split_segment(
    segment: MicroSegment, *, feature: str, threshold: float, on: date
) -> SegmentSplit:
    """Divide a leaf in two, from the states of the next day on.

    Target groups that name the leaf name its children, too, so nobody leaves them by the split.
    Raises SplitRefused for a segment that is frozen, retired, or split already.
    """
    segment = MicroSegment.objects.select_for_update().get(pk=segment.pk)
    if segment.is_frozen:
        raise SplitRefused(_("“%s” is frozen.") % segment)
    if segment.splits.filter(ended_on=None).exists():
        raise SplitRefused(_("“%s” is already split.") % segment)
    if segment.retired_on:
        raise SplitRefused(_("“%s” is retired.") % segment)
    below, above = (
        MicroSegment.objects.create(stage=segment.stage, name=name, parent=segment, created_on=on)
        for name in _child_names(segment.name, feature, threshold)
    )
    segment.retired_on = on
    segment.save(update_fields=["retired_on"])
    split = SegmentSplit.objects.create(
        parent=segment,
        feature=feature,
        threshold=threshold,
        below=below,
        above=above,
        made_on=on,
    )
    _widen_target_groups(segment.pk, [below.pk, above.pk])
    return split


@transaction.atomic
def undo_split(split: SegmentSplit, *, on: date) -> SegmentSplit:
    """Merge the children back: from the states of the next day on all are in the parent again.

    Splits further down end with it. Raises SplitRefused where it has ended before.
    """
    split = SegmentSplit.objects.select_for_update().select_related("parent").get(pk=split.pk)
    if split.ended_on:
        raise SplitRefused(_("This split ended on %s.") % split.ended_on)
    end_splits([split.parent_id], on=on, why=SegmentSplit.End.UNDONE)
    MicroSegment.objects.filter(pk=split.parent_id).update(retired_on=None)
    split.refresh_from_db()
    return split


def end_splits(parents: Iterable[int], *, on: date, why: str) -> None:
    """End the splits of some segments and all below them, and retire their children."""
    waiting = list(parents)
    while waiting:
        splits = SegmentSplit.objects.filter(parent__in=waiting, ended_on=None)
        children = [pk for pair in splits.values_list("below", "above") for pk in pair]
        splits.update(ended_on=on, end=why)
        MicroSegment.objects.filter(pk__in=children).update(retired_on=on)
        waiting = children


def splits_of_day(as_of: date, names: Collection[str]) -> list[SegmentSplit]:
    """The splits that hold for a day's states, those of parents before those of their children.

    Those of a feature that the states do not have end here: its customers are together again.
    names : of the features that the day's states hold.
    """
    lost = SegmentSplit.objects.filter(ended_on=None, made_on__lt=as_of).exclude(feature__in=names)
    for split in lost:
        end_splits([split.parent_id], on=as_of, why=SegmentSplit.End.FEATURE)
        MicroSegment.objects.filter(pk=split.parent_id).update(retired_on=None)
    return _in_effect(as_of, names)


def _in_effect(as_of: date, names: Collection[str]) -> list[SegmentSplit]:
    lasting = Q(ended_on=None) | Q(ended_on__gte=as_of)
    splits = SegmentSplit.objects.filter(lasting, made_on__lt=as_of, feature__in=names)
    return list(splits.order_by("pk"))


def splits_changed(as_of: date) -> bool:
    """Whether a day's leaves are others than those of the day built before."""
    before = StateBuild.objects.filter(as_of__lt=as_of).order_by("as_of").last()
    since = before.as_of if before else as_of
    made = Q(made_on__gte=since, made_on__lt=as_of)
    return SegmentSplit.objects.filter(made | Q(ended_on__gte=since, ended_on__lte=as_of)).exists()


def apply_splits(
    splits: Sequence[SegmentSplit],
    segment_ids: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Each customer's leaf, given the cluster's segment: (n,).

    splits : parents first. columns : the splits' features by name, (n,) each.
    """
    ids = segment_ids.copy()
    for split in splits:
        rows = np.flatnonzero(ids == split.parent_id)
        above = columns[split.feature][rows] > split.threshold
        ids[rows] = np.where(above, split.above_id, split.below_id)
    return ids


def leaves_of(
    segment_ids: NDArray[np.int64], columns: Mapping[str, NDArray[np.float64]], *, on: date
) -> NDArray[np.int64]:
    """The leaves of a day that those of other days are, by splits and undone splits: (n,).

    segment_ids : (n,) of any time. columns : features of that time by name, (n,) each.
    """
    parents = ancestors()
    unique, index = np.unique(segment_ids, return_inverse=True)
    clusters = []
    for pk in unique.tolist():
        while pk in parents:
            pk = parents[pk]
        clusters.append(pk)
    ids = np.array(clusters, np.int64)[index.ravel()]
    return apply_splits(_in_effect(on, list(columns)), ids, columns)


def rename_children(segment_ids: Iterable[int]) -> None:
    """Give the children of renamed segments, and theirs, the names that follow."""
    waiting = list(segment_ids)
    while waiting:
        splits = SegmentSplit.objects.filter(parent__in=waiting, ended_on=None)
        waiting = []
        for split in splits.select_related("parent"):
            names = _child_names(split.parent.name, split.feature, split.threshold)
            for pk, name in zip((split.below_id, split.above_id), names, strict=True):
                MicroSegment.objects.filter(pk=pk).update(name=name)
                waiting.append(pk)


def ancestors() -> dict[int, int]:
    """The parent of every segment that was ever split off. A segment's parent never changes."""
    return dict(MicroSegment.objects.exclude(parent=None).values_list("pk", "parent_id"))


def nearest_known(
    segment_ids: NDArray[np.int64], known: NDArray[np.int64], parents: Mapping[int, int]
) -> NDArray[np.int64]:
    """Each segment, or the nearest above it that is known; where none is, itself: (n,).

    So a leaf just split off is taken for what it was part of until something is known of it.
    """
    unique, index = np.unique(segment_ids, return_inverse=True)
    have = set(known.tolist())
    nearest = []
    for pk in unique.tolist():
        at: int | None = pk
        while at is not None and at not in have:
            at = parents.get(at)
        nearest.append(pk if at is None else at)
    return np.array(nearest, np.int64)[index.ravel()]


def cut_in_words(feature: str, threshold: float) -> tuple[str, str]:
    """The two sides of a cut: (not above, above), as in “days since the last order > 41”."""
    fields = {field.name: field for field in feature_fields(None)}
    sides = (Condition(f"{FEATURE}{feature}", op, threshold, Kind.NUMBER) for op in (Op.LE, Op.GT))
    below, above = (describe(Rule(side), fields) for side in sides)
    if _may_be_unknown(feature):
        below = _("%(cut)s or unknown") % {"cut": below}
    return below, above


def _may_be_unknown(feature: str) -> bool:
    aggregates = {built_in.name: built_in.aggregate for built_in in BUILT_IN}
    defined = FeatureDefinition.objects.filter(name=feature).values_list("aggregate", flat=True)
    return (aggregates.get(feature) or defined.first()) in MAY_BE_UNKNOWN


def _child_names(parent: str, feature: str, threshold: float) -> list[str]:
    """The cut is what tells them apart, so it is the parent's name that is cut short."""
    sides = [f", {side}" for side in cut_in_words(feature, threshold)]
    return [f"{parent[: NAME_LENGTH - len(side)]}{side}" for side in sides]


def _widen_target_groups(parent: int, children: list[int]) -> None:
    for group in TargetGroup.objects.select_for_update():
        rule = _widened(group.rule, parent, children)
        if rule != group.rule:
            group.rule = rule
            group.save(update_fields=["rule"])


def _widened(rule: Any, parent: int, children: list[int]) -> Any:
    """A stored rule in which members of either child count as members of the parent."""
    if isinstance(rule, list):
        return [_widened(part, parent, children) for part in rule]
    if not isinstance(rule, dict):
        return rule
    if rule.get("field") != "micro_segment":
        return {key: _widened(part, parent, children) for key, part in rule.items()}
    value = rule.get("value")
    values = value if isinstance(value, list) else [value]
    if rule.get("op") not in LISTS or parent not in values:
        return rule
    return {**rule, "op": LISTS[rule["op"]], "value": list(dict.fromkeys([*values, *children]))}

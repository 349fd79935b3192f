"""The segment tree's learned splits: who is in which leaf, and what undoing and refits do."""

from datetime import timedelta

import numpy as np
import pytest

from segments.errors import SplitRefused
from segments.models import (
    Customer,
    CustomerState,
    MicroSegment,
    SegmentMove,
    SegmentSplit,
    TargetGroup,
)
from segments.state import assign_segments as segment
from segments.state.build_state import build_state
from segments.state.split_segment import (
    end_splits,
    nearest_known,
    split_segment,
    undo_split,
)
from tests.factories import make_customer
from tests.segments.stories import AS_OF, days_before, event, store

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def leaf():
    """The one segment of four buyers who bought 1 to 4 times, in their first month."""
    for n_orders in range(1, 5):
        customer = make_customer()
        store(
            *(event(customer, "order", days_before(1 + i), amount_cents=9) for i in range(n_orders))
        )
    build_state(AS_OF)
    return CustomerState.objects.filter(as_of=AS_OF)[0].micro_segment


def segments_on(day):
    states = CustomerState.objects.filter(as_of=day).order_by("customer_id")
    return list(states.values_list("micro_segment", flat=True))


def test_from_the_next_day_on_customers_are_in_the_children(leaf):
    split = split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)

    assert build_state(AS_OF)  # the day itself is as it was, built again or not
    assert segments_on(AS_OF) == [leaf.pk] * 4
    build_state(AS_OF + DAY)

    assert segments_on(AS_OF + DAY) == [split.below_id] * 2 + [split.above_id] * 2
    moves = SegmentMove.objects.filter(moved_on=AS_OF + DAY)
    assert {(move.origin_id, move.target_id) for move in moves} == {
        (leaf.pk, split.below_id),
        (leaf.pk, split.above_id),
    }
    assert split.above.name == f"{leaf.name}, orders > 2"
    assert split.below.name == f"{leaf.name}, orders ≤ 2"
    leaf.refresh_from_db()
    assert leaf.retired_on == AS_OF


def test_a_child_can_be_split_again_and_undoing_merges_all_below(leaf):
    split = split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)
    deeper = split_segment(split.above, feature="recency_days", threshold=9.0, on=AS_OF)
    build_state(AS_OF + DAY)
    assert segments_on(AS_OF + DAY) == [split.below_id] * 2 + [deeper.below_id] * 2
    assert deeper.below.name.endswith("orders > 2, days since the last order ≤ 9 or unknown")

    undone = undo_split(split, on=AS_OF + DAY)

    build_state(AS_OF + 2 * DAY)
    assert segments_on(AS_OF + 2 * DAY) == [leaf.pk] * 4
    assert undone.end == SegmentSplit.End.UNDONE
    leaf.refresh_from_db()
    assert leaf.retired_on is None
    children = MicroSegment.objects.exclude(parent=None)
    assert {child.retired_on for child in children} == {AS_OF + DAY}
    with pytest.raises(SplitRefused, match="ended on"):
        undo_split(split, on=AS_OF + 2 * DAY)


def test_frozen_retired_and_split_segments_are_not_split(leaf):
    split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)
    with pytest.raises(SplitRefused, match=f"“{leaf}” is already split"):
        split_segment(leaf, feature="orders_total", threshold=3.0, on=AS_OF)
    child = MicroSegment.objects.filter(parent=leaf)[0]
    child.is_frozen = True
    child.save()
    with pytest.raises(SplitRefused, match="is frozen"):
        split_segment(child, feature="orders_total", threshold=1.0, on=AS_OF)


def test_a_refit_that_finds_the_cluster_again_keeps_its_splits(leaf, monkeypatch):
    monkeypatch.setattr(segment, "REFIT_DAYS", 1)
    split = split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)
    later = AS_OF + DAY

    build = build_state(later)

    assert build.segmentation.fitted_on == later
    split.refresh_from_db()
    assert split.ended_on is None
    assert set(segments_on(later)) == {split.below_id, split.above_id}


def test_with_its_feature_gone_a_split_ends(leaf):
    split = split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)
    SegmentSplit.objects.update(feature="a_users_own")

    build_state(AS_OF + DAY)

    assert segments_on(AS_OF + DAY) == [leaf.pk] * 4
    split.refresh_from_db()
    assert (split.ended_on, split.end) == (AS_OF + DAY, SegmentSplit.End.FEATURE)


def test_with_its_cluster_gone_a_split_ends():
    parent = MicroSegment.objects.create(stage="new", name="all", created_on=AS_OF)
    split = split_segment(parent, feature="orders_total", threshold=2.0, on=AS_OF)

    end_splits([parent.pk], on=AS_OF + DAY, why=SegmentSplit.End.CLUSTER)

    split.refresh_from_db()
    assert (split.ended_on, split.end) == (AS_OF + DAY, "cluster")
    assert not MicroSegment.objects.filter(retired_on=None).exists()


def test_nobody_leaves_a_target_group_by_a_split(leaf):
    named = {"field": "micro_segment", "op": "eq", "value": leaf.pk}
    group = TargetGroup.objects.create(name="g", rule={"all": [named, {"not": dict(named)}]})
    other = TargetGroup.objects.create(name="o", rule={**named, "value": leaf.pk + 999})

    split = split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)

    group.refresh_from_db()
    wider = {**named, "op": "in", "value": [leaf.pk, split.below_id, split.above_id]}
    assert group.rule == {"all": [wider, {"not": wider}]}
    before = other.rule
    other.refresh_from_db()
    assert other.rule == before


def test_a_leaf_not_seen_yet_is_taken_for_what_it_was_part_of():
    known = nearest_known(np.array([4, 2, 9, 4]), np.array([1, 2]), {4: 3, 3: 1, 2: 1})

    assert known.tolist() == [1, 2, 9, 1]


def test_customers_without_a_state_do_not_matter(leaf):
    Customer.objects.all().delete()
    split_segment(leaf, feature="orders_total", threshold=2.0, on=AS_OF)

    assert build_state(AS_OF + DAY).n_customers == 0

from dataclasses import fields

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from journeys.learning.numerics.uplift import UpliftModel, UpliftStatistics, winsor_limit


def contacts(seed, n=400, d=4, n_segments=5):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, d - 1))])
    segment_ids = rng.integers(0, n_segments, n) * 10
    treated, responded = rng.random(n) < 0.8, rng.random(n) < 0.3
    return [X, segment_ids, treated, rng.gamma(1, 20, n), responded, rng.uniform(0.5, 2, n)]


def assert_same(actual, expected):
    for field in fields(UpliftStatistics):
        assert_allclose(
            getattr(actual, field.name), getattr(expected, field.name), err_msg=field.name
        )


def test_sums_by_hand():
    # Two in test, one control, weights 1, 2, 3; x = (1, 2), (1, 3), (1, 4).
    sums = UpliftStatistics.from_contacts(
        [[1, 2], [1, 3], [1, 4]], [7, 9, 7], [True, True, False], [10, 20, 30], [1, 0, 1], [1, 2, 3]
    )

    assert_allclose(sums.gram[1], [[3, 8], [8, 22]])
    assert_allclose(sums.moment[1], [[50, 1], [140, 2]])
    assert_allclose(sums.square, [[2700, 3], [900, 1]])
    assert_allclose(sums.n, [1, 2])
    assert_allclose(sums.n_responded, [1, 1])
    assert_array_equal(sums.segment_ids, [7, 9])
    assert_allclose(sums.segment_n, [[3, 1], [0, 2]])
    assert_allclose(sums.segment_x, [[[3, 12], [1, 2]], [[0, 0], [2, 6]]])
    assert_allclose(sums.segment_y, [[[90, 3], [10, 1]], [[0, 0], [40, 0]]])


def test_shards_add_up_to_the_whole():
    everything = contacts(0)
    shards = np.random.default_rng(1).integers(0, 3, 400)

    parts = [
        UpliftStatistics.from_contacts(*(column[shards == k] for column in everything))
        for k in range(3)
    ]

    total = sum(parts, start=UpliftStatistics.empty(4))
    assert_same(total, UpliftStatistics.from_contacts(*everything))


def test_segments_of_either_side_are_kept():
    first, second = contacts(0), contacts(1)
    second[1] = second[1] + 30
    joined = [np.concatenate(columns) for columns in zip(first, second, strict=True)]

    total = UpliftStatistics.from_contacts(*first) + UpliftStatistics.from_contacts(*second)

    assert_same(total, UpliftStatistics.from_contacts(*joined))


def test_half_of_doubled_evidence_is_the_evidence():
    sums = UpliftStatistics.from_contacts(*contacts(0))

    assert_same((sums + sums).scaled(0.5), sums)


def test_bytes_give_back_the_same_and_are_the_same():
    sums = UpliftStatistics.from_contacts(*contacts(0))

    restored = UpliftStatistics.from_bytes(sums.to_bytes())

    for field in fields(UpliftStatistics):
        assert_array_equal(getattr(restored, field.name), getattr(sums, field.name))
    assert restored.to_bytes() == sums.to_bytes()


def test_nobody_contacted_is_the_zero_of_addition():
    sums = UpliftStatistics.from_contacts(*contacts(0))
    nobody = UpliftStatistics.from_contacts(*(column[:0] for column in contacts(0)))

    assert_same(sums + nobody, sums)
    assert_same(nobody, UpliftStatistics.empty(4))


def test_bad_contacts_are_refused():
    X, segment_ids, treated, value, responded, weights = contacts(0)
    with pytest.raises(ValueError, match="lengths differ"):
        UpliftStatistics.from_contacts(X[:-1], segment_ids, treated, value, responded)
    with pytest.raises(ValueError, match="finite"):
        UpliftStatistics.from_contacts(X, segment_ids, treated, value * np.nan, responded)
    with pytest.raises(ValueError, match="weights"):
        UpliftStatistics.from_contacts(X, segment_ids, treated, value, responded, weights * 0)
    with pytest.raises(ValueError, match="cannot add"):
        UpliftStatistics.empty(3) + UpliftStatistics.empty(4)


def test_a_weight_common_to_an_arm_changes_no_conclusion():
    # Arms weighted by 1 / share must not pass for more, or fewer, contacts than there were.
    *columns, _ = contacts(0, n=2000)
    shares = np.where(columns[2], 0.8, 0.2)

    plain, weighted = (
        UpliftModel().fit([UpliftStatistics.from_contacts(*columns, weights)], [1])
        for weights in (None, 1 / shares)
    )

    assert_allclose(weighted.coef_, plain.coef_, rtol=1e-6, atol=1e-9)
    assert_allclose(weighted.coef_cov_, plain.coef_cov_, rtol=1e-6, atol=1e-9)


def test_weights_undo_a_control_share_that_fell_while_sales_rose():
    # No effect at all; sales go from 10 to 20 as the control share goes from one half to a tenth.
    rng = np.random.default_rng(0)
    n = 20_000
    late = rng.random(n) < 0.5
    share = np.where(late, 0.9, 0.5)
    treated = rng.random(n) < share
    value = np.where(late, 20, 10) + rng.normal(size=n)
    columns = [np.ones((n, 1)), np.zeros(n, dtype=int), treated, value, value > 15]

    def uplift(weights):
        statistics = UpliftStatistics.from_contacts(*columns, weights)
        return UpliftModel().fit([statistics], [1]).predict([[1.0]], [0]).uplift[0, 0]

    assert uplift(None) > 3
    assert abs(uplift(1 / np.where(treated, share, 1 - share))) < 0.5


def test_the_winsor_limit_leaves_buyers_that_many():
    values = np.concatenate([np.zeros(9000), np.arange(1, 1001)])

    assert winsor_limit(values, 0.99) == 991  # 9 of 1,000 buyers lie above
    assert winsor_limit(-values, 0.99) == 991
    assert winsor_limit([0.0, 0.0]) == np.inf

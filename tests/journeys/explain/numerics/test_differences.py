"""Who gets what instead of what, counted by hand; samples scaled as Wilson's interval says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from journeys.explain.numerics.differences import NOTHING, Differences, scaled


def rows(*texts: str) -> np.ndarray:
    return np.array([[sign == "x" for sign in text] for text in texts])


def test_losing_gaining_and_swapping_by_hand():
    differences = Differences()
    campaigns = np.array([7, 8, 9])

    differences.add(
        np.array([1, 2, 3, 4, 5]),
        campaigns,
        rows("x..", "x..", "...", "..x", "x.x"),
        rows("x..", ".x.", ".x.", "...", ".xx"),
    )

    assert (differences.n, differences.n_losing, differences.n_gaining, differences.n_swapping) == (
        5,
        1,
        1,
        2,
    )
    assert differences.before == {7: 3, 9: 2}
    assert differences.after == {7: 1, 8: 3, 9: 1}
    assert differences.kept == {7: 1, 9: 1}
    assert differences.changes == {(7, 8): 2, (NOTHING, 8): 1, (9, NOTHING): 1}
    assert differences.examples == {2: [(7, 8)], 3: [(0, 8)], 4: [(9, 0)], 5: [(7, 8)]}


def test_batches_add_up_and_examples_stay_few():
    differences = Differences()
    for start in range(0, 300, 100):
        ids = np.arange(start, start + 100)
        differences.add(ids, np.array([1]), np.ones((100, 1), bool), np.zeros((100, 1), bool))

    assert (differences.n, differences.n_losing) == (300, 300)
    assert len(differences.examples) == 4


def test_counts_of_all_customers_are_exact():
    assert scaled(3, 10, 10) == (3.0, 3.0, 3.0)


def test_a_sample_is_scaled_with_wilsons_interval():
    # Newcombe (1998), table I: 81 of 263, Wilson: 0.2553 to 0.3662.
    n, low, high = scaled(81, 263, 2_630_000)

    assert_allclose(n, 810_000)
    assert_allclose([low / 2_630_000, high / 2_630_000], [0.2553, 0.3662], atol=5e-5)


def test_nobody_in_a_sample_is_not_nobody_at_all():
    n, low, high = scaled(0, 100, 1000)

    assert (n, low) == (0, 0)
    assert high > 0


@pytest.mark.parametrize(("k", "n", "n_all"), [(2, 1, 5), (-1, 1, 5), (1, 6, 5)])
def test_what_is_no_count_is_refused(k, n, n_all):
    with pytest.raises(ValueError, match="is no count"):
        scaled(k, n, n_all)

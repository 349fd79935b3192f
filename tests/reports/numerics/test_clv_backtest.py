"""Predictions against what came: groups and measures worked out by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reports.numerics.clv_backtest import (
    Forecast,
    agreement,
    by_decile,
    by_frequency,
    joined,
    normalised_gini,
)


def forecast(predicted_cents, actual_cents, repeats=None):
    predicted_cents, actual_cents = np.array(predicted_cents, float), np.array(actual_cents, float)
    repeats = np.zeros(len(predicted_cents), int) if repeats is None else np.array(repeats)
    return Forecast(
        repeats, predicted_cents / 100, actual_cents / 100, predicted_cents, actual_cents
    )


def test_groups_go_from_the_most_valuable_down():
    groups = by_decile(forecast([1, 5, 3, 4, 2], [10, 50, 30, 0, 20]), n_groups=2)

    assert [group.n for group in groups] == [3, 2]  # as good as equal
    assert [group.predicted_cents for group in groups] == [4, 1.5]
    assert [group.actual_cents.mean for group in groups] == [80 / 3, 15]
    assert_allclose([group.predicted_purchases for group in groups], [0.04, 0.015])


def test_fewer_customers_than_groups_are_groups_of_one():
    groups = by_decile(forecast([1, 2], [3, 4]))

    assert [(group.n, group.actual_cents.mean) for group in groups] == [(1, 4), (1, 3)]
    assert by_decile(forecast([], [])) == []


def test_many_repeats_share_a_group_and_absent_numbers_have_none():
    groups = by_frequency(forecast([1, 2, 3, 4], [1, 2, 3, 4], repeats=[0, 9, 2, 7]))

    assert [(group.label, group.n) for group in groups] == [("0", 1), ("2", 1), ("7+", 2)]
    assert groups[-1].predicted_cents == 3


def test_the_measures_by_hand():
    measures = agreement([1, 2, 3, 6], [0, 2, 4, 2])

    assert (measures.predicted_total, measures.actual_total) == (12, 8)
    assert measures.mean_absolute_error == (1 + 0 + 1 + 4) / 4
    # Deviations (-2, -1, 0, 3) and (-2, 0, 2, 0): 4 over the root of 14 times 8.
    assert measures.correlation == pytest.approx(4 / math.sqrt(14 * 8))
    # The actual mean is 2 with variance 8/3: limits 2 ± 3.1824 · √(2/3), the low one below zero.
    assert measures.ratio.estimate == 1.5
    assert measures.ratio.low == pytest.approx(3 / (2 + 3.182446 * math.sqrt(2 / 3)))
    assert measures.ratio.high == math.inf


def test_gini_by_the_curve_of_concentration():
    # In ascending order of what came (0, 0, 2, 6) the Lorenz curve has the area
    # (0 + 0 + 2/8/2 + (2/8 + 1)/2)/4 = 3/16, so the Gini is 1 - 2 · 3/16 = 5/8. In the order
    # (0, 2, 0, 6): (0 + 1/8 + 1/4 + 5/8)/4 = 1/4, so 1/2.
    came = np.array([0, 2, 0, 6])
    assert normalised_gini(np.arange(4.0), came) == pytest.approx(0.8)
    assert normalised_gini(came * 10.0, came) == 1
    assert normalised_gini(-came, came) == pytest.approx(-1)
    assert normalised_gini(np.ones(4), came) == pytest.approx(0)


def test_what_is_not_defined_is_unknown():
    nothing_came = agreement([1, 2, 3], [0, 0, 0])
    same_for_all = agreement([1, 1, 1], [2, 2, 2])

    assert math.isnan(nothing_came.gini)
    assert math.isnan(nothing_came.correlation)
    assert not nothing_came.ratio.is_known
    assert math.isnan(same_for_all.gini)
    assert same_for_all.ratio.estimate == 0.5
    with pytest.raises(ValueError, match="cannot compare"):
        agreement([], [])
    with pytest.raises(ValueError, match="cannot compare"):
        agreement([1, 2], [1])


def test_batches_are_as_good_as_one():
    whole = forecast([1, 5, 3, 4, 2], [10, 50, 30, 0, 20], repeats=[0, 3, 1, 2, 0])
    first = forecast([1, 5], [10, 50], repeats=[0, 3])
    rest = forecast([3, 4, 2], [30, 0, 20], repeats=[1, 2, 0])

    assert by_frequency(joined([first, rest])) == by_frequency(whole)

"""Welch and Fieller against scipy, hand calculation and simulated truth."""

import math

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from reports.numerics.intervals import Interval, combine
from reports.numerics.means import Moments, relative_lift, stratified_welch, welch_interval


def moments(values) -> Moments:
    values = np.asarray(values, dtype=float)
    return Moments(len(values), float(values.sum()), float((values**2).sum()))


def test_sums_give_mean_and_unbiased_variance():
    sums = moments([1, 2, 3, 4])

    assert (sums.mean, sums.variance, sums.mean_variance) == (2.5, 5 / 3, 5 / 12)
    assert moments([1, 2]) + moments([3, 4]) == sums


def test_welch_is_scipys():
    rng = np.random.default_rng(1)
    a, b = rng.gamma(2, 30, 40), rng.gamma(1, 50, 17)

    interval = welch_interval(moments(a), moments(b))

    reference = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert_allclose([interval.low, interval.high], [reference.low, reference.high], rtol=1e-9)


def test_strata_are_compared_within_themselves():
    """Two seasons, no effect in either; more controls in the poor one. Plain means would lie."""
    poor = (moments([0, 2] * 50), moments([0, 2] * 450))
    rich = (moments([10, 12] * 450), moments([10, 12] * 50))

    interval = stratified_welch([0.5, 0.5], [poor, rich])

    assert interval.estimate == 0
    assert interval.low < 0 < interval.high
    # By hand: each stratum's variance is 1 (1/100 + 1/900), nearly; both count a quarter.
    assert_allclose(interval.high, 1.96 * math.sqrt(0.5 * (1 / 100 + 1 / 900)), rtol=0.02)


def test_welch_intervals_of_winsorised_revenue_cover_the_truth():
    rng = np.random.default_rng(3)
    covered, n_sims = 0, 1_000
    buys = rng.random((n_sims, 1_200)) < 0.3
    spend = np.where(buys, np.minimum(rng.lognormal(3, 1, buys.shape), 300.0), 0.0)
    for row in spend:
        interval = welch_interval(moments(row[:900]), moments(row[900:]))
        covered += interval.low <= 0 <= interval.high

    assert 0.93 <= covered / n_sims <= 0.97


def test_two_values_are_the_least_to_know_a_spread():
    assert math.isnan(welch_interval(moments([1, 2]), moments([3])).low)
    assert math.isnan(moments([3]).interval().low)
    assert math.isnan(Moments().mean)


def test_equal_values_throughout_do_not_pass_for_certainty():
    interval = welch_interval(moments([0] * 50), moments([0] * 50))

    assert interval.estimate == 0
    assert not interval.is_known


def test_mover_of_one_is_that_one_and_of_two_adds_squares():
    interval = Interval(0.1, 0.0, 0.3)

    assert_allclose(
        [combine([1.0], [interval]).low, combine([1.0], [interval]).high], [0.0, 0.3], atol=1e-12
    )
    both = combine([0.5, 0.5], [Interval(1, 1 - 3, 1 + 6), Interval(3, 3 - 4, 3 + 8)])
    assert (both.estimate, both.low, both.high) == (2, 2 - 2.5, 2 + 5)


def test_fiellers_limits_cover_the_true_lift():
    rng = np.random.default_rng(5)
    covered, n_sims = 0, 2_000
    for _ in range(n_sims):
        treated, control = rng.normal(11, 30, 400), rng.normal(10, 30, 300)
        interval = relative_lift(moments(treated), moments(control))
        covered += interval.low <= 0.1 <= interval.high

    assert 0.935 <= covered / n_sims <= 0.965


def test_no_relative_lift_over_a_control_that_may_be_nothing():
    control = moments([-40, 50] * 20)  # 5 ± 14

    assert not relative_lift(moments([10, 12] * 20), control).is_known


def test_fieller_with_a_certain_control_is_the_plain_ratio():
    treated, control = moments([9, 13] * 50), Moments(100, 1_000.0, 10_000.0)

    interval = relative_lift(treated, control)

    half = 1.959964 * math.sqrt(treated.mean_variance) / 10
    assert_allclose([interval.estimate, interval.high], [0.1, 0.1 + half], rtol=1e-6)

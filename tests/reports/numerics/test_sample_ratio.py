"""The split check against the textbook, and its promises under daily looks."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from reports.numerics.sample_ratio import sample_ratio


def test_one_stratum_is_pearsons_test():
    check = sample_ratio([[480, 530, 990]], [[0.25, 0.25, 0.5]])

    assert_allclose(check.p_value, stats.chisquare([480, 530, 990], [500, 500, 1000]).pvalue)
    assert check.observed == (480, 530, 990)
    assert check.expected == (500, 500, 1000)


def test_shares_that_change_are_expected_as_they_were():
    """By hand: 1,000 at 10 % and 1,000 at 50 % expect 600 controls, variance 90 + 250."""
    check = sample_ratio([[890, 110], [480, 520]], [[0.9, 0.1], [0.5, 0.5]])

    assert_allclose(check.expected, [1400, 600])
    assert_allclose(check.p_value, stats.chi2.sf(30**2 / 340, 1))


def test_evidence_is_the_ratio_of_two_likelihoods():
    """By hand: after one customer the Dirichlet-multinomial says what the plan says."""
    assert_allclose(sample_ratio([[1, 0]], [[0.7, 0.3]]).evidence, 1)
    # Two of the first group: p (1000 p + 1) / 1001 against p^2.
    assert_allclose(sample_ratio([[2, 0]], [[0.7, 0.3]]).evidence, 701 / 1001 / 0.7)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_a_sound_split_is_hardly_ever_alarmed_at_over_30_daily_looks(share):
    rng = np.random.default_rng(11)
    n_sims, n_days, daily = 500, 30, 3_333
    controls = rng.binomial(daily, share, (n_sims, n_days)).cumsum(axis=1)
    alarms = 0
    for row in controls:
        looks = (
            sample_ratio([[daily * day - c, c]], [[1 - share, share]])
            for day, c in enumerate(row, start=1)
        )
        alarms += any(look.is_alarm for look in looks)

    assert alarms / n_sims <= 0.01


def test_a_split_of_51_to_49_is_found_at_100_000():
    rng = np.random.default_rng(13)
    is_flagged = [
        sample_ratio([[100_000 - c, c]], [[0.5, 0.5]]).is_alarm
        for c in rng.binomial(100_000, 0.49, 1_000)
    ]

    assert np.mean(is_flagged) >= 0.99


def test_a_small_but_gross_mismatch_is_an_alarm_and_a_mild_one_a_warning():
    assert sample_ratio([[700, 300]], [[0.5, 0.5]]).is_alarm
    mild = sample_ratio([[545, 455]], [[0.5, 0.5]])
    assert mild.is_warning
    assert not mild.is_alarm


def test_nothing_split_is_unknown_and_no_alarm():
    check = sample_ratio([], [])

    assert math.isnan(check.p_value)
    assert not check.is_alarm
    assert not check.is_warning


def test_impossible_counts_and_shares_are_refused():
    with pytest.raises(ValueError, match="add up to 1"):
        sample_ratio([[1, 1]], [[0.5, 0.6]])
    with pytest.raises(ValueError, match="add up to 1"):
        sample_ratio([[-1, 1]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="shapes"):
        sample_ratio([[1, 1]], [[1.0]])

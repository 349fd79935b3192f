"""Newcombe's and Wilson's published tables, and coverage on simulated truth."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reports.numerics.proportions import Proportion, pooled_variance, uplift_interval


# Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10.
@pytest.mark.parametrize(
    ("treated", "control", "limits"),
    [
        ((70, 56), (80, 48), (0.0524, 0.3339)),
        ((10, 9), (10, 3), (0.1705, 0.8090)),
        ((7, 6), (7, 2), (0.0582, 0.8062)),
        ((56, 5), (29, 0), (-0.0381, 0.1926)),
        ((10, 0), (20, 0), (-0.1611, 0.2775)),
        ((10, 0), (10, 0), (-0.2775, 0.2775)),
        ((10, 10), (20, 0), (0.6791, 1.0000)),
        ((10, 10), (10, 0), (0.6075, 1.0000)),
    ],
)
def test_uplift_intervals_match_the_published_examples(treated, control, limits):
    interval = uplift_interval(Proportion(*treated), Proportion(*control))

    assert_allclose([interval.low, interval.high], limits, atol=5e-5)


# Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        ((263, 81), (0.2553, 0.3662)),
        ((148, 15), (0.0624, 0.1605)),
        ((20, 0), (0.0000, 0.1611)),
        ((29, 1), (0.0061, 0.1718)),
    ],
)
def test_wilson_intervals_match_the_published_examples(counts, limits):
    assert_allclose(Proportion(*counts).wilson(), limits, atol=5e-5)


def test_hillstroms_effect_on_visits_is_the_published_one():
    """Mens e-mail against none: +.076590, standard error .003386."""
    mens, none = Proportion(21_307, 3_894), Proportion(21_306, 2_262)

    interval = uplift_interval(mens, none)

    assert_allclose(interval.estimate, 0.076590, atol=5e-7)
    assert_allclose((interval.high - interval.low) / (2 * 1.959964), 0.003386, atol=2e-6)


@pytest.mark.parametrize(
    ("p_test", "p_control", "n_test", "n_control"),
    [(0.03, 0.03, 9_000, 1_000), (0.003, 0.003, 9_000, 1_000), (0.033, 0.03, 9_000, 9_000)],
)
def test_uplift_intervals_cover_the_truth(p_test, p_control, n_test, n_control):
    rng = np.random.default_rng(7)
    n_sims = 2_000
    tests = rng.binomial(n_test, p_test, n_sims)
    controls = rng.binomial(n_control, p_control, n_sims)
    covered = 0
    for t, c in zip(tests, controls, strict=True):
        interval = uplift_interval(Proportion(n_test, int(t)), Proportion(n_control, int(c)))
        covered += interval.low <= p_test - p_control <= interval.high

    assert 0.935 <= covered / n_sims <= 0.975  # nominal 95 %; the method itself reaches 96 %


def test_an_empty_group_is_unknown_not_zero():
    interval = uplift_interval(Proportion(10, 3), Proportion(0, 0))

    assert math.isnan(interval.estimate)
    assert not interval.is_known
    assert math.isnan(Proportion(0, 0).rate)
    assert all(math.isnan(limit) for limit in Proportion(0, 0).wilson())
    assert math.isnan(pooled_variance(Proportion(0, 0), Proportion(5, 1)))


def test_more_responses_than_contacts_are_refused():
    with pytest.raises(ValueError, match="4 responses out of 3"):
        Proportion(3, 4)

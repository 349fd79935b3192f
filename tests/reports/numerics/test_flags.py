"""Looking every day, and at many rows, must not make effects."""

import math

import numpy as np
from numpy.testing import assert_array_equal

from reports.numerics.flags import always_valid_p, discoveries


def test_benjamini_and_hochbergs_own_example():
    """Benjamini & Hochberg (1995), section 4: of 15 p-values the four smallest are rejected."""
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
    ]  # fmt: skip

    assert_array_equal(np.flatnonzero(discoveries(p)), [0, 1, 2, 3])
    assert_array_equal(np.flatnonzero(discoveries(p[::-1])), [11, 12, 13, 14])


def test_no_p_values_no_flags():
    assert discoveries([]).size == 0


def test_an_unknown_variance_proves_nothing():
    assert always_valid_p(0.1, math.nan, 10) == 1
    assert always_valid_p(0.1, 0.0, 10) == 1


def a_a_p_values(rate, share, n, n_sims, n_days, rng):
    """Always-valid p-values (n_sims, n_days) of an A/A test with n contacts in all."""
    daily = np.array([n / n_days * (1 - share), n / n_days * share]).astype(int)
    responders = rng.binomial(daily, rate, (n_sims, n_days, 2)).cumsum(axis=1)
    contacts = daily * np.arange(1, n_days + 1)[:, None]
    rates = responders / contacts
    pooled = responders.sum(axis=2) / contacts.sum(axis=1)
    variance = pooled * (1 - pooled) * (1 / contacts).sum(axis=1)
    p = np.vectorize(always_valid_p)(rates[..., 0] - rates[..., 1], variance, contacts.sum(axis=1))
    enough = (responders[..., 0] >= 15) & (responders[..., 1] >= 5)
    return np.where(enough, p, 1.0)


def test_thirty_daily_looks_at_nothing_flag_at_most_one_in_twenty():
    rng = np.random.default_rng(17)
    for rate, share in [(0.3, 0.5), (0.03, 0.1), (0.003, 0.1), (0.003, 0.05)]:
        p = a_a_p_values(rate, share, 100_000, 1_000, 30, rng)

        assert (p.min(axis=1) <= 0.05).mean() <= 0.05, (rate, share)


def test_twenty_segments_of_nothing_flag_at_most_one_report_in_twenty():
    rng = np.random.default_rng(19)
    p = np.stack([a_a_p_values(0.05, 0.2, 5_000, 300, 10, rng) for _ in range(20)])
    flagged = [
        any(discoveries(p[:, sim, day]).any() for day in range(10)) for sim in range(p.shape[1])
    ]

    assert np.mean(flagged) <= 0.05


def test_an_uplift_of_a_fifth_on_three_percent_is_found_in_time():
    rng = np.random.default_rng(23)
    test, control = rng.binomial(50_000, 0.036, 500), rng.binomial(50_000, 0.03, 500)
    pooled = (test + control) / 100_000
    variance = pooled * (1 - pooled) * 2 / 50_000
    p = np.vectorize(always_valid_p)((test - control) / 50_000, variance, 100_000)

    assert (p <= 0.05).mean() >= 0.8

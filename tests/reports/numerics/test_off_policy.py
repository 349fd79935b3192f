"""Estimators of a policy never followed, against a truth that is known."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reports.numerics.off_policy import (
    Log,
    ThinOverlap,
    doubly_robust,
    ips,
    over_splits,
    self_normalised_ips,
)


def log_of(chosen, propensity, reward, n_options=2) -> Log:
    chosen = np.asarray(chosen, dtype=np.int64)
    support = np.ones((len(chosen), n_options), dtype=bool)
    return Log(chosen, np.asarray(propensity, float), np.asarray(reward, float), support)


def always(option, n, n_options=2):
    policy = np.zeros((n, n_options))
    policy[:, option] = 1
    return policy


def test_values_by_hand():
    """120 rows: 40 chose option 1 with probability 1/4 and earned 3, 80 chose option 0.

    Under an even policy their weights are 2 and 2/3.
    """
    log = log_of([1] * 40 + [0] * 80, [0.25] * 40 + [0.75] * 80, [3] * 40 + [1] * 80)
    policy = np.full((120, 2), 0.5)

    plain, normalised = ips(log, policy), self_normalised_ips(log, policy)

    assert_allclose(plain.value, (20 * 2 * 3 + 40 * (2 / 3)) / 60)
    assert_allclose(normalised.value, (20 * 2 * 3 + 40 * (2 / 3)) / (40 + 80 / 3))
    assert_allclose(plain.effective_n, 2 * (40 + 80 / 3) ** 2 / (20 * 4 + 40 * 4 / 9))
    assert plain.unsupported_share == 0


def test_a_perfect_model_leaves_no_error_and_a_wrong_one_no_bias():
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, 2, 4_000)
    reward = np.where(chosen == 1, 3.0, 1.0)
    log, policy = log_of(chosen, np.full(4_000, 0.5), reward), always(1, 4_000)

    perfect = doubly_robust(log, policy, np.tile([1.0, 3.0], (4_000, 1)))
    wrong = doubly_robust(log, policy, np.tile([9.0, -5.0], (4_000, 1)))

    assert (perfect.value, perfect.standard_error) == (3, 0)
    assert abs(wrong.value - 3) < 4 * wrong.standard_error


@pytest.mark.parametrize("name", ["ips", "self-normalised", "doubly robust"])
def test_intervals_cover_the_truth(name):
    """Rewards depend on x; the log prefers one option by x; the policy valued prefers the other."""
    rng = np.random.default_rng(29)
    n, n_sims, covered = 1_500, 400, 0
    for _ in range(n_sims):
        x = rng.random(n)
        p_one = 0.2 + 0.6 * x
        chosen = (rng.random(n) < p_one).astype(np.int64)
        mean = np.column_stack([0.3 + 0.2 * x, 0.2 + 0.4 * x])
        row = np.arange(n)
        reward = (rng.random(n) < mean[row, chosen]).astype(float)
        log = log_of(chosen, np.where(chosen == 1, p_one, 1 - p_one), reward)
        policy = np.column_stack([x, 1 - x])
        # E[x (0.3 + 0.2 x) + (1 - x)(0.2 + 0.4 x)] over uniform x, integrated by hand.
        truth = 0.3 / 2 + 0.2 / 3 + 0.2 / 2 + 0.4 / 2 - 0.4 / 3
        value = {
            "ips": lambda log=log, policy=policy: ips(log, policy),
            "self-normalised": lambda log=log, policy=policy: self_normalised_ips(log, policy),
            "doubly robust": lambda log=log, policy=policy, mean=mean: doubly_robust(
                log, policy, mean + 0.1
            ),
        }[name]()
        interval = value.interval()
        covered += interval.low <= truth <= interval.high

    assert 0.92 <= covered / n_sims <= 0.98


def test_the_average_probability_in_place_of_the_logged_one_is_biased():
    """Why the log keeps each row's own probability."""
    rng = np.random.default_rng(31)
    x = rng.random(200_000)
    p_one = 0.1 + 0.8 * x
    chosen = (rng.random(len(x)) < p_one).astype(np.int64)
    logged = np.where(chosen == 1, p_one, 1 - p_one)
    policy = always(1, len(x))

    right = self_normalised_ips(log_of(chosen, logged, x), policy)
    wrong = self_normalised_ips(log_of(chosen, np.full(len(x), 0.5), x), policy)

    assert abs(right.value - 0.5) < 4 * right.standard_error
    assert wrong.value > 0.6


def test_thin_overlap_is_refused_with_a_reason():
    log = log_of([0] * 990 + [1] * 10, [0.99] * 990 + [0.01] * 10, [0.0] * 1_000)
    with pytest.raises(ThinOverlap, match="equivalent of 10 messages"):
        ips(log, always(1, 1_000))

    support = np.ones((1_000, 2), dtype=bool)
    support[:, 1] = False
    only_zero = Log(np.zeros(1_000, np.int64), np.ones(1_000), np.zeros(1_000), support)
    with pytest.raises(ThinOverlap, match="100% of the policy's choices"):
        self_normalised_ips(only_zero, always(1, 1_000))

    with pytest.raises(ThinOverlap, match="empty"):
        ips(log_of([], [], []), np.zeros((0, 2)))


def test_impossible_logs_and_policies_are_refused():
    with pytest.raises(ValueError, match="probability"):
        log_of([0], [0.0], [1.0])
    with pytest.raises(ValueError, match="finite"):
        log_of([0], [0.5], [math.nan])
    with pytest.raises(ValueError, match="add up to 1"):
        ips(log_of([0] * 60, [0.5] * 60, [1.0] * 60), np.full((60, 2), 0.4))


def test_splits_are_corrected_by_hand():
    """Mean 2, S^2 = 1, three splits in halves: s.e. sqrt(1/3 + 1), t(2) = 4.302653."""
    interval = over_splits([1.0, 2.0, 3.0], test_to_train=1.0)

    assert interval.estimate == 2
    assert_allclose(interval.high - 2, 4.302653 * math.sqrt(4 / 3), rtol=1e-6)
    assert not over_splits([1.0], test_to_train=1.0).is_known


def test_corrected_limits_over_half_splits_are_about_those_of_all_rows():
    rng = np.random.default_rng(37)
    reward = rng.normal(10, 3, 2_000)
    means = [reward[rng.permutation(2_000)[:1_000]].mean() for _ in range(200)]

    interval = over_splits(means, test_to_train=1.0)

    assert_allclose((interval.high - interval.low) / 2, 1.96 * 3 / math.sqrt(2_000), rtol=0.15)

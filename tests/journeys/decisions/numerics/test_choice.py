import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from journeys.decisions.numerics.choice import (
    action_mix,
    choice_probabilities,
    has_minimum_evidence,
)


def table(*rows):
    return np.array(rows, dtype=float)


def test_two_options_are_chosen_as_thompson_sampling_would():
    value, sd = table([10, 7]), table([3, 4])  # the difference is 3 with s.d. 5

    p = action_mix(value, sd, [[True, True]], [True, True], floor=1e-12, sharpness=1.0)

    assert_allclose(p[0, 1], norm.cdf(-3 / 5), atol=2e-3)


def test_uncertainty_shared_by_all_options_does_not_blur_the_choice_between_them():
    # Each s.d. is 5, of which 4 is common: the difference of 3 has the s.d. sqrt(9 + 9).
    value, sd, shared = table([10, 7]), table([5, 5]), table([4, 4])

    p = action_mix(
        value, sd, [[True, True]], [True, True], shared_sd=shared, floor=1e-12, sharpness=1.0
    )

    assert_allclose(p[0, 1], norm.cdf(-3 / np.sqrt(18)), atol=2e-3)


def test_uncertainty_shared_by_all_options_counts_against_sending_nothing():
    # None is 0 for certain; whether the only option at 3 is above that has an s.d. of 5.
    p = choice_probabilities(
        table([0, 3]),
        table([0, 5]),
        [[True, True]],
        [True, True],
        shared_sd=table([0, 4]),
        floor=1e-12,
        sharpness=1.0,
    )

    assert_allclose(p[0, 0], norm.cdf(-3 / 5), atol=2e-3)


@pytest.mark.parametrize("spread", [[1.0, 1.0, 1.0], [0.1, 1.0, 2.0], [0.0, 0.5, 0.5]])
def test_three_options_are_chosen_as_thompson_sampling_would(spread):
    value, sd = table([1.0, 0.5, 0.0]), table(spread)
    draws = np.random.default_rng(0).normal(value, sd, size=(200_000, 3))

    p = action_mix(value, sd, np.ones((1, 3)), np.ones(3), floor=1e-12, sharpness=1.0)

    sampled = np.bincount(draws.argmax(axis=1)) / 200_000
    assert_allclose(p[0], sampled, atol=0.015)


def test_of_many_options_those_that_could_be_best_share():
    rng = np.random.default_rng(1)
    value, sd = rng.normal(size=(1, 40)), np.full((1, 40), 0.3)
    draws = rng.normal(value[0], sd[0], size=(200_000, 40))

    p = action_mix(value, sd, np.ones((1, 40)), np.ones(40), floor=1e-12, sharpness=1.0)

    assert_allclose(p[0], np.bincount(draws.argmax(axis=1), minlength=40) / 200_000, atol=0.01)


def test_equal_options_share_evenly():
    p = choice_probabilities(np.full((1, 4), 5.0), np.ones((1, 4)), np.ones((1, 4)), np.ones(4))

    assert_allclose(p, np.full((1, 4), 0.25))


def test_the_mix_shifts_gradually_to_the_best_as_evidence_grows():
    value = table([0, 1, 3])
    shares = [
        choice_probabilities(value, table([0, sd, sd]), np.ones((1, 3)), np.ones(3))[0, 2]
        for sd in (100, 30, 10, 5, 3, 2, 1, 0.1)
    ]

    assert (np.diff(shares) > 0).all()
    assert shares[0] < 0.39  # (1 - 1/4) / 2: none, known for certain, is best where both are below
    assert_allclose(shares[-1], 0.98 + 0.02 / 3, atol=1e-6)  # all but the floor of the others


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("with_none", [True, False])
def test_probabilities_keep_every_promise(seed, with_none):
    rng = np.random.default_rng(seed)
    n, K = 200, 6
    value, sd = rng.normal(size=(n, K)) * 10, rng.exponential(size=(n, K))
    allowed, known = rng.random((n, K)) < 0.6, rng.random(K) < 0.6
    allowed[:, 0] = True
    sd[:, 0] = 0
    value[~allowed] = np.nan
    if with_none:
        known[0] = True  # keeping the slot needs no experiment

    p = choice_probabilities(value, sd, allowed, known, floor=0.05, with_none=with_none)

    n_allowed = allowed.sum(axis=1, keepdims=True)
    assert_allclose(p.sum(axis=1), 1, atol=1e-14)
    assert (p[~allowed] == 0).all()
    assert (p >= 0.05 / n_allowed - 1e-15)[allowed].all()
    even = np.broadcast_to(1 / n_allowed, p.shape)
    short_of_evidence = allowed & ~known
    assert_allclose(p[short_of_evidence], even[short_of_evidence])


def test_without_evidence_the_mix_is_uniform_and_none_counts_as_known():
    value, sd = table([0, 100, -100]), table([0, 1, 1])

    p = choice_probabilities(value, sd, np.ones((1, 3)), np.array([False, False, False]))

    assert_allclose(p, np.full((1, 3), 1 / 3))


def test_options_known_for_certain_are_not_divided_by_zero():
    value = table([0, 0, -1])

    p = choice_probabilities(value, np.zeros((1, 3)), np.ones((1, 3)), np.ones(3), floor=0.03)

    assert_allclose(p, [[0.495, 0.495, 0.01]])


def test_impossible_requests_are_refused_with_their_place():
    ok = np.ones((2, 2), dtype=bool)
    value, sd = np.zeros((2, 2)), np.ones((2, 2))
    with pytest.raises(ValueError, match=r"row 1 does not allow"):
        choice_probabilities(value, sd, [[1, 1], [0, 1]], [1, 1])
    with pytest.raises(ValueError, match="row 1 allows no option"):
        action_mix(value, sd, [[1, 1], [0, 0]], [1, 1])
    with pytest.raises(ValueError, match="option 1 of row 0 is allowed, but its value"):
        choice_probabilities(table([0, np.nan], [0, 0]), sd, ok, [1, 1])
    with pytest.raises(ValueError, match="floor"):
        choice_probabilities(value, sd, ok, [1, 1], floor=0)
    with pytest.raises(ValueError, match="shapes"):
        choice_probabilities(value, sd[:1], ok, [1, 1])


def test_minimum_evidence_needs_all_four_counts():
    enough = has_minimum_evidence(
        [50, 49, 50, 50, 50], [15, 15, 14, 15, 15], [30, 30, 30, 29, 30], [5, 5, 5, 5, 4]
    )

    assert_array_equal(enough, [True, False, False, False, False])

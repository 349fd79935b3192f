"""Prices of scarce capacity against exact solutions by HiGHS, and by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from journeys.decisions.numerics.prices import solve_prices
from journeys.decisions.numerics.whole_choice import NONE

MINUS = -np.inf


def instance(seed: int, *, with_minima: bool = False, with_ties: bool = False):
    """Overlapping limits, some on counts and some on money, tight on average."""
    rng = np.random.default_rng(seed)
    n, n_actions, n_limits = rng.integers(8, 80), rng.integers(1, 6), rng.integers(1, 5)
    value = rng.normal(20, 35, (n, n_actions)) + rng.normal(0, 20, (n, 1))
    if with_ties:  # as customers without features have them
        value = np.round(value, -1)
    value[rng.random(value.shape) < 0.2] = MINUS
    use = (rng.random((n_limits, n_actions)) < 0.6) * rng.integers(1, 40, (n_limits, n_actions))
    use[::2] = use[::2] > 0
    free = np.where(value.max(axis=1) > 0, value.argmax(axis=1), n_actions)
    wanted = use @ np.bincount(free, minlength=n_actions + 1)[:-1]
    maximum = np.floor(wanted * rng.uniform(0.2, 0.8, n_limits))
    minimum = np.floor(maximum * 0.7 * (rng.random(n_limits) < 0.4)) * with_minima
    return value, use.astype(float), maximum, minimum


def by_highs(value, use, maximum, minimum, *, whole: bool) -> float | None:
    """The exact best value, of whole choices or of the linear relaxation; None: infeasible."""
    row, action = np.nonzero(np.isfinite(value))
    k = len(row)
    once = csr_array((np.ones(k), (row, np.arange(k))), shape=(len(value), k))
    solved = milp(
        -value[row, action],
        integrality=np.full(k, int(whole)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(once, 0, 1),
            LinearConstraint(csr_array(use[:, action]), minimum, maximum),
        ],
        options={"mip_rel_gap": 0},
    )
    return -solved.fun if solved.status == 0 else None


@pytest.mark.parametrize("with_minima", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_bound_and_value_enclose_the_exact_solution(seed, with_minima):
    problem = instance(seed, with_minima=with_minima, with_ties=seed % 3 == 0)
    exact, relaxed = by_highs(*problem, whole=True), by_highs(*problem, whole=False)

    solution = solve_prices(*problem, seed=1)

    _value, _use, maximum, minimum = problem
    assert (solution.used <= maximum * (1 + 1e-8)).all()
    assert (solution.price >= 0).all()
    assert (solution.subsidy >= 0).all()
    if relaxed is None:
        assert solution.short.any()
        assert np.isnan(solution.gap)
    else:
        assert_allclose(solution.bound, relaxed, rtol=1e-4, atol=1e-6)  # strong duality
    if exact is not None:
        assert solution.bound >= exact - 1e-6
        if not solution.short.any():
            assert (solution.used >= minimum * (1 - 1e-8)).all()
            assert solution.value <= exact + 1e-6
            assert solution.value >= exact - 0.1 * abs(exact)  # a handful of customers, whole ones


def test_the_choice_is_one_and_its_value_is_what_is_said():
    value, use, maximum, minimum = instance(3)
    solution = solve_prices(value, use, maximum, minimum, seed=1)

    taken = np.flatnonzero(solution.action != NONE)
    assert np.isfinite(value[taken, solution.action[taken]]).all()
    assert_allclose(solution.value, value[taken, solution.action[taken]].sum())
    assert_allclose(solution.used, use[:, solution.action[taken]].sum(axis=1))


def test_a_price_by_hand():
    """Five customers, one action, three contacts: the price lies between the third and fourth."""
    value = np.array([[50.0], [40.0], [30.0], [20.0], [10.0]])

    solution = solve_prices(value, [[1.0]], [3.0], seed=1)

    assert 20 <= solution.price[0] <= 30
    assert (solution.value, solution.bound) == pytest.approx((120, 120))
    assert solution.action.tolist() == [0, 0, 0, NONE, NONE]


def test_what_is_not_scarce_costs_nothing():
    solution = solve_prices([[50.0], [40.0]], [[1.0]], [2.0], seed=1)
    assert solution.price.tolist() == [0]
    assert solution.gap == 0


def test_a_minimum_is_met_at_the_least_loss_and_its_subsidy_says_what_it_costs():
    value = np.array([[5.0, MINUS], [-1.0, 9.0], [-2.0, 1.0], [-30.0, 2.0]])

    solution = solve_prices(value, [[1.0, 0.0]], [4.0], [3.0], seed=1)

    # Customers 1 and 2 give up 10 and 3 for it: the last unit costs 10.
    assert solution.action.tolist() == [0, 0, 0, 1]
    assert solution.value == pytest.approx(4)
    assert 10 <= solution.subsidy[0] <= 32


def test_a_minimum_that_nobody_can_meet_is_said():
    solution = solve_prices([[5.0], [MINUS]], [[1.0]], [4.0], [2.0], seed=1)
    assert solution.short.tolist() == [1]
    assert np.isnan(solution.gap)


def test_identical_customers_share_what_there_is():
    """Without features everybody is worth the same: one price cannot tell them apart."""
    value = np.tile([10.0, 8.0], (1000, 1))
    solution = solve_prices(value, [[1.0, 0.0], [3.0, 1.0]], [300.0, 1000.0], seed=1)

    # 300 of the first leave 100 units, for 100 of the second: by hand, per unit 10/3 against 8.
    # All the money goes to the second first: 1000 x 1; then exchanging 1 for 3 never pays.
    assert solution.value == pytest.approx(8000)
    assert solution.gap < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_the_gap_vanishes_with_more_customers(seed):
    rng = np.random.default_rng(seed)
    value = rng.gamma(2, 20, (5000, 10)) - 20
    use = np.vstack([np.ones(10), rng.uniform(0.5, 5, 10), rng.random(10) < 0.4]).astype(float)
    solution = solve_prices(value, use, [1500.0, 3000.0, 700.0], seed=1)
    assert solution.gap < 1e-3
    assert (solution.price > 0).any()


def test_the_same_seed_gives_the_same_choice():
    problem = instance(5, with_ties=True)
    first, second = solve_prices(*problem, seed=4), solve_prices(*problem, seed=4)
    assert first.action.tolist() == second.action.tolist()
    assert first.price.tolist() == second.price.tolist()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([[1.0]], [[1.0, 2.0]], [1.0]), "shapes"),
        (([[1.0]], [[1.0]], [1.0, 2.0]), "1 limits have"),
        (([[np.nan]], [[1.0]], [1.0]), "every value"),
        (([[1.0]], [[-1.0]], [1.0]), "use must"),
        (([[1.0]], [[1.0]], [-1.0]), "maxima and minima"),
        (([[1.0]], [[1.0]], [1.0], [2.0]), "at least 2.0, at most 1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        solve_prices(*arguments, seed=1)


@pytest.mark.parametrize(("n", "n_actions"), [(0, 3), (4, 0), (0, 0)])
def test_nothing_to_choose_from_is_worth_nothing(n, n_actions):
    solution = solve_prices(np.zeros((n, n_actions)), np.ones((1, n_actions)), [2.0], seed=1)
    assert solution.value == 0
    assert solution.action.tolist() == [NONE] * n

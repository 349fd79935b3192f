"""How near the prices of scarce capacity come to the best choice, beside an exact solver's LP."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from journeys.decisions.numerics.prices import solve_prices
from optiengine.lab.bench.process import BenchFailed

N_CUSTOMERS, N_ACTIONS, N_LIMITS = 100_000, 50, 8
N_EXACT = 2_000  # customers for HiGHS, whose time grows faster than their number
TIGHTNESS = 0.3  # of what would be used without limits
N_STEPS = 2
COLUMNS = {
    "prices_customers": "who take at most one action each",
    "prices_actions": "to choose from, four in five of them possible for a customer",
    "prices_limits": "overlapping budgets and volumes, each 0.3 to 0.6 of what would be used",
    "prices_seconds": "wall time of prices, bound and a choice that keeps every limit",
    "prices_gap": "(bound - value) / bound: no choice can be better by more",
    "prices_exact_customers": "of the same instance, solved by HiGHS's linear programme as well",
    "prices_exact_seconds": "wall time of HiGHS on these",
    "prices_same_seconds": "of the prices on these",
    "prices_ratio": "prices_exact_seconds / prices_same_seconds",
    "prices_exact_share": "value of our whole choice / HiGHS's optimum, which may split customers",
}
Instance = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def bench_prices(*, n: int | None, step: Callable[[str], None]) -> dict[str, Any]:
    """Price one instance of n customers, and a part of it beside HiGHS; the figures of COLUMNS."""
    n = n or N_CUSTOMERS
    step("all customers")
    instance = scarce(n)
    started = time.perf_counter()
    solution = solve_prices(*instance, seed=1)
    seconds = time.perf_counter() - started
    step("beside HiGHS")
    value, use, maximum = instance
    m = min(n, N_EXACT)
    part = (value[:m], use, np.floor(maximum * m / n))
    started = time.perf_counter()
    optimum = by_highs(*part)
    exact_seconds = time.perf_counter() - started
    started = time.perf_counter()
    same = solve_prices(*part, seed=1)
    same_seconds = time.perf_counter() - started
    return {
        "prices_customers": n,
        "prices_actions": N_ACTIONS,
        "prices_limits": N_LIMITS,
        "prices_seconds": round(seconds, 2),
        "prices_gap": float(f"{solution.gap:.2g}"),
        "prices_exact_customers": m,
        "prices_exact_seconds": round(exact_seconds, 2),
        "prices_same_seconds": round(same_seconds, 2),
        "prices_ratio": round(exact_seconds / same_seconds, 1),
        "prices_exact_share": round(same.value / optimum, 5),
    }


def scarce(n: int, *, seed: int = 0) -> Instance:
    """Values (n, A) that go by customer, by action and by both; use (L, A); what there is (L,).

    Every other limit is a volume, the others budgets; each counts about half of the actions.
    """
    rng = np.random.default_rng(seed)
    value = rng.normal(20, 30, (n, N_ACTIONS))
    value += rng.normal(0, 20, N_ACTIONS) + rng.normal(0, 20, (n, 1))
    value[rng.random((n, N_ACTIONS)) < 0.2] = -np.inf
    cost = rng.integers(1, 60, N_ACTIONS)
    use = (rng.random((N_LIMITS, N_ACTIONS)) < 0.5).astype(float)
    use[1::2] *= cost
    best = np.where(value.max(axis=1) > 0, value.argmax(axis=1), N_ACTIONS)
    wanted = use @ np.bincount(best, minlength=N_ACTIONS + 1)[:-1]
    return value, use, np.floor(wanted * TIGHTNESS * (1 + rng.random(N_LIMITS)))


def by_highs(
    value: NDArray[np.float64], use: NDArray[np.float64], maximum: NDArray[np.float64]
) -> float:
    """The optimum of the linear relaxation. Raises BenchFailed."""
    row, action = np.nonzero(value > 0)  # nobody would take another: use has no lower limit
    k = len(row)
    once = csr_array((np.ones(k), (row, np.arange(k))), shape=(len(value), k))
    rows: Any = vstack([once, csr_array(use[:, action])])  # sparse, which its types do not know
    solved = linprog(
        -value[row, action],
        A_ub=rows,
        b_ub=np.concatenate([np.ones(len(value)), maximum]),
        bounds=(0, None),
        method="highs",
    )
    if solved.status != 0 or solved.fun is None:
        raise BenchFailed(f"HiGHS could not solve it: {solved.message}")
    return -solved.fun

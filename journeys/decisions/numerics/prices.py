"""Prices of scarce capacity: what a unit of a budget or of a volume is worth today."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from journeys.decisions.numerics.whole_choice import BLOCK, NONE, WholeChoice, draw_mix

Floats = NDArray[np.float64]

TOLERANCE = 1e-5  # of the bound: no further cut is made for less
MAX_ROUNDS = 200
N_GROUPS = 32  # of customers; each has cuts of its own, so that fewer rounds are needed
SUBSIDY = 10.0  # a subsidy is at most this often the widest difference between two values


@dataclass(frozen=True)
class Prices:
    """The prices of L limits, and how good they are for n customers."""

    # Both for a unit of use, 0 or more: the price where there is too little, the subsidy where a
    # minimum asks for more.
    price: NDArray[np.float64]  # (L,)
    subsidy: NDArray[np.float64]  # (L,)
    bound: float  # no choice that keeps the limits is worth more
    value: float  # what `action` is worth
    action: NDArray[np.int64]  # (n,) a choice that keeps every maximum; NONE is none
    used: NDArray[np.float64]  # (L,) by this choice
    short: NDArray[np.float64]  # (L,) by which it misses a minimum; 0 where it is met
    n_rounds: int

    @property
    def net(self) -> NDArray[np.float64]:
        """(L,) what a unit of use costs, below 0 where it is wanted."""
        return self.price - self.subsidy

    @property
    def gap(self) -> float:
        """(bound - value) / bound; nan where a minimum is missed: the value is then no answer."""
        if self.short.any():
            return float("nan")
        return max(0.0, self.bound - self.value) / max(abs(self.bound), np.finfo(float).tiny)


def solve_prices(
    value: ArrayLike,
    use: ArrayLike,
    maximum: ArrayLike,
    minimum: ArrayLike | None = None,
    *,
    seed: int,
    tolerance: float = TOLERANCE,
) -> Prices:
    """Lagrangian prices for: every customer takes at most one option; limits on sums of use.

        max  sum_i value[i, a_i]   such that   minimum_l <= sum_i use[l, a_i] <= maximum_l

    value : (n, A), -inf where an option is not possible; none is worth 0 and uses nothing.
    use : (L, A), 0 or more. maximum : (L,), inf where there is none. minimum : (L,), default 0.
    seed : breaks ties between options that are worth the same at the prices.
    Returns prices, the bound they prove, and a choice that keeps every maximum. Memory in addition
    to the arguments: some numbers per customer and a block of rows.

    With pi = price - subsidy the dual function

        D(pi) = sum_l (maximum_l max(0, pi_l) - minimum_l max(0, -pi_l))
                + sum_i max(0, max_a (value[i, a] - pi . use[:, a]))

    bounds the maximum from above for every pi (Everett 1963; Geoffrion 1974). It is minimised by
    cutting planes (Kelley 1960), one for each of some groups of customers in every round (Birge &
    Louveaux 1988). The duals of the last cuts mix the choices that made them into the solution
    of the linear relaxation, which is then made whole: see `WholeChoice`.

    Raises ValueError on shapes that do not fit, nan, negative use, a maximum or minimum below 0,
    a minimum above its maximum.
    """
    v, u, most, least = _checked(value, use, maximum, minimum)
    groups = min(N_GROUPS, max(1, len(v)))
    highest, lowest = _price_range(v, u, most, least)
    finite = np.where(np.isfinite(most), most, 0.0)  # the price of what has no maximum is 0
    # Every group begins with the cut of its choosing nothing.
    worths, uses = [np.zeros(groups)], [np.zeros((groups, len(u)))]
    tried: list[NDArray[np.float64]] = [np.zeros(len(u))]  # prices that made the cuts; first: none
    pi = best = np.zeros(len(u))
    bound, shares = np.inf, np.zeros((1, groups))
    for _round in range(MAX_ROUNDS):
        worth, used = _cuts(v, u, pi, groups)
        reached = finite @ np.maximum(pi, 0) - least @ np.maximum(-pi, 0)
        reached += (worth - used @ pi).sum()
        if reached < bound:
            bound, best = float(reached), pi
        worths.append(worth)
        uses.append(used)
        tried.append(pi)
        pi, model, shares = _master(
            np.array(worths), np.array(uses), finite, least, highest, lowest
        )
        if bound - model <= tolerance * max(abs(bound), np.finfo(float).tiny):
            break
    mixed = draw_mix(
        lambda rows, prices: best_options(v[rows], u, prices), tried, shares, len(v), seed=seed
    )
    action = WholeChoice(v, u, most, least, best, mixed).keep()
    used = u @ np.bincount(action[action != NONE], minlength=u.shape[1])
    return Prices(
        price=np.maximum(best, 0.0),
        subsidy=np.maximum(-best, 0.0),
        bound=bound,
        value=float(v[np.flatnonzero(action != NONE), action[action != NONE]].sum()),
        action=action,
        used=used,
        short=np.where(used < least * (1 - 1e-9), least - used, 0.0),
        n_rounds=len(tried) - 1,
    )


def best_options(
    value: NDArray[np.float64], use: NDArray[np.float64], pi: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(n,) the option of highest value less the price of its use; NONE where none is above 0."""
    charge = pi @ use
    options = np.full(len(value), NONE, dtype=np.int64)
    if not value.shape[1]:
        return options
    for start in range(0, len(value), BLOCK):
        reduced = value[start : start + BLOCK] - charge
        best = reduced.argmax(axis=1)
        gain = np.take_along_axis(reduced, best[:, None], axis=1)[:, 0]
        options[start : start + BLOCK] = np.where(gain > 0, best, NONE)
    return options


def _cuts(v: Floats, u: Floats, pi: Floats, groups: int) -> tuple[NDArray, Floats]:
    """(G,) value before prices and (G, L) use of what each group chooses at the prices."""
    action = best_options(v, u, pi)
    rows = np.flatnonzero(action != NONE)
    chosen, group = action[rows], rows % groups
    worth = np.bincount(group, v[rows, chosen], minlength=groups)
    counts = np.bincount(group * len(u.T) + chosen, minlength=groups * len(u.T))
    return worth, counts.reshape(groups, -1) @ u.T


def _master(
    worths: Floats,
    uses: Floats,
    maximum: Floats,
    minimum: Floats,
    highest: Floats,
    lowest: Floats,
) -> tuple[Floats, float, Floats]:
    """Prices where the cuts' model of the dual is least, its value there, (K, G) the cuts' duals.

    min  maximum . up - minimum . down + sum_g t_g
    s.t. t_g >= worths[k, g] - (up - down) . uses[k, g]
    """
    k, groups, n_limits = uses.shape
    # Scaled so that all columns speak of the same money: a limit's variable is its whole amount.
    scale = np.maximum(np.maximum(maximum, minimum), 1.0)
    t = np.tile(-np.eye(groups), (k, 1))
    spent = uses.reshape(k * groups, n_limits) / scale
    solved = linprog(
        np.concatenate([maximum / scale, -minimum / scale, np.ones(groups)]),
        A_ub=np.hstack([-spent, spent, t]),
        b_ub=-worths.ravel(),
        bounds=[
            *((0.0, top * s) for top, s in zip(highest, scale, strict=True)),
            *((0.0, -low * s) for low, s in zip(lowest, scale, strict=True)),
            *[(None, None)] * groups,
        ],
        method="highs",
    )
    if solved.status != 0 or solved.x is None or solved.fun is None:
        raise ArithmeticError(f"the prices could not be computed: {solved.message}")
    up, down = solved.x[:n_limits] / scale, solved.x[n_limits : 2 * n_limits] / scale
    return up - down, solved.fun, -solved.ineqlin.marginals.reshape(k, groups)


def _price_range(v: Floats, u: Floats, most: Floats, least: Floats) -> tuple[Floats, Floats]:
    """Prices above which nobody would use a limit, and subsidies beyond which all would."""
    possible = np.isfinite(v)
    top = np.where(possible, v, -np.inf).max(axis=0, initial=-np.inf)
    low = np.where(possible, v, np.inf).min(axis=0, initial=np.inf)
    top, low = np.where(np.isfinite(top), top, 0.0), np.where(np.isfinite(low), low, 0.0)
    spread = max(float(top.max(initial=0.0)) - float(min(low.min(initial=0.0), 0.0)), 0.0)
    smallest = np.where(u > 0, u, np.inf).min(axis=1, initial=np.inf)
    per_unit = np.where(np.isfinite(smallest), spread / smallest, 0.0)
    subsidised = SUBSIDY if least.any() else 1.0  # a subsidy elsewhere may have to be outbid
    highest = np.where(np.isfinite(most), per_unit * subsidised * 1.01, 0.0)
    return highest, np.where(least > 0, -SUBSIDY * per_unit, 0.0)


def _checked(
    value: ArrayLike, use: ArrayLike, maximum: ArrayLike, minimum: ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats]:
    v, u = np.asarray(value, dtype=np.float64), np.asarray(use, dtype=np.float64)
    most: NDArray = np.asarray(maximum, dtype=np.float64)
    least: NDArray = np.asarray(
        np.zeros(len(most)) if minimum is None else minimum, dtype=np.float64
    )
    if v.ndim != 2 or u.ndim != 2 or v.shape[1] != u.shape[1]:
        raise ValueError(f"shapes do not fit: values {v.shape}, use {u.shape}")
    if not most.shape == least.shape == u.shape[:1]:
        raise ValueError(f"{len(u)} limits have maxima {most.shape} and minima {least.shape}")
    if np.isnan(v).any() or np.isposinf(v).any():
        raise ValueError("every value must be a number, or -inf where an option is not possible")
    if not (np.isfinite(u) & (u >= 0)).all():
        raise ValueError("use must be 0 or more")
    if not ((most >= 0) & (least >= 0) & np.isfinite(least)).all():
        raise ValueError("maxima and minima must be 0 or more")
    if (least > most).any():
        limit = int((least > most).argmax())
        raise ValueError(f"limit {limit} asks for at least {least[limit]}, at most {most[limit]}")
    return v, u, most, least

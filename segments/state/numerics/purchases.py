"""How often a customer will buy, and whether they still do: the BG/NBD model."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, betaln, digamma, expit, gammaln, polygamma

from segments.state.numerics.likelihood import (
    Array,
    NotEnoughCustomers,
    PinnedParameters,
    as_columns,
    climb,
    counted,
    distinct_rows,
    require,
)

BLOCK = 4_000_000  # cells of one quadrature block (rows × nodes): 32 MB a temporary
TAIL = 1e-15  # probability left outside the quadrature on either side


class BetaGeometric(PinnedParameters):
    """BG/NBD: gamma-mixed Poisson purchases, beta-mixed drop-out after each of them.

    min_customers, min_repeaters : fewer than this many (by weight) raise NotEnoughCustomers.
    Learned: r_, alpha_ (purchase rate), a_, b_ (drop-out), log_likelihood_. The unit of time is
    the caller's, the same in `fit` and everywhere after; alpha_ is in it.
    Source: Fader, Hardie & Lee (2005), Marketing Science 24:275-284.
    """

    FITTED = ("r_", "alpha_", "a_", "b_", "log_likelihood_")

    def __init__(self, min_customers: int = 50, min_repeaters: int = 10):
        self.min_customers = min_customers
        self.min_repeaters = min_repeaters

    def fit(
        self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, weights: ArrayLike | None = None
    ) -> Self:
        """Maximum likelihood (eq. 6 summed over customers).

        x : repeat purchases after the first, whole numbers (n,). t_x : time from the first
        purchase to the last one (n,), 0 where x is 0. T : time from the first purchase to the end
        of observation (n,), t_x <= T. weights : customers each row stands for (n,).
        Raises ValueError on impossible rows, NotEnoughCustomers, NotConverged.
        """
        x, t_x, T = _histories(x, t_x, T)
        weights = counted(weights, len(x))
        n_customers, n_repeaters = weights.sum(), weights[x > 0].sum()
        if n_customers < self.min_customers or n_repeaters < max(1, self.min_repeaters):
            raise NotEnoughCustomers(
                f"{n_customers:g} customers, {n_repeaters:g} of them with repeat purchases; "
                f"BG/NBD needs {self.min_customers} and {self.min_repeaters}"
            )
        if weights @ T == 0:
            raise NotEnoughCustomers("no customer was observed for any time after the first day")
        # Only the rate's alpha carries the unit of time: fit in units of the mean T, then go back.
        unit = weights @ T / n_customers
        (x, t_x, T), row = distinct_rows(x, t_x, T)
        likelihood = _Likelihood(x, t_x / unit, T / unit, np.bincount(row, weights=weights))
        starts = [
            (r, r / likelihood.purchases_per_time, a, b)
            for r in (0.3, 2.0)
            for a, b in ((0.8, 2.5), (0.2, 4.0), (2.0, 2.0))
        ]
        self.r_, scaled_alpha, self.a_, self.b_ = map(float, climb(likelihood, starts))
        self.alpha_ = scaled_alpha * unit
        scaled = np.array([self.r_, scaled_alpha, self.a_, self.b_])
        jacobian = likelihood.counts @ x * np.log(unit)  # densities of purchase times per unit
        self.log_likelihood_ = float(likelihood(scaled)[0] * n_customers - jacobian)
        return self

    def p_alive(self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """Probability that a customer with this history still buys: (n,), in [0, 1].

        By this model it is 1 for customers who never came back (x = 0).
        Source: Fader, Hardie & Lee (2008), "Computing P(alive) using the BG/NBD model".
        """
        return self._p_alive(*_histories(x, t_x, T))

    def expected_purchases(
        self, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """Expected purchases in the next `horizon` time units given the history.

        horizon : one number gives (n,), a vector (h,) gives (n, h). Zero or more.
        Eq. 10, whose numerator is P(alive) times the mean over p ~ Beta(a, b + x) of
        (1 - (1 + p·horizon / (alpha + T))^-(r + x)) / p. That mean is taken by quadrature instead
        of through the Gaussian hypergeometric function: every term is positive, so nothing
        cancels or overflows for many purchases, long horizons, or a near 1.
        """
        x, t_x, T = _histories(x, t_x, T)
        (horizons,) = as_columns(horizon=horizon)
        (unique_x, unique_T), row = distinct_rows(x, T)
        while_alive = self._purchases_while_alive(unique_x, unique_T, horizons)
        expected = while_alive[row] * self._p_alive(x, t_x, T)[:, None]
        return expected if np.ndim(horizon) else expected[:, 0]

    def _p_alive(self, x: Array, t_x: Array, T: Array) -> Array:
        rate = (self.r_ + x) * np.log1p((T - t_x) / (self.alpha_ + t_x))
        log_odds_gone = np.log(self.a_) - np.log(self.b_ + np.maximum(x, 1) - 1) + rate
        return np.where(x > 0, expit(-log_odds_gone), 1.0)

    def _purchases_while_alive(self, x: Array, T: Array, horizons: Array) -> Array:
        """Mean future purchases of those alive at T: (n, h). Rows are sorted by x."""
        expected = np.empty((len(x), len(horizons)))
        values, first = np.unique(x, return_index=True)
        for value, rows in zip(values, np.split(np.arange(len(x)), first[1:]), strict=True):
            p, weight = _drop_out_nodes(self.a_, self.b_ + value)
            mean_p = self.a_ / (self.a_ + self.b_ + value)
            for block in np.array_split(rows, 1 + len(rows) * len(p) // BLOCK):
                for column, horizon in enumerate(horizons):
                    reach = horizon / (self.alpha_ + T[block])
                    shape = self.r_ + value
                    at_0, at_1 = shape * reach, -np.expm1(-shape * np.log1p(reach))
                    # The chord between p = 0 and p = 1 has a known mean. What is left vanishes at
                    # both ends, so the nodes need not reach into the tails of a flat Beta.
                    purchases = -np.expm1(-shape * np.log1p(np.outer(reach, p))) / p
                    left = purchases @ weight - at_0 * weight.sum() - (at_1 - at_0) * (weight @ p)
                    expected[block, column] = at_0 + (at_1 - at_0) * mean_p + left
        return expected


class _Likelihood:
    """Mean log-likelihood (eq. 6) and its gradient in (r, alpha, a, b) for distinct histories."""

    def __init__(self, x: Array, t_x: Array, T: Array, counts: NDArray[Any]):
        self.counts = counts
        self.n_customers = counts.sum()
        # Gamma functions depend only on x, which has few values: summed over its histogram.
        self.x, index = np.unique(x, return_inverse=True)
        self.x_counts = np.bincount(index, counts)
        self.repeat = x > 0
        self.row_x, self.t_x, self.T = x, t_x, T
        self.purchases_per_time = float(counts @ x) / float(counts @ T)

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        r, alpha, a, b = parameters
        x, row_x, counts = self.x, self.row_x, self.counts
        by_x = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)

        # Alive at T, or gone at t_x: eq. 6 as betaln(a, b + x) · (alive + gone).
        log_T, log_t_x = np.log(alpha + self.T), np.log(alpha + self.t_x)
        alive = -(r + row_x) * log_T
        odds = a / (b + np.maximum(row_x, 1) - 1)
        gone = np.where(self.repeat, np.log(odds) - (r + row_x) * log_t_x, -np.inf)
        by_row = np.logaddexp(alive, gone)
        p_gone = np.exp(gone - by_row)
        p_alive = 1 - p_gone

        shared = digamma(a + b) - digamma(a + b + x)
        n_gone = counts @ p_gone
        per_time = p_alive / (alpha + self.T) + p_gone / (alpha + self.t_x)
        gradient = np.array(
            [
                self.x_counts @ (digamma(r + x) - digamma(r) + np.log(alpha))
                - counts @ (p_alive * log_T + p_gone * log_t_x),
                self.n_customers * r / alpha - counts @ ((r + row_x) * per_time),
                self.x_counts @ shared + n_gone / a,
                self.x_counts @ (shared + digamma(b + x) - digamma(b))
                - counts @ (p_gone * odds) / a,
            ]
        )
        value = self.x_counts @ by_x + counts @ by_row
        return float(value / self.n_customers), gradient / self.n_customers


def _histories(x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> list[Array]:
    x, t_x, T = as_columns(x=x, t_x=t_x, T=T)
    if not len(x):
        raise NotEnoughCustomers("there are no customers")
    require(x == np.floor(x), "x counts purchases and must be a whole number", x)
    require(t_x <= T, "t_x cannot lie after T", t_x, T)
    require((x > 0) | (t_x == 0), "t_x must be 0 where x is 0", t_x)
    return [x, t_x, T]


def _drop_out_nodes(a: float, b: float) -> tuple[Array, Array]:
    """Nodes p in (0, 1) and weights of the mean over Beta(a, b), both (m,).

    Trapezoid rule in logit p, which converges geometrically because the integrand is analytic in a
    strip around the real line (Trefethen & Weideman 2014, SIAM Review 56, section 5). Meant for
    functions that vanish at p = 0 and p = 1: the range is that of Beta(a + 1, b + 1).
    """
    low, high = betaincinv(a + 1, b + 1, TAIL), betaincinv(b + 1, a + 1, TAIL)
    low, high = np.log(low) - np.log1p(-low), np.log1p(-high) - np.log(high)
    spread = np.sqrt(polygamma(1, a + 1) + polygamma(1, b + 1))
    n_steps = int(np.ceil((high - low) / min(0.35, 0.6 * spread)))
    logit = np.linspace(low, high, n_steps + 1)
    log_p, log_1_p = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    p, log_density = expit(logit), a * log_p + b * log_1_p
    # Scaled by a moment that is known rather than by the beta function, whose rounding error grows
    # with a and b and would be magnified by what the chord above cancels.
    weight = np.exp(log_density - log_density.max())
    return p, weight * (a * b / ((a + b) * (a + b + 1)) / (weight @ (p * expit(-logit))))

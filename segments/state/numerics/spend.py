"""What a customer spends per purchase: the Gamma-Gamma model."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, digamma

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


class GammaGamma(PinnedParameters):
    """Gamma-distributed spend per purchase around a mean that differs between customers.

    min_customers : fewer repeat customers than this (by weight) raise NotEnoughCustomers.
    Learned: p_, q_, gamma_ (in the unit of money), log_likelihood_.
    Source: Fader & Hardie (2013), "The Gamma-Gamma model of monetary value".
    """

    FITTED = ("p_", "q_", "gamma_", "log_likelihood_")

    def __init__(self, min_customers: int = 10):
        self.min_customers = min_customers

    def fit(self, x: ArrayLike, mean_value: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """Maximum likelihood (eq. 1a) over the rows with x > 0; the others say nothing of spend.

        x : purchases behind each mean, whole or not (n,). mean_value : money per purchase (n,),
        positive where x > 0, any number or nan where x is 0. weights : customers per row (n,).
        Raises ValueError on impossible rows, NotEnoughCustomers (also where all means are equal,
        which leaves p without a maximum), NotConverged.
        """
        x, mean_value = _purses(x, mean_value)
        weights = counted(weights, len(x))
        require((x == 0) | (mean_value > 0), "mean_value must be positive where x > 0", mean_value)
        used = (x > 0) & (weights > 0)
        n_customers = weights[used].sum()
        if n_customers < self.min_customers:
            raise NotEnoughCustomers(
                f"{n_customers:g} customers with a mean value; "
                f"Gamma-Gamma needs {self.min_customers}"
            )
        (x, mean_value), row = distinct_rows(x[used], mean_value[used])
        counts = np.bincount(row, weights=weights[used])
        if mean_value.min() == mean_value.max():
            raise NotEnoughCustomers("every customer spends the same: there is no spread to learn")
        # Only gamma carries the unit of money: fit in units of the mean, then go back.
        unit = counts @ mean_value / n_customers
        likelihood = _Likelihood(x, mean_value / unit, counts)
        starts = [(p, q, q / p) for p in (0.5, 2.0, 8.0) for q in (1.5, 4.0, 12.0)]
        scaled = climb(likelihood, starts)
        self.p_, self.q_, scaled_gamma = map(float, scaled)
        self.gamma_ = scaled_gamma * unit
        self.log_likelihood_ = float((likelihood(scaled)[0] - np.log(unit)) * n_customers)
        return self

    @property
    def population_mean(self) -> float:
        """Mean spend per purchase of a customer yet unknown; infinite where q <= 1."""
        return self.p_ * self.gamma_ / (self.q_ - 1) if self.q_ > 1 else np.inf

    def expected_value(self, x: ArrayLike, mean_value: ArrayLike) -> Array:
        """Expected spend per future purchase given x past ones of this mean: (n,) (eq. 5).

        For x = 0 it is the population mean, whatever mean_value says. Where that is infinite
        (q <= 1) a row with x = 0 has no answer: ValueError. So has x > 0 where p·x + q <= 1.
        """
        x, mean_value = _purses(x, mean_value)
        require(
            self.p_ * x + self.q_ > 1,
            f"expected spend is infinite at p {self.p_:.4g}, q {self.q_:.4g} for so few purchases",
            x,
        )
        return self.p_ * (self.gamma_ + x * mean_value) / (self.p_ * x + self.q_ - 1)


class _Likelihood:
    """Mean log-likelihood (eq. 1a) and its gradient in (p, q, gamma)."""

    def __init__(self, x: Array, mean_value: Array, counts: NDArray[Any]):
        self.x, self.counts, self.n_customers = x, counts, counts.sum()
        self.total = x * mean_value
        self.log_total, self.log_mean = np.log(self.total), np.log(mean_value)

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        p, q, gamma = parameters
        px, pooled = p * self.x, gamma + self.total
        log_pooled = np.log(pooled)
        by_row = (
            -betaln(px, q)
            + q * (np.log(gamma) - log_pooled)
            + px * (self.log_total - log_pooled)
            - self.log_mean
        )
        shared = digamma(px + q) - log_pooled
        slopes = [
            self.x * (shared - digamma(px) + self.log_total),
            shared - digamma(q) + np.log(gamma),
            q / gamma - (px + q) / pooled,
        ]
        gradient = np.array([self.counts @ slope for slope in slopes])
        return float(self.counts @ by_row / self.n_customers), gradient / self.n_customers


def _purses(x: ArrayLike, mean_value: ArrayLike) -> list[Array]:
    (x,) = as_columns(x=x)
    mean_value = np.atleast_1d(np.asarray(mean_value, dtype=float))
    if mean_value.shape == x.shape:
        mean_value = np.where(x > 0, mean_value, 0.0)  # nobody's mean is often stored as nan
    return as_columns(x=x, mean_value=mean_value)

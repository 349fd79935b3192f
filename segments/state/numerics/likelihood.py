"""What the maximum-likelihood estimators share: input checks, compression, the climb itself."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from sklearn.base import BaseEstimator

Array = NDArray[np.float64]

LOG_BOUND = 12.0  # parameters stay within e^-12 … e^12 of the unit their data are scaled to
GRADIENT_TOLERANCE = 1e-5  # of the mean log-likelihood in log-parameters: a climb has arrived


class NotEnoughCustomers(ValueError):
    """The data cannot identify the model; the caller should fall back to something simpler."""


class NotConverged(RuntimeError):
    """No start value led to a maximum of the likelihood."""


class PinnedParameters(BaseEstimator):
    """An estimator whose fitted numbers go to, and come back from, one database row."""

    FITTED: tuple[str, ...] = ()  # attribute names, all positive floats but log_likelihood_

    def get_fitted(self) -> dict[str, float]:
        """The fitted numbers by attribute name, ready for JSON."""
        return {name: float(getattr(self, name)) for name in self.FITTED}

    @classmethod
    def from_fitted(cls, fitted: dict[str, float]) -> Self:
        """The estimator that `get_fitted` described. Refuses missing or impossible numbers."""
        model = cls()
        for name in cls.FITTED:
            if name not in fitted:
                raise ValueError(f"{cls.__name__} cannot be restored: {name} is missing")
            value = float(fitted[name])
            if not np.isfinite(value) or (name != "log_likelihood_" and value <= 0):
                raise ValueError(f"{cls.__name__} cannot be restored: {name} is {value}")
            setattr(model, name, value)
        return model


def as_columns(**columns: ArrayLike) -> list[Array]:
    """Finite, non-negative float columns of one common length (n,), or a ValueError that says."""
    arrays = []
    for name, column in columns.items():
        array = np.atleast_1d(np.asarray(column, dtype=float))
        if array.ndim != 1:
            raise ValueError(f"{name} must be one-dimensional, not of shape {array.shape}")
        require(np.isfinite(array), f"{name} must be a finite number", array)
        require(array >= 0, f"{name} cannot be negative", array)
        arrays.append(array)
    lengths = {name: len(array) for name, array in zip(columns, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    return arrays


def require(holds: NDArray[np.bool_], sentence: str, *values: Array) -> None:
    """Raise `sentence` with the first row where it does not hold, and its values."""
    if not holds.all():
        row = int(np.argmin(holds))
        shown = ", ".join(f"{value[row]:g}" for value in values)
        raise ValueError(f"{sentence} (row {row}: {shown})")


def counted(weights: ArrayLike | None, n: int) -> Array:
    """How many customers each of the n rows stands for; default: ones."""
    if weights is None:
        return np.ones(n)
    (array,) = as_columns(weights=weights)
    if len(array) != n:
        raise ValueError(f"weights has {len(array)} rows, the data {n}")
    return array


def distinct_rows(*columns: Array) -> tuple[list[Array], NDArray[np.intp]]:
    """The distinct rows of columns (n,), as columns (m,), and each row's place among them (n,)."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        # Renumbered after each column, so a code never exceeds n × (distinct values).
        _, codes = np.unique(codes * len(values) + code, return_inverse=True)
    _, first = np.unique(codes, return_index=True)
    return [column[first] for column in columns], codes


def climb(
    mean_log_likelihood: Callable[[Array], tuple[float, Array]], starts: Sequence[Sequence[float]]
) -> Array:
    """Parameters (d,), all positive, that maximise a likelihood.

    mean_log_likelihood : of parameters (d,), with its gradient (d,) in the parameters.
    starts : parameter vectors; the climb begins at the likeliest, the others are in reserve.
    Works on log-parameters, so every step is a legal one. Raises NotConverged.
    """

    def downhill(log_parameters: Any) -> tuple[float, Any]:
        parameters = np.exp(log_parameters)
        value, gradient = mean_log_likelihood(parameters)
        return -value, -gradient * parameters

    logs = sorted((np.log(start) for start in starts), key=lambda start: downhill(start)[0])
    bounds = [(-LOG_BOUND, LOG_BOUND)] * len(logs[0])
    options: Any = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1_000, "maxcor": 20}
    for start in logs:
        optimum = minimize(
            downhill, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        # The solver's own flag complains when rounding stops the last line search;
        # what matters is that no direction inside the bounds leads further up.
        slope = np.where(np.abs(optimum.x) < LOG_BOUND, optimum.jac, 0.0)
        if np.abs(slope).max() < GRADIENT_TOLERANCE:
            return np.exp(optimum.x)
    raise NotConverged(f"the likelihood has no maximum that can be reached: {optimum.message}")

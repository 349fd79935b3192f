"""From keyed uniform numbers to the quantities the world needs."""

import numpy as np
from scipy.special import gammaincinv


def pick(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """(n,) index drawn from each row of p (n, k), which sums to 1, by u (n,) in (0, 1)."""
    drawn = (p.cumsum(axis=1) < u[:, None]).sum(axis=1)
    return np.minimum(drawn, p.shape[1] - 1)  # rounding may leave a row's sum below u


def gamma_quantile(u: np.ndarray, shape: float) -> np.ndarray:
    """(n,) quantiles of the Gamma distribution with this shape and mean 1."""
    return gammaincinv(shape, u) / shape


def day_times(u: np.ndarray, first_hour: int, last_hour: int) -> np.ndarray:
    """(n,) whole seconds after midnight, in [first_hour, last_hour)."""
    return (first_hour * 3600 + u * (last_hour - first_hour) * 3600).astype(int)


def delay_days(u: np.ndarray, window_days: int, decay: float) -> np.ndarray:
    """(n,) days in 0 ... window_days - 1, each later one less likely by the factor `decay`."""
    weights = decay ** np.arange(window_days)
    edges = weights.cumsum() / weights.sum()
    return np.minimum(np.searchsorted(edges, u), window_days - 1)

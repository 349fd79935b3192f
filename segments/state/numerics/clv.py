"""Customer lifetime value: expected purchases times expected value, discounted."""

import numpy as np
from numpy.typing import ArrayLike

from segments.state.numerics.likelihood import Array, NotConverged, NotEnoughCustomers
from segments.state.numerics.purchases import BetaGeometric
from segments.state.numerics.spend import GammaGamma

__all__ = ["BetaGeometric", "GammaGamma", "NotConverged", "NotEnoughCustomers", "expected_margin"]

N_MOMENTS = 16  # Gauss-Legendre moments in the horizon; purchases are smooth in time


def expected_margin(
    bg: BetaGeometric,
    gg: GammaGamma,
    x: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    mean_value: ArrayLike,
    *,
    n_valued: ArrayLike | None = None,
    horizon_weeks: float,
    weekly_discount: float,
) -> Array:
    """Discounted margin expected from each customer over the horizon: (n,), unit of mean_value.

    bg, gg : fitted, bg in weeks. x, t_x, T, mean_value : as in their methods, (n,).
    n_valued : purchases behind mean_value (n,), default: x; more where the first counts too.
    weekly_discount : rate per week, zero or more; money a week away is worth 1 / (1 + rate).
    Every increment dE(s) of expected purchases is discounted from the moment s it falls on, the
    limit of a sum over ever shorter periods:
        ∫ e^-δs dE(s) = e^-δH E(H) + δ ∫ e^-δs E(s) ds,  δ = log(1 + weekly_discount).
    Value per purchase is taken as independent of their number (Fader & Hardie 2013, section 1).
    Raises ValueError for impossible rows, a negative horizon or discount.
    """
    if not (np.isfinite(horizon_weeks) and horizon_weeks >= 0):
        raise ValueError(f"horizon_weeks must be zero or more, not {horizon_weeks}")
    if not (np.isfinite(weekly_discount) and weekly_discount >= 0):
        raise ValueError(f"weekly_discount must be zero or more, not {weekly_discount}")
    force = np.log1p(weekly_discount)
    node, weight = np.polynomial.legendre.leggauss(N_MOMENTS)
    moments = np.append((node + 1) / 2 * horizon_weeks, horizon_weeks)
    share = np.append(force * weight / 2 * horizon_weeks, 1.0) * np.exp(-force * moments)
    if weekly_discount == 0:
        moments, share = moments[-1:], share[-1:]
    purchases = bg.expected_purchases(x, t_x, T, moments)
    return (purchases @ share) * gg.expected_value(x if n_valued is None else n_valued, mean_value)

"""How long responses take, learned while some are still on their way."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRIOR_RESPONSES = 5.0  # imaginary ones, evenly over the window: before any were seen


def arrived_share(
    delay_days: ArrayLike, age_days: ArrayLike, count: ArrayLike, *, window_days: int
) -> NDArray[np.float64]:
    """P(delay <= a) for a = 0 … window_days: (window_days + 1,), ascending from 0 to 1.

    delay_days : (r,) day of the window in which responses came, 1 … window_days.
    age_days : (r,) days that have passed since the contacts, at least the delay.
    count : (r,) of responses with that delay and age.

    A delay is seen only where it is no longer than the contact is old, so short ones are
    over-represented. With n_k responses of delay k among the N_k of delay at most k to contacts
    at least k days old, P(delay <= d) is the product over k > d of 1 - n_k / N_k.
    Raises ValueError on a delay outside the window or beyond the age.
    Source: Lynden-Bell (1971), MNRAS 155:95-118; Lagakos, Barraj & De Gruttola (1988).
    """
    delay, age = np.asarray(delay_days, dtype=np.int64), np.asarray(age_days, dtype=np.int64)
    n = np.asarray(count, dtype=np.float64)
    if not delay.shape == age.shape == n.shape or delay.ndim != 1:
        raise ValueError(f"lengths differ: {delay.shape}, {age.shape}, {n.shape}")
    if not ((delay >= 1) & (delay <= window_days) & (age >= delay)).all():
        raise ValueError("a delay lies in 1 … window_days and is no longer than the contact's age")
    days = np.arange(1, window_days + 1)
    came = np.full(window_days, PRIOR_RESPONSES / window_days)
    came += np.bincount(delay - 1, n, window_days)
    seen_by_age = np.zeros((window_days, window_days))  # of delay (down), of age (across)
    np.add.at(seen_by_age, (delay - 1, np.minimum(age, window_days) - 1), n)
    at_least_as_old = seen_by_age[:, ::-1].cumsum(axis=1)[:, ::-1]
    at_risk = at_least_as_old.cumsum(axis=0).diagonal() + PRIOR_RESPONSES * days / window_days
    stays = 1 - came / at_risk
    later = np.append(stays[1:], 1.0)  # nothing is shorter than a delay of 1
    return np.concatenate([[0.0], np.cumprod(later[::-1])[::-1]])

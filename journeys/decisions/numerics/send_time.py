"""At which hour of the week does a customer look at messages? A profile, learned with shrinkage.

Each of a customer's n engagements falls into one of 168 hours of the local week, with counts
n_1 … n_168 and unknown probabilities p. Customers differ around the population's profile m:
p ~ Dirichlet(κ m), counts | p ~ Multinomial(n, p). The posterior is Dirichlet(κ m + counts), so

    E[p_h | counts] = (κ m_h + n_h) / (κ + n)

the customer's own shares, shrunk to the population's as if κ engagements had been seen there. κ is
where the counts' marginal likelihood, the Dirichlet-multinomial's (Pólya's), is greatest:

    log P(counts | κ) = lnΓ(κ) − lnΓ(κ + n) + Σ_h [lnΓ(κ m_h + n_h) − lnΓ(κ m_h)] + const

Source: Minka (2000), "Estimating a Dirichlet distribution", section 3, with the mean held fixed.
Neighbouring hours resemble each other, so both profiles are smoothed over the circle of the week.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

HOURS = 168
KERNEL = np.array([0.25, 0.5, 0.25])  # over an hour and its neighbours
PSEUDO_COUNT = 0.5  # of each hour in the population's counts: none is impossible (Jeffreys)
STRENGTHS = np.geomspace(1, 10_000, 33)  # of the prior, in engagements, that κ is chosen from
QUARTER = 900  # seconds: every zone is offset by a number of these


@dataclass(frozen=True)
class Population:
    """What is known of everybody's engagement."""

    shares: NDArray[np.float64]  # (168,), positive, sum 1: m
    strength: float  # κ, in engagements


def fit_population(customer: NDArray[np.int64], hour: NDArray[np.int64]) -> Population:
    """The population's profile, and how much customers differ from it.

    customer, hour : (e,) of each engagement: whose it was, in which hour of the local week, 0 to
    167, Monday's first hour first. Without any, all hours are equal, and so are all customers.
    """
    counts = np.bincount(hour, minlength=HOURS).astype(float)
    shares = smooth(counts + PSEUDO_COUNT)
    shares /= shares.sum()
    if not len(hour):
        return Population(shares, float(STRENGTHS[-1]))
    cells, n_cell = np.unique(customer * HOURS + hour, return_counts=True)
    _customers, n = np.unique(customer, return_counts=True)
    mean = shares[cells % HOURS]
    likelihoods = [
        (gammaln(k) - gammaln(k + n)).sum() + (gammaln(k * mean + n_cell) - gammaln(k * mean)).sum()
        for k in STRENGTHS
    ]
    return Population(shares, float(STRENGTHS[int(np.argmax(likelihoods))]))


def profiles(
    population: Population, row: NDArray[np.int64], hour: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """(n, 168) each customer's expected shares of engagement, rows summing to 1.

    row, hour : (e,) of each engagement of these customers, row 0 to n - 1.
    """
    counts = np.zeros((n, HOURS))
    np.add.at(counts, (row, hour), 1.0)
    total = counts.sum(axis=1, keepdims=True)
    prior = population.strength * population.shares
    return (prior + smooth(counts)) / (population.strength + total)


def smooth(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 168) the same sums, spread over neighbouring hours; Sunday's last meets Monday's."""
    before, same, after = KERNEL
    return before * np.roll(counts, 1, -1) + same * counts + after * np.roll(counts, -1, -1)


def best_moments(
    profile: NDArray[np.float64],
    moments: NDArray[np.datetime64],
    hours: NDArray[np.int64],
    possible: NDArray[np.bool_],
) -> NDArray[np.datetime64]:
    """(k,) of each contact's possible moments the one in the best hour, the earliest of equals.

    profile : (k, 168). moments : (k, c) in UTC, ascending; hours : (k, c) their hours of the local
    week. possible : (k, c). NaT where none is possible.
    """
    score = np.where(possible, np.take_along_axis(profile, hours, axis=1), -1.0)
    best = score.argmax(axis=1)
    rows = np.arange(len(moments))
    chosen = moments[rows, best].copy()
    chosen[~possible.any(axis=1)] = np.datetime64("NaT")
    return chosen


def hours_of_week(zones: NDArray, moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """(e,) the hour of the local week, 0 to 167, of moments in UTC; zones : (e,) IANA names."""
    quarters = moments.astype("datetime64[s]").astype(np.int64) // QUARTER
    pairs = zip(zones.tolist(), quarters.tolist(), strict=True)
    return np.array([_hour(zone, quarter) for zone, quarter in pairs], dtype=np.int64)


@lru_cache(maxsize=1_000_000)
def _hour(zone: str, quarter: int) -> int:
    local = datetime.fromtimestamp(quarter * QUARTER, UTC).astimezone(ZoneInfo(zone))
    return local.weekday() * 24 + local.hour

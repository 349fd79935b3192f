"""Hours of the week: by hand, by the Dirichlet-multinomial's own sums, and in a known world."""

from math import lgamma

import numpy as np
from numpy.testing import assert_allclose

from journeys.decisions.numerics.send_time import (
    HOURS,
    STRENGTHS,
    Population,
    best_moments,
    fit_population,
    hours_of_week,
    profiles,
    smooth,
)

EVEN = np.full(HOURS, 1 / HOURS)


def test_a_profile_is_the_posterior_mean_of_the_dirichlet_multinomial():
    # κ = 10 and m = 1/168; four engagements in hour 50, of which smoothing leaves two there and
    # one on either side: (10/168 + 2) / 14, (10/168 + 1) / 14, and 10/168 / 14 elsewhere.
    [profile] = profiles(Population(EVEN, 10.0), np.zeros(4, int), np.full(4, 50), 1)

    expected = np.full(HOURS, 10 / 168 / 14)
    expected[[49, 51]], expected[50] = (10 / 168 + 1) / 14, (10 / 168 + 2) / 14
    assert_allclose(profile, expected)
    assert_allclose(profile.sum(), 1)


def test_who_never_engaged_has_the_populations_profile():
    shares = np.arange(1, HOURS + 1) / np.arange(1, HOURS + 1).sum()
    none = np.zeros(0, int)

    assert_allclose(profiles(Population(shares, 3.0), none, none, 2), np.vstack([shares, shares]))


def test_the_week_is_a_circle():
    counts = np.zeros(HOURS)
    counts[0] = 4

    assert_allclose(smooth(counts)[[HOURS - 1, 0, 1]], [1, 2, 1])


def test_the_strength_is_where_the_likelihood_is_greatest():
    rng = np.random.default_rng(1)
    customer, hour = rng.integers(0, 40, 300), rng.integers(0, HOURS, 300)
    fitted = fit_population(customer, hour)

    def log_likelihood(k: float) -> float:  # the formula, customer by customer, cell by cell
        total = 0.0
        for each in range(40):
            counts = np.bincount(hour[customer == each], minlength=HOURS)
            total += lgamma(k) - lgamma(k + counts.sum())
            total += sum(
                lgamma(k * m + n) - lgamma(k * m)
                for m, n in zip(fitted.shares, counts, strict=True)
                if n
            )
        return total

    assert fitted.strength == STRENGTHS[np.argmax([log_likelihood(k) for k in STRENGTHS])]
    assert_allclose(fitted.shares.sum(), 1)


def test_strength_tells_customers_who_differ_from_those_who_do_not():
    """Where all are alike the prior is strong; where each has one hour it counts for little."""
    rng = np.random.default_rng(2)
    customer = np.repeat(np.arange(400), 20)
    alike = fit_population(customer, rng.choice(HOURS, len(customer)))
    apart = fit_population(customer, np.repeat(rng.choice(HOURS, 400), 20))

    assert alike.strength > 1000
    assert apart.strength < 20


def test_a_known_habit_is_found_again():
    """300 customers engage in their own evening hour half of the time, else in any hour."""
    rng = np.random.default_rng(3)
    habit = rng.integers(0, HOURS, 300)
    customer = np.repeat(np.arange(300), 30)
    hour = np.where(rng.random(len(customer)) < 0.5, habit[customer], rng.choice(HOURS, 9000))

    fitted = profiles(fit_population(customer, hour), customer, hour, 300)

    assert (fitted.argmax(axis=1) == habit).mean() > 0.95


def test_without_any_engagement_all_hours_are_equal():
    none = np.zeros(0, int)
    fitted = fit_population(none, none)

    assert_allclose(fitted.shares, EVEN)


def test_hours_are_local_and_start_on_monday():
    # Sunday, 1 March 2026, 23:30 in UTC: Monday 0:30 in Berlin, Sunday 18:30 in New York, Monday
    # 5:00 in Kolkata.
    moment = np.datetime64("2026-03-01T23:30", "us")
    zones = np.array(["Europe/Berlin", "America/New_York", "Asia/Kolkata"], dtype=object)

    assert hours_of_week(zones, np.repeat(moment, 3)).tolist() == [0, 6 * 24 + 18, 5]


def test_the_best_possible_hour_wins_and_the_earliest_of_equals():
    moments = np.datetime64("2026-03-02T08:00", "us") + np.arange(3) * np.timedelta64(1, "h")
    grid, hours = np.vstack([moments] * 4), np.vstack([[8, 9, 10]] * 4)
    profile = np.full((4, HOURS), 0.1)
    profile[:2, 10] = 0.2
    possible = np.ones((4, 3), bool)
    possible[1, 2] = False
    possible[3] = False

    best = best_moments(profile, grid, hours, possible)

    assert best[:3].tolist() == [moments[2], moments[0], moments[0]]
    assert np.isnat(best[3])

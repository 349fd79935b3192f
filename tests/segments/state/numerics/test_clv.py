"""Purchases, spend and lifetime value, against the papers, integrals and simulation."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta

from segments.state.numerics.clv import (
    BetaGeometric,
    GammaGamma,
    NotEnoughCustomers,
    expected_margin,
)
from tests.shared_data import shared_file

PAPER_BG = {"r_": 0.243, "alpha_": 4.414, "a_": 0.793, "b_": 2.426, "log_likelihood_": -9582.4}
PAPER_GG = {"p_": 6.25, "q_": 3.74, "gamma_": 15.44, "log_likelihood_": 0.0}
CALIBRATION_ENDS = pd.Timestamp("1997-09-30")


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """One row per customer of the published 1/10 sample: x, t_x, T (weeks), mean_value, later."""
    log = pd.read_csv(
        shared_file("cdnow/CDNOW_sample.txt"),
        sep=r"\s+",
        names=["master_id", "customer", "date", "n_cds", "value"],
    )
    log["date"] = pd.to_datetime(log["date"].astype(str), format="%Y%m%d")
    days = log.groupby(["customer", "date"], as_index=False)["value"].sum()  # a day is a purchase
    first = days.groupby("customer")["date"].min()
    calibration = days[days["date"] <= CALIBRATION_ENDS]
    repeats = calibration[calibration["date"] > calibration["customer"].map(first)]
    later = days[days["date"] > CALIBRATION_ENDS].groupby("customer").size()
    return pd.DataFrame(
        {
            "x": repeats.groupby("customer").size().reindex(first.index, fill_value=0),
            "t_x": (calibration.groupby("customer")["date"].max() - first).dt.days / 7,
            "T": (CALIBRATION_ENDS - first).dt.days / 7,
            "mean_value": repeats.groupby("customer")["value"].mean().reindex(first.index),
            "later": later.reindex(first.index, fill_value=0),
        }
    )


@pytest.fixture(scope="module")
def cdnow_bg(cdnow) -> BetaGeometric:
    return BetaGeometric().fit(cdnow["x"], cdnow["t_x"], cdnow["T"])


def simulate(n, r, alpha, a, b, *, seed):
    """Histories straight from the model's story: buy at a gamma rate, drop out by chance."""
    rng = np.random.default_rng(seed)
    rate, p_drop = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    T = rng.uniform(10, 80, n)
    x, t_x, clock, alive = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, dtype=bool)
    while alive.any():
        clock += rng.exponential(1 / rate)
        alive &= clock <= T
        x[alive] += 1
        t_x[alive] = clock[alive]
        alive &= rng.random(n) >= p_drop
    return x, t_x, T


# --- published figures ---


@pytest.mark.shared_data
def test_bg_nbd_on_cdnow_is_the_published_fit(cdnow, cdnow_bg):
    # Fader, Hardie & Lee (2005), table 2.
    assert len(cdnow) == 2357
    assert round(cdnow_bg.r_, 3) == 0.243
    assert round(cdnow_bg.alpha_, 3) == 4.414
    assert round(cdnow_bg.a_, 3) == 0.793
    assert round(cdnow_bg.b_, 3) == 2.426
    assert round(cdnow_bg.log_likelihood_, 1) == -9582.4


@pytest.mark.shared_data
def test_gamma_gamma_on_cdnow_is_the_published_fit(cdnow):
    # Fader & Hardie (2013), section 4.
    assert (cdnow["x"] > 0).sum() == 946
    gg = GammaGamma().fit(cdnow["x"], cdnow["mean_value"])
    assert (round(gg.p_, 2), round(gg.q_, 2), round(gg.gamma_, 2)) == (6.25, 3.74, 15.44)


@pytest.mark.shared_data
def test_customer_1516_is_the_published_example(cdnow, cdnow_bg):
    history = cdnow.loc[1516, ["x", "t_x", "T"]].to_numpy()
    assert_allclose(history, [26, 30.857, 31], atol=5e-4)
    assert round(cdnow_bg.expected_purchases(*history, 52)[0], 3) == 25.757
    assert round(cdnow_bg.p_alive(*history)[0], 4) == 0.9689


@pytest.mark.shared_data
def test_holdout_purchases_by_calibration_frequency_are_the_published_ones(cdnow, cdnow_bg):
    expected = cdnow_bg.expected_purchases(cdnow["x"], cdnow["t_x"], cdnow["T"], 39)
    means = (
        cdnow.assign(expected=expected, frequency=cdnow["x"].clip(upper=7))
        .groupby("frequency")[["later", "expected"]]
        .mean()
        .round(3)
    )
    assert means["later"].tolist() == [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
    assert means["expected"].tolist() == [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157]


# --- the formulas against other ways to the same number ---


@pytest.mark.parametrize(
    ("x", "t_x", "T"), [(0, 0, 39), (1, 1.7, 38.9), (2, 30.4, 38.9), (7, 20, 30)]
)
def test_expected_purchases_is_equation_10_with_the_hypergeometric_function(x, t_x, T):
    r, alpha, a, b, t = 0.243, 4.414, 0.793, 2.426, 39.0
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
    numerator = (
        (a + b + x - 1) / (a - 1) * (1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * series)
    )
    gone = (x > 0) * a / (b + max(x, 1) - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)
    model = BetaGeometric.from_fitted(PAPER_BG)
    assert_allclose(model.expected_purchases(x, t_x, T, t), numerator / (1 + gone), rtol=1e-10)


@pytest.mark.parametrize("a", [0.02, 1.0, 3.0, 400.0])
@pytest.mark.parametrize("b", [0.02, 2.4, 900.0])
@pytest.mark.parametrize("x", [0, 3, 20_000])
@pytest.mark.parametrize("horizon", [52.0, 5_000.0])
def test_purchases_while_alive_are_the_integral_over_the_drop_out_probability(a, b, x, horizon):
    # Given rate and p, an active customer makes (1 - e^(-rate p t)) / p purchases (eq. 7 ff.); the
    # integral over the rate is closed, the one over p is done here by quantiles of Beta(a, b + x).
    model = BetaGeometric.from_fitted(PAPER_BG | {"a_": a, "b_": b})
    T = 30.0
    reach, shape = horizon / (model.alpha_ + T), model.r_ + x

    def purchases(p):
        return -np.expm1(-shape * np.log1p(p * reach)) / p if p > 0 else shape * reach

    def tail(level, below):
        inverse = beta.ppf if below else beta.isf
        return quad(
            lambda u: 5 * u**4 * purchases(inverse(u**5, a, b + x)), 0, level**0.2, limit=500
        )[0]

    truth = tail(0.5, below=True) + tail(0.5, below=False)
    while_alive = model.expected_purchases(x, T * (x > 0), T, horizon) / model.p_alive(
        x, T * (x > 0), T
    )
    assert_allclose(while_alive, truth, rtol=2e-7)


def test_expected_purchases_and_p_alive_hold_in_a_simulated_future():
    # 400,000 customers live the story twice as long; what the model says at half time is compared
    # with what happened, over all and among those of one purchase count.
    r, alpha, a, b = 0.8, 6.0, 1.0, 3.0  # a = 1 is a pole of equation 10 as it is printed
    rng = np.random.default_rng(3)
    n, T, horizon = 400_000, 40.0, 30.0
    rate, p_drop = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    x, t_x, later, clock = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    active, alive_at_T = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    while active.any():
        clock += rng.exponential(1 / rate)
        active &= clock <= T + horizon
        now, then = active & (clock <= T), active & (clock > T)
        x[now] += 1
        t_x[now] = clock[now]
        later[then] += 1
        drops = active & (rng.random(n) < p_drop)
        alive_at_T &= ~(drops & now)
        active &= ~drops
    model = BetaGeometric.from_fitted(
        {"r_": r, "alpha_": alpha, "a_": a, "b_": b, "log_likelihood_": 0.0}
    )
    T = np.full(n, T)
    expected, p_alive = model.expected_purchases(x, t_x, T, horizon), model.p_alive(x, t_x, T)
    for rows in (x >= 0, x == 0, x == 1, x == 4, x > 9):
        for said, happened in ((expected, later), (p_alive, alive_at_T)):
            error = (happened[rows] - said[rows]).std() / np.sqrt(rows.sum())
            assert abs((happened[rows] - said[rows]).mean()) <= 4.5 * error + 1e-12


def test_fit_recovers_the_parameters_it_was_simulated_from():
    truth = (0.6, 5.0, 0.7, 2.5)
    model = BetaGeometric().fit(*simulate(60_000, *truth, seed=1))
    assert_allclose([model.r_, model.alpha_, model.a_, model.b_], truth, rtol=0.1)


def test_gamma_gamma_recovers_the_parameters_and_shrinks_towards_the_population():
    rng = np.random.default_rng(5)
    p, q, gamma, n = 4.0, 5.0, 30.0, 60_000
    x = rng.integers(1, 12, n)
    scale = rng.gamma(q, 1 / gamma, n)
    mean_value = rng.gamma(p * x, 1 / scale) / x
    model = GammaGamma().fit(x, mean_value)
    assert_allclose([model.p_, model.q_, model.gamma_], [p, q, gamma], rtol=0.05)
    # The truth behind each customer, p / scale, is met on average at any past mean.
    gap = model.expected_value(x, mean_value) - p / scale
    for rows in (x == 1, x > 8, mean_value > 60, mean_value < 15):
        assert abs(gap[rows].mean()) < 5 * gap[rows].std() / np.sqrt(rows.sum()) + 0.15


def test_gamma_gamma_expectation_by_hand():
    model = GammaGamma.from_fitted({"p_": 6, "q_": 4, "gamma_": 15, "log_likelihood_": 0})
    # x = 0: 6·15/3 = 30; x = 2 of mean 40: 6·(15 + 80)/(12 + 4 - 1) = 38.
    assert_allclose(model.expected_value([0, 2], [np.nan, 40]), [30, 38])
    assert model.population_mean == 30


# --- promises for any input ---


@settings(max_examples=60, deadline=None)
@given(
    parameters=st.tuples(*[st.floats(0.02, 50) for _ in range(4)]),
    x=st.integers(0, 3_000),
    recency=st.floats(0, 1),
    T=st.floats(0, 2_000),
    horizons=st.lists(st.floats(0, 2_000), min_size=2, max_size=5),
)
def test_more_time_never_means_fewer_purchases(parameters, x, recency, T, horizons):
    names = ("r_", "alpha_", "a_", "b_", "log_likelihood_")
    model = BetaGeometric.from_fitted(dict(zip(names, (*parameters, 0.0), strict=True)))
    t_x = recency * T if x else 0.0
    horizons = np.sort([0.0, *horizons])
    expected = model.expected_purchases(x, t_x, T, horizons)[0]
    p_alive = model.p_alive(x, t_x, T)[0]
    assert expected[0] == 0
    assert np.isfinite(expected).all()
    # The hypergeometric function has some eight digits where x is large and alpha small.
    assert (np.diff(expected) >= -1e-8 * expected.max()).all()
    assert 0 <= p_alive <= 1
    # Never more than by somebody who is alive and cannot drop out.
    fastest = p_alive * (model.r_ + x) / (model.alpha_ + T) * horizons
    assert (expected <= fastest * (1 + 1e-9) + 1e-12).all()


def test_a_weight_is_that_many_equal_customers():
    x, t_x, T = simulate(400, 0.6, 5.0, 0.7, 2.5, seed=2)
    n = np.random.default_rng(2).integers(0, 4, 400)
    weighted = BetaGeometric().fit(x, t_x, T, weights=n)
    repeated = BetaGeometric().fit(np.repeat(x, n), np.repeat(t_x, n), np.repeat(T, n))
    assert_allclose(*[list(m.get_fitted().values()) for m in (weighted, repeated)], rtol=1e-5)

    mean_value = np.random.default_rng(3).gamma(3, 10, 400)
    weighted = GammaGamma().fit(x, mean_value, weights=n)
    repeated = GammaGamma().fit(np.repeat(x, n), np.repeat(mean_value, n))
    assert_allclose(*[list(m.get_fitted().values()) for m in (weighted, repeated)], rtol=1e-5)


def test_units_of_time_and_money_do_not_matter():
    x, t_x, T = simulate(3_000, 0.6, 5.0, 0.7, 2.5, seed=4)
    mean_value = np.random.default_rng(4).gamma(3, 10, 3_000)
    weeks, days = BetaGeometric().fit(x, t_x, T), BetaGeometric().fit(x, 7 * t_x, 7 * T)
    assert_allclose(
        [days.r_, days.alpha_, days.a_, days.b_],
        [weeks.r_, 7 * weeks.alpha_, weeks.a_, weeks.b_],
        rtol=1e-4,
    )
    # A density per day is a seventh of one per week, once for every purchase time.
    assert_allclose(days.log_likelihood_, weeks.log_likelihood_ - x.sum() * np.log(7))
    euro, cents = GammaGamma().fit(x, mean_value), GammaGamma().fit(x, 100 * mean_value)
    assert_allclose(
        [cents.p_, cents.q_, cents.gamma_], [euro.p_, euro.q_, 100 * euro.gamma_], rtol=1e-4
    )


def test_margin_is_the_discounted_sum_of_weekly_increments():
    bg, gg = BetaGeometric.from_fitted(PAPER_BG), GammaGamma.from_fitted(PAPER_GG)
    x, t_x, T, value = [0, 2, 26], [0, 30.43, 30.857], [39, 38.86, 31], [np.nan, 22.35, 40]
    rate, n_steps = 0.003, 52 * 40
    weeks = np.arange(n_steps + 1) / 40
    increments = np.diff(bg.expected_purchases(x, t_x, T, weeks), axis=1)
    discounts = (1 + rate) ** -((weeks[1:] + weeks[:-1]) / 2)
    by_hand = increments @ discounts * gg.expected_value(x, value)

    margin = expected_margin(bg, gg, x, t_x, T, value, horizon_weeks=52, weekly_discount=rate)
    assert_allclose(margin, by_hand, rtol=1e-6)
    undiscounted = expected_margin(bg, gg, x, t_x, T, value, horizon_weeks=52, weekly_discount=0)
    assert_allclose(
        undiscounted, bg.expected_purchases(x, t_x, T, 52) * gg.expected_value(x, value)
    )
    assert (margin < undiscounted).all()


def test_fitted_numbers_survive_a_database_row():
    model = BetaGeometric.from_fitted(PAPER_BG)
    again = BetaGeometric.from_fitted(json.loads(json.dumps(model.get_fitted())))
    assert again.get_fitted() == PAPER_BG
    assert again.expected_purchases(2, 30, 39, 52) == model.expected_purchases(2, 30, 39, 52)
    with pytest.raises(ValueError, match="b_ is missing"):
        BetaGeometric.from_fitted({"r_": 1, "alpha_": 1, "a_": 1})
    with pytest.raises(ValueError, match="q_ is -1"):
        GammaGamma.from_fitted(PAPER_GG | {"q_": -1})


# --- what is refused ---


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        (([1], [5], [4]), "t_x cannot lie after T"),
        (([-1], [0], [4]), "x cannot be negative"),
        (([1.5], [2], [4]), "whole number"),
        (([0], [2], [4]), "t_x must be 0 where x is 0"),
        (([1], [np.nan], [4]), "t_x must be a finite number"),
        (([1, 2], [1], [4]), "differ in length"),
        (([], [], []), "no customers"),
    ],
)
def test_impossible_histories_are_refused_with_the_reason(history, sentence):
    model = BetaGeometric.from_fitted(PAPER_BG)
    for call in (model.fit, model.p_alive, lambda *h: model.expected_purchases(*h, 52)):
        with pytest.raises(ValueError, match=sentence):
            call(*history)


def test_too_few_customers_are_reported():
    with pytest.raises(NotEnoughCustomers, match="0 of them with repeat purchases"):
        BetaGeometric().fit(np.zeros(500), np.zeros(500), np.full(500, 30.0))
    with pytest.raises(NotEnoughCustomers, match="20 customers"):
        BetaGeometric().fit(np.ones(20), np.ones(20), np.full(20, 30.0))
    with pytest.raises(NotEnoughCustomers, match="observed"):
        BetaGeometric().fit(np.ones(200), np.zeros(200), np.zeros(200))
    with pytest.raises(NotEnoughCustomers, match="9 customers"):
        GammaGamma().fit(np.ones(9), np.arange(1, 10))
    with pytest.raises(NotEnoughCustomers, match="spends the same"):
        GammaGamma().fit(np.ones(90), np.full(90, 20.0))
    with pytest.raises(ValueError, match="mean_value must be positive"):
        GammaGamma().fit(np.ones(90), np.zeros(90))


def test_an_infinite_mean_is_refused_only_where_it_would_be_the_answer():
    model = GammaGamma.from_fitted(PAPER_GG | {"q_": 0.9})
    assert model.population_mean == np.inf
    assert np.isfinite(model.expected_value([1], [20])).all()
    with pytest.raises(ValueError, match=r"infinite .* \(row 1: 0\)"):
        model.expected_value([1, 0], [20, np.nan])

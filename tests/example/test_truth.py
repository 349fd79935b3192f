from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from optiengine.example.catalogue import retail_catalogue
from optiengine.example.population import Population
from optiengine.example.truth import CustomerState, demand, true_uplift_cents, true_values_cents

START = date(2026, 3, 1)


def morning(population, day=0, **changes):
    n = len(population)
    state = CustomerState(
        population=population,
        day=day,
        is_active=np.ones(n, dtype=bool),
        last_order_day=population.registered_day,
        load=np.zeros(n),
        consent=np.ones((n, 3), dtype=bool),
    )
    return replace(state, **changes)


@pytest.fixture(scope="module")
def population():
    return Population.generate(5_000, seed=1, start=START, lived_days=0)


def option(key):
    catalogue = retail_catalogue()
    return catalogue.options[catalogue.option_of[key]]


def test_the_catalogue_mixes_ranked_and_auto_campaigns_of_one_to_three_actions():
    catalogue = retail_catalogue()

    assert len(catalogue.campaigns) == 24
    assert len({campaign.key for campaign in catalogue.campaigns}) == 24
    assert len(catalogue.option_of) == len(catalogue.options)  # action keys are unique
    assert {len(campaign.actions) for campaign in catalogue.campaigns} == {1, 2, 3}
    ranks = [campaign.rank for campaign in catalogue.campaigns if campaign.rank is not None]
    assert sorted(ranks) == [1, 2, 3, 4, 5]


def test_demand_is_one_on_average():
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(364)]

    np.testing.assert_allclose(np.mean([demand(day) for day in days]), 1, atol=0.003)


def test_own_orders_can_be_done_by_hand(population):
    simple = replace(population, order_rate=np.full(5_000, 0.1), p_dropout=np.full(5_000, 0.25))
    first, second = (1 - np.exp(-0.1 * demand(START + timedelta(days=n))) for n in (0, 1))

    expected = first + (1 - 0.25 * first) * second
    np.testing.assert_allclose(morning(simple).own_orders(2), expected)
    stopped = morning(simple, is_active=np.zeros(5_000, dtype=bool))
    assert not stopped.own_orders(2).any()


@pytest.mark.parametrize(
    ("born", "today", "days"),
    [
        ("1980-03-01", date(2026, 3, 1), 0),
        ("1980-03-05", date(2026, 3, 1), 4),
        ("1980-02-28", date(2026, 3, 1), 364),
        ("1980-02-29", date(2026, 2, 28), 1),  # no leap year: 1 March
        ("1980-02-29", date(2028, 2, 28), 1),  # a leap year: 29 February
        ("1980-01-02", date(2026, 12, 31), 2),
    ],
)
def test_days_to_the_next_birthday(born, today, days):
    population = Population.generate(3, seed=1, start=today, lived_days=0)
    population = replace(population, birth_on=np.full(3, np.datetime64(born)))

    assert morning(population).days_to_birthday.tolist() == [days] * 3


def test_every_true_effect_is_finite_and_every_trait_within_bounds(population):
    state = morning(population)

    for campaign, action in retail_catalogue().options:
        assert np.isfinite(true_uplift_cents(state, campaign, action)).all(), action.key
    for name, trait in state.traits.items():
        assert ((trait >= 0) & (trait <= 1)).all(), name


def test_a_plain_message_is_worth_its_points_times_the_margin(population):
    # cross_shoes.email to somebody who buys nothing but shoes: (-0.02 + 0.07) x margin.
    only_shoes = np.tile([1.0, 0, 0, 0, 0, 0], (5_000, 1))
    neutral = replace(
        population,
        taste=only_shoes,
        channel_affinity=np.ones((5_000, 3)),
        mean_margin_cents=np.full(5_000, 2_000.0),
    )

    uplift = true_uplift_cents(morning(neutral), *option("cross_shoes.email"))

    np.testing.assert_allclose(uplift, (-0.02 + 0.07) * 2_000)


@pytest.mark.parametrize(
    ("key", "good_for", "bad_for"),
    [
        ("clearance.email", {"price_sensitivity": 1.0}, {"price_sensitivity": 0.0}),
        ("winback.email", {"registered_day": -400}, {"registered_day": -5}),
    ],
)
def test_the_right_message_for_one_is_the_wrong_one_for_another(population, key, good_for, bad_for):
    def mean_uplift(traits):
        changed = {name: np.full(len(population), value) for name, value in traits.items()}
        return true_uplift_cents(morning(replace(population, **changed)), *option(key)).mean()

    assert mean_uplift(good_for) > 10
    assert mean_uplift(bad_for) < -10


def test_most_campaigns_help_some_and_harm_others(population):
    values = true_values_cents(morning(population, day=30), retail_catalogue())

    is_mixed = ((values > 5).mean(axis=0) > 0.05) & (
        (np.isfinite(values) & (values < -5)).mean(axis=0) > 0.05
    )
    assert is_mixed.mean() > 0.6


def test_choosing_well_is_worth_far_more_than_choosing_blindly(population):
    values = true_values_cents(morning(population), retail_catalogue())
    allowed = np.isfinite(values)

    uniform = np.where(allowed, values, 0).sum(axis=1) / allowed.sum(axis=1)
    best_single = np.where(allowed, values, 0).mean(axis=0).max()
    oracle = np.maximum(values.max(axis=1), 0)
    assert 0 < uniform.mean() < best_single < oracle.mean() / 2


def test_nobody_is_counted_before_registering():
    population = Population.generate(100, seed=1, start=START, lived_days=60)
    uplift = true_uplift_cents(morning(population), *option("season.email"))

    assert not uplift[population.registered_day >= 0].any()
    assert uplift[population.registered_day < 0].all()

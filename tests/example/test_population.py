from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy.special import hyp2f1

from optiengine.example.living import World
from optiengine.example.population import CUSTOMER_COLUMNS, Population, PurchaseProcess
from optiengine.example.truth import Catalogue, demand

START = date(2026, 3, 1)


def test_newcomers_register_at_the_pace_of_the_past():
    population = Population.generate(7_300, seed=1, start=START, past_days=730, lived_days=60)

    assert len(population) == 7_300 + 600
    before = population.registered_between(date(2000, 1, 1), date(2026, 2, 28))
    assert len(before) == 7_300
    assert len(population.registered_between(START, date(2026, 4, 29))) == 600


def test_hidden_traits_have_the_moments_of_the_process():
    process = PurchaseProcess(r=2.0, alpha=40.0, a=2.0, b=8.0, shape=6.0, q=5.0, gamma=1_000.0)
    population = Population.generate(50_000, seed=2, start=START, lived_days=0, process=process)

    np.testing.assert_allclose(population.order_rate.mean(), 2 / 40, rtol=0.02)
    np.testing.assert_allclose(population.order_rate.var(), 2 / 40**2, rtol=0.05)
    np.testing.assert_allclose(population.p_dropout.mean(), 2 / (2 + 8), rtol=0.02)
    np.testing.assert_allclose(population.mean_margin_cents.mean(), 6 * 1_000 / (5 - 1), rtol=0.02)
    np.testing.assert_allclose(population.taste.sum(axis=1), 1)
    assert ((population.price_sensitivity >= 0) & (population.price_sensitivity <= 1)).all()


def test_orders_follow_the_bgnbd_model():
    # Fader, Hardie & Lee (2005): no repeat purchase until t has probability (alpha/(alpha+t))^r,
    # and equation 9 gives the expected number. t is measured in demand, which varies by day.
    process = PurchaseProcess(r=0.9, alpha=50.0, a=2.0, b=9.0)
    r, alpha, a, b = process.r, process.alpha, process.a, process.b
    population = Population.generate(
        12_000, seed=3, start=START, past_days=300, lived_days=0, process=process
    )
    events = World(population, Catalogue(()), seed=3).history(visit_days=0)

    n_orders = np.bincount(population.positions(events.customer), minlength=len(population))
    demand_until = np.array([demand(population.date_of(day)) for day in range(-300, 0)]).cumsum()
    t = demand_until[-1] - demand_until[population.registered_day + 300]
    p_none = (alpha / (alpha + t)) ** r
    tolerance = 4 * np.sqrt((p_none * (1 - p_none)).sum()) / len(population)
    assert abs((n_orders == 1).mean() - p_none.mean()) < tolerance
    expected = (a + b - 1) / (a - 1) * (1 - p_none * hyp2f1(r, b, a + b - 1, t / (alpha + t)))
    # One order a day at most: the model in continuous time expects about 2 % more.
    np.testing.assert_allclose((n_orders - 1).mean(), expected.mean(), rtol=0.05)


def test_margins_follow_the_gamma_gamma_model():
    process = PurchaseProcess()
    population = Population.generate(
        8_000, seed=4, start=START, past_days=200, lived_days=0, process=process
    )
    events = World(population, Catalogue(()), seed=4).history(visit_days=0)

    relative = (
        events.amount_cents / population.mean_margin_cents[population.positions(events.customer)]
    )
    tolerance = 4 / np.sqrt(process.shape * len(events))
    assert abs(relative.mean() - 1) < tolerance
    np.testing.assert_allclose(relative.var(), 1 / process.shape, rtol=0.05)


def test_the_customer_file_has_a_clean_row_for_everyone():
    population = Population.generate(3_000, seed=5, start=START)
    columns = dict(
        zip(CUSTOMER_COLUMNS, zip(*population.customers_csv_rows(), strict=True), strict=True)
    )

    assert len(set(columns["external_id"])) == len(set(columns["email"])) == len(population)
    assert all(email.isascii() and email.endswith("@example.com") for email in columns["email"])
    assert {"Conceição", "João"} <= set(columns["first_name"])
    for zone in set(columns["timezone"]) - {""}:
        ZoneInfo(zone)
    assert 0 < columns["timezone"].count("") < 40  # a few are unknown, as in real files
    assert set(columns["consent_email"]) == {"true", "false"}
    ages = {2026 - date.fromisoformat(birth).year for birth in columns["birth_date"]}
    assert min(ages) >= 18
    assert max(date.fromisoformat(on) for on in columns["registered_on"]) <= date(2026, 4, 29)


def test_an_unknown_customer_is_named():
    population = Population.generate(10, seed=6, start=START, lived_days=0)

    with pytest.raises(ValueError, match="C9999999"):
        population.positions(np.array(["C0000001", "C9999999"]))

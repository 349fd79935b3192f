"""Estimators on the Open Bandit log: men, 10,000 impressions at random among 34 items.

Saito, Aihara, Matsutani & Narita (2021), Open Bandit Dataset and Pipeline, table 1: over the whole
data the random policy's click rate is .51 %, that of Bernoulli Thompson sampling .67 %. The latter
logged its decisions with the prior of `prior_bts.yaml`.
"""

import math

import numpy as np
import pandas as pd
import pytest
import yaml

from reports.numerics.off_policy import Log, doubly_robust, ips, self_normalised_ips
from tests.shared_data import shared_file

MEN = shared_file("obd/random/men/men.csv")
PRIOR = shared_file("obd/prior_bts.yaml")
N_ITEMS = 34
RANDOM, THOMPSON = 0.0051, 0.0067  # published click rates


@pytest.fixture(scope="module")
def log() -> Log:
    rows = pd.read_csv(MEN, usecols=["item_id", "click", "propensity_score"])
    return Log(
        chosen=rows["item_id"].to_numpy(np.int64),
        propensity=rows["propensity_score"].to_numpy(float),
        reward=rows["click"].to_numpy(float),
        support=np.ones((len(rows), N_ITEMS), dtype=bool),
    )


@pytest.fixture(scope="module")
def prior() -> tuple[np.ndarray, np.ndarray]:
    """Alpha and beta of each item."""
    men = yaml.safe_load(PRIOR.read_text())["men"]
    return np.array(men["alpha"]), np.array(men["beta"])


@pytest.fixture(scope="module")
def thompson(log, prior) -> np.ndarray:
    """P(item has the highest draw), shared by all rows: the policy sees no features."""
    alpha, beta = prior
    draws = np.random.default_rng(1).beta(alpha, beta, size=(100_000, N_ITEMS))
    shares = np.bincount(draws.argmax(axis=1), minlength=N_ITEMS) / len(draws)
    return np.tile(shares, (len(log), 1))


def test_the_log_is_uniform_over_34_items(log):
    counts = np.bincount(log.chosen, minlength=N_ITEMS)
    chi_square = ((counts - 10_000 / N_ITEMS) ** 2).sum() / (10_000 / N_ITEMS)

    assert set(log.propensity.tolist()) == {1 / N_ITEMS}
    assert chi_square < 63.9  # .999 quantile of chi-square with 33 degrees of freedom


def test_the_logging_policy_is_worth_its_click_rate_exactly(log):
    uniform = np.full((len(log), N_ITEMS), 1 / N_ITEMS)

    plain, normalised = ips(log, uniform), self_normalised_ips(log, uniform)

    assert plain.value == pytest.approx(0.0046, abs=1e-15)  # 46 clicks
    assert normalised.value == pytest.approx(0.0046, abs=1e-15)
    assert plain.standard_error == pytest.approx(math.sqrt(0.0046 * 0.9954 / 9_999))
    assert plain.effective_n == pytest.approx(10_000)
    assert plain.interval().low < RANDOM < plain.interval().high


@pytest.mark.parametrize("estimate", [ips, self_normalised_ips])
def test_thompson_sampling_fits_its_published_click_rate(log, thompson, estimate):
    """Few rows show what it prefers, so the interval is wide; it must not exclude the truth."""
    value = estimate(log, thompson)

    assert value.interval().low < THOMPSON < value.interval().high
    # Against uniform logging Kish's number is n / (K sum of squares) on average.
    expected = len(log) / (N_ITEMS * (thompson[0] ** 2).sum())
    assert value.effective_n == pytest.approx(expected, rel=0.05)


def test_a_model_that_knows_the_items_leaves_the_value_and_narrows_it(log, thompson, prior):
    """The prior's own click rates, learned on earlier data, as reward model."""
    alpha, beta = prior
    predicted = np.tile(alpha / (alpha + beta), (len(log), 1))

    plain, robust = ips(log, thompson), doubly_robust(log, thompson, predicted)

    assert robust.interval().low < THOMPSON < robust.interval().high
    assert robust.standard_error < plain.standard_error
    assert abs(robust.value - plain.value) < plain.standard_error


def test_an_item_of_its_own_has_the_click_rate_of_its_rows(log):
    """Always item 0: weights are 34 on its rows, so the self-normalised value is their mean."""
    always = np.zeros((len(log), N_ITEMS))
    always[:, 0] = 1
    of_item = log.chosen == 0

    value = self_normalised_ips(log, always)

    assert value.value == pytest.approx(log.reward[of_item].mean())
    assert value.effective_n == pytest.approx(of_item.sum())

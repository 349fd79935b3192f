"""Learned on one half, valued on the other: against a simulated and a published truth."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from reports.numerics.cross_fit import ENGINE, GREEDY, NONE, LoggedChoices, cross_fitted
from reports.numerics.off_policy import Log
from tests.shared_data import shared_file

pytestmark = pytest.mark.slow


def logged(chosen, reward, features, segments, costs=(0.0, 0.0)) -> LoggedChoices:
    """Three groups of 1/3 with one control group for both actions."""
    n = len(chosen)
    shares = np.full((n, 2), np.nan)
    shares[chosen == 0] = 0.5
    for action in (1, 2):
        shares[chosen == action, action - 1] = 0.5
    log = Log(chosen, np.full(n, 1 / 3), reward, np.ones((n, 3), dtype=bool))
    return LoggedChoices(log, shares, segments, features, np.asarray(costs))


def simulated(n, rng, costs=(0.0, 0.0)) -> LoggedChoices:
    """Action 1 adds 10 to half of the customers, action 2 adds 10 to the others; baseline 5."""
    kind = rng.integers(0, 2, n)
    chosen = rng.integers(0, 3, n)
    reward = 5 + 10 * ((chosen == 1) & (kind == 0)) + 10 * ((chosen == 2) & (kind == 1))
    noisy = reward + rng.normal(0, 5, n)
    return logged(chosen, noisy, kind[:, None].astype(float), kind.astype(np.int64), costs)


def test_values_are_those_of_a_known_truth():
    worth = cross_fitted(simulated(8_000, np.random.default_rng(1)), ["a", "b"], n_splits=6, seed=2)

    for name, truth in {GREEDY: 15, NONE: 5, "a": 10, "b": 10}.items():
        for interval in (worth[name].snips, worth[name].doubly_robust):
            assert abs(interval.estimate - truth) < 0.5, name  # about five standard errors
            assert interval.high - interval.low < 2
    # Exploration hands out 2 % evenly over three options, of which one is right: 15 - .02 * 20 / 3.
    assert abs(worth[ENGINE].doubly_robust.estimate - (15 - 0.02 * 20 / 3)) < 0.4
    assert worth["a"].engine_gain.low > 0
    assert (worth[NONE].contacted, worth["a"].contacted) == (0, 1)


def test_limits_over_splits_cover_a_known_truth():
    """Of 40 logs nearly all; fewer than 34 would come about by chance once in 300 runs."""
    covered = {GREEDY: 0, NONE: 0, "a": 0}
    for seed in range(40):
        data = simulated(1_500, np.random.default_rng(seed))
        worth = cross_fitted(data, ["a", "b"], n_splits=8, seed=seed)
        for name, truth in {GREEDY: 15, NONE: 5, "a": 10}.items():
            interval = worth[name].doubly_robust
            covered[name] += interval.low <= truth <= interval.high

    assert min(covered.values()) >= 34, covered


def test_costs_are_taken_off_and_keep_the_engine_from_contacting():
    worth = cross_fitted(
        simulated(6_000, np.random.default_rng(3), costs=(30.0, 30.0)),
        ["a", "b"],
        n_splits=4,
        seed=4,
    )

    assert abs(worth["a"].snips.estimate - (10 - 30)) < 1
    assert worth[GREEDY].contacted == 0
    assert abs(worth[GREEDY].snips.estimate - 5) < 1


def test_the_same_seed_gives_the_same_figures():
    data = simulated(900, np.random.default_rng(5))

    assert cross_fitted(data, ["a", "b"], n_splits=2, seed=6) == cross_fitted(
        data, ["a", "b"], n_splits=2, seed=6
    )


def test_too_thin_a_log_is_refused_per_policy():
    rng = np.random.default_rng(7)
    worth = cross_fitted(simulated(120, rng), ["a", "b"], n_splits=2, seed=8)

    assert "needed" in worth["a"].refusal
    assert not worth["a"].snips.is_known


@pytest.fixture(scope="module")
def hillstrom() -> pd.DataFrame:
    return pd.read_csv(
        shared_file(
            "hillstrom/"
            "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv.gz"
        )
    )


def test_hillstroms_single_emails_have_their_published_worth(hillstrom):
    """Visit rates .182757 (Mens), .106167 (none), .151400 (Womens); no choice can beat all."""
    groups = {"No E-Mail": 0, "Mens E-Mail": 1, "Womens E-Mail": 2}
    chosen = hillstrom["segment"].map(groups).to_numpy()
    columns = ["recency", "history", "mens", "womens", "newbie"]
    data = logged(
        chosen,
        hillstrom["visit"].to_numpy(float),
        hillstrom[columns].to_numpy(float),
        (hillstrom["mens"] + 2 * hillstrom["womens"]).to_numpy(),
    )

    worth = cross_fitted(data, ["mens", "womens"], n_splits=10, seed=1)

    for name, published in {"mens": 0.182757, NONE: 0.106167, "womens": 0.151400}.items():
        assert_allclose(worth[name].snips.estimate, published, atol=0.002)
        assert_allclose(worth[name].doubly_robust.estimate, published, atol=0.002)
    assert worth[NONE].engine_gain.low > 0.06
    assert worth["womens"].engine_gain.low > 0.01
    assert worth[GREEDY].doubly_robust.high > 0.1827

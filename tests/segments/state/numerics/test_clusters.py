"""Behavioural clusters: as many as are found again in other customers, and the same next month."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score, homogeneity_score

from segments.state.numerics.clusters import CLIP, StageClusters, match_clusters, name_clusters

pytestmark = pytest.mark.slow

ROUND = {  # no direction in which customers differ more than in another, so no place to cut
    "normal": lambda rng, n: rng.normal(50, 10, (n, 5)),
    "normal in two dimensions": lambda rng, n: rng.normal(size=(n, 2)),
    "log-normal": lambda rng, n: rng.lognormal(3, 1.2, (n, 5)),
    "exponential": lambda rng, n: rng.exponential(100, (n, 3)),
    "uniform": lambda rng, n: rng.uniform(0, 100, (n, 3)),
    "heavy tails": lambda rng, n: rng.standard_t(3, (n, 5)),
}


def buyers(rng, n):
    """Recency, orders and margin of a continuum: who orders more was here lately, spends more."""
    activity = rng.normal(size=n)
    orders = rng.poisson(np.exp(1.5 + activity)) + 1
    margin = orders * rng.lognormal(7, 0.5, n)
    return np.column_stack([90 / (1 + rng.exponential(np.exp(activity))), orders, margin])


def plant(rng, n, d, k, separation):
    """k ≤ d spherical heaps, every two centres `separation` standard deviations apart."""
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0][:k]
    truth = rng.integers(k, size=n)
    return (axes * separation / np.sqrt(2))[truth] + rng.normal(size=(n, d)), truth


@pytest.mark.parametrize("make", ROUND.values(), ids=ROUND.keys())
def test_a_round_cloud_could_be_cut_anywhere_and_stays_whole(make):
    for seed in range(2):
        model = StageClusters(seed=seed).fit(make(np.random.default_rng(seed), 1_000))
        assert model.n_clusters_ == 1, (seed, model.criterion_)


def test_a_long_cloud_is_cut_across_its_length():
    # One trait behind five features: its halves are what the two clusters must be.
    rng = np.random.default_rng(0)
    trait = rng.normal(size=(2_000, 1))
    X = trait + rng.normal(size=(2_000, 5)) / 4
    model = StageClusters(max_clusters=2).fit(X)
    assert model.n_clusters_ == 2
    assert (model.predict(X) == (trait[:, 0] > 0)).mean() > 0.93


def test_a_continuum_of_buyers_is_partitioned_into_groups_that_a_resample_confirms():
    rng = np.random.default_rng(1)
    sample, resample, new = (buyers(rng, 3_000) for _ in range(3))
    models = [
        StageClusters(max_clusters=3, seed=s).fit(X) for s, X in enumerate((sample, resample))
    ]
    assert models[0].n_clusters_ == models[1].n_clusters_ == 3
    first, second = (model.predict(new) for model in models)
    assert np.bincount(first).min() > 0.1 * len(new)
    assert (first == second).mean() > 0.85


@pytest.mark.parametrize(("d", "k"), [(5, 3), (10, 2), (10, 5)])
def test_planted_heaps_are_found_with_their_members(d, k):
    for seed in range(2):
        X, truth = plant(np.random.default_rng(seed), 1_500, d, k, separation=6)
        model = StageClusters(seed=seed).fit(X)
        assert model.n_clusters_ == k, (seed, model.criterion_)
        assert adjusted_rand_score(truth, model.predict(X)) > 0.95


@pytest.mark.parametrize("d", [2, 3])
def test_heaps_that_are_cut_further_are_not_mixed(d):
    # In few dimensions a heap can be reproducible in parts; no part may hold members of two heaps.
    X, truth = plant(np.random.default_rng(0), 1_500, d, 2, separation=6)
    assert homogeneity_score(truth, StageClusters().fit(X).predict(X)) > 0.95


def test_a_count_that_is_mostly_zero_takes_part():
    # 85 % never click. With the quartiles at zero, a scale made of them would say nothing.
    rng = np.random.default_rng(3)
    clickers = rng.random(2_000) < 0.15
    X = np.column_stack([np.where(clickers, rng.poisson(8, 2_000) + 3, 0), np.ones(2_000)])
    model = StageClusters(max_clusters=2).fit(X)
    assert_array_equal(model.predict(X), clickers)


def test_skewed_features_with_missing_values_still_show_their_clusters():
    rng = np.random.default_rng(0)
    heaps, truth = plant(rng, 3_000, 4, 3, separation=8)
    X = np.exp(heaps / 2 + 4)  # money-like
    X[rng.random(X.shape) < 0.05] = np.nan
    model = StageClusters().fit(X)
    assert model.logged_.any()
    assert model.n_clusters_ == 3
    assert adjusted_rand_score(truth, model.predict(X)) > 0.8


def test_the_chosen_number_is_the_largest_that_is_reproduced():
    X, _ = plant(np.random.default_rng(1), 1_500, 5, 4, separation=6)
    model = StageClusters().fit(X)
    assert set(model.criterion_) == {1, 2, 3, 4, 5, 6}
    assert max(k for k, strength in model.criterion_.items() if strength >= 0.8) == 4
    assert model.n_clusters_ == len(model.centers_) == 4


@pytest.mark.parametrize(
    ("strengths", "n_in_use", "expected"),
    [
        ([1, 0.9, 0.85, 0.6], 1, 3),
        ([1, 0.7, 0.85, np.nan], 1, 3),  # a weak number below does not matter
        ([1, 0.79, 0.6, 0.5], 1, 1),
        ([1, 0.9, 0.75, 0.6], 3, 3),  # in use, and not so bad that everybody be regrouped
        ([1, 0.9, 0.69, 0.6], 3, 2),
        ([1, 0.9, 0.85, 0.6], 2, 2),  # better than needed, but not by enough
        ([1, 0.9, 0.91, 0.6], 2, 3),
        ([1, 0.75, np.nan, np.nan], 3, 1),
        ([1, 0.9], 5, 2),  # too few rows are left for the number in use
    ],
)
def test_the_number_in_use_is_kept_while_it_is_nearly_good(strengths, n_in_use, expected):
    model = StageClusters()
    model.criterion_ = dict(enumerate(strengths, start=1))
    assert model._reproducible(n_in_use) == expected


def test_a_cluster_below_the_smallest_share_or_fifty_rows_is_not_made():
    rng = np.random.default_rng(2)
    X = np.vstack([rng.normal(size=(900, 3)), rng.normal(6, 1, (100, 3))])
    assert StageClusters(min_share=0.05).fit(X).n_clusters_ == 2
    assert StageClusters(min_share=0.2).fit(X).n_clusters_ == 1
    assert StageClusters(min_share=0.01).fit(X[:940]).n_clusters_ == 1


@pytest.mark.parametrize("X", [[[1.0, 2.0]], np.full((400, 2), 7.0), np.full((400, 2), np.nan)])
def test_without_differences_there_is_one_cluster(X):
    model = StageClusters().fit(X)
    assert model.n_clusters_ == 1
    assert not model.predict(X).any()


def test_two_kinds_of_equal_rows_are_two_clusters():
    X = np.repeat([[0.0, 5.0], [3.0, 5.0]], [300, 100], axis=0)
    model = StageClusters().fit(X)
    assert model.n_clusters_ == 2
    assert_array_equal(model.predict(X), np.repeat([0, 1], [300, 100]))


def test_the_same_rows_and_seed_give_the_same_clusters_in_another_process():
    code = (
        "import json, numpy as np; from segments.state.numerics.clusters import StageClusters;"
        "X = np.vstack([np.random.default_rng(7).normal(m, 1, (900, 4)) for m in (0, 5, 10)]);"
        "print(json.dumps(StageClusters(sample=2_000, seed=3).fit(X).get_fitted()))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env=env
        ).stdout
        for env in ({"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "5"})
    ]
    assert runs[0] == runs[1]
    assert len(json.loads(runs[0])["centers"]) == 3


def test_fitted_clusters_survive_a_database_row():
    X, _ = plant(np.random.default_rng(3), 1_000, 3, 2, separation=6)
    X = np.exp(X)
    model = StageClusters().fit(X)
    again = StageClusters.from_fitted(json.loads(json.dumps(model.get_fitted())))
    assert_array_equal(again.predict(X), model.predict(X))
    assert again.get_fitted() == model.get_fitted()
    with pytest.raises(ValueError, match="cannot be restored"):
        StageClusters.from_fitted(model.get_fitted() | {"scale": [1.0]})


def test_transform_and_back_is_the_feature_again():
    X = np.random.default_rng(4).lognormal(2, 1, (500, 3)) * [1, -1, 1]
    model = StageClusters().fit(X)
    inside = (np.abs(model.transform(X)) < CLIP).all(axis=1)
    assert inside.mean() > 0.9
    assert_allclose(model.inverse_transform(model.transform(X))[inside], X[inside])


def test_what_cannot_be_clustered_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        StageClusters().fit(np.empty((0, 3)))
    with pytest.raises(ValueError, match="feature 1 of row 0 is infinite"):
        StageClusters().fit([[1.0, np.inf]])
    with pytest.raises(ValueError, match="3 features given, 2 learned"):
        StageClusters().fit([[1.0, 2.0]]).predict([[1.0, 2.0, 3.0]])


def test_a_cluster_continues_the_one_with_which_it_shares_more_than_it_does_not():
    old = np.repeat([0, 1, 2], [100, 100, 100])
    new = old.copy()
    new[:30] = 3  # a part of 0 leaves for a new cluster: 70 of 100 stay
    assert_array_equal(match_clusters(old, new, 3, 4), [0, 1, 2, -1])
    new[:60] = 3  # most of it leaves
    assert_array_equal(match_clusters(old, new, 3, 4), [-1, 1, 2, 0])
    new[50:60] = 0  # half and half continues in neither
    assert_array_equal(match_clusters(old, new, 3, 4), [-1, 1, 2, -1])
    # Two of equal size that become one are neither of the two; all of one kind is that kind.
    assert_array_equal(match_clusters([0, 0, 1, 1], [0, 0, 0, 0], 2, 1), [-1])
    assert_array_equal(match_clusters([1, 1, 1, 1], [0, 0, 0, 0], 2, 1), [1])
    assert_array_equal(match_clusters([], [], 2, 1), [-1])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=40))
def test_no_cluster_is_continued_twice(pairs):
    old, new = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    continued = [index for index in match_clusters(old, new, 4, 5) if index >= 0]
    assert len(continued) == len(set(continued))


def test_refitting_on_other_customers_keeps_nearly_everybody_where_they_were():
    rng = np.random.default_rng(5)
    before, now = buyers(rng, 3_000), buyers(rng, 3_000)
    old = StageClusters(seed=0).fit(before)
    new = StageClusters(seed=9).fit(now, n_in_use=old.n_clusters_)
    was, is_now = old.predict(now), new.predict(now)
    matched = match_clusters(was, is_now, old.n_clusters_, new.n_clusters_)
    assert sorted(matched) == list(range(old.n_clusters_))
    assert (matched[is_now] == was).mean() > 0.9


def test_a_name_says_what_sets_a_cluster_apart():
    labels = [("rare", "frequent"), ("low spend", "high spend"), ("young", "long-standing")]
    centers = [[1.6, 2.0, 0.0], [0.1, -1.5, 0.2], [-2.0, 0.1, -0.1], [0.1, 0.2, -0.3]]
    assert name_clusters(centers, labels) == [
        "frequent, high spend",
        "low spend",
        "rare",
        "average",
    ]
    assert name_clusters([[1.0, 1.0, 1.0]], labels) == ["all"]


def test_equal_names_are_made_distinct_by_what_differs_or_by_a_number():
    labels = [("rare", "frequent"), ("low spend", "high spend"), ("young", "long-standing")]
    centers = [[1.0, 1.0, 0.3], [1.0, 1.2, -0.3], [-2.0, -2.0, 0.0]]
    assert name_clusters(centers, labels) == [
        "frequent, high spend, long-standing",
        "frequent, high spend, young",
        "rare, low spend",
    ]
    # What is the same in both is not said of either.
    centers = [[1.0, 1.0, 0.3], [1.5, 1.5, 0.3], [-2.0, -2.0, 0.0]]
    names = ["frequent, high spend", "frequent, high spend 2", "rare, low spend"]
    assert name_clusters(centers, labels) == names


@settings(max_examples=80, deadline=None)
@given(
    centers=st.integers(1, 4).flatmap(
        lambda d: st.lists(
            st.lists(st.integers(-2, 2), min_size=d, max_size=d), min_size=1, max_size=8
        )
    )
)
def test_names_are_unique_whatever_the_centres(centers):
    labels = [(f"low {j}", f"high {j}") for j in range(len(centers[0]))]
    names = name_clusters(centers, labels)
    assert len(set(names)) == len(names) == len(centers)
    assert all(names)

"""Behavioural clusters: as many as were planted, none where there are none."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from segments.numerics.clusters import StageClusters, match_clusters, name_clusters

ONE_HEAP = {
    "normal": lambda rng, n: rng.normal(50, 10, (n, 10)),
    "normal around zero": lambda rng, n: rng.normal(size=(n, 3)),
    "one tilted cloud": lambda rng, n: 2 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 5)) / 2,
    "log-normal": lambda rng, n: rng.lognormal(3, 1.2, (n, 5)),
    "log-normal below one": lambda rng, n: rng.lognormal(0, 1.2, (n, 4)),
    "correlated log-normal": lambda rng, n: np.exp(
        3 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 5)) / 2
    ),
    "exponential": lambda rng, n: rng.exponential(100, (n, 3)),
    "uniform": lambda rng, n: rng.uniform(0, 100, (n, 3)),
    "heavy tails": lambda rng, n: rng.standard_t(3, (n, 5)),
}


def plant(rng, n, d, k, separation):
    """k ≤ d spherical heaps, every two centres `separation` standard deviations apart."""
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0][:k]
    truth = rng.integers(k, size=n)
    return (axes * separation / np.sqrt(2))[truth] + rng.normal(size=(n, d)), truth


@pytest.mark.parametrize("make", ONE_HEAP.values(), ids=ONE_HEAP.keys())
def test_a_single_heap_is_one_cluster(make):
    for seed in range(3):
        model = StageClusters(seed=seed).fit(make(np.random.default_rng(seed), 1_500))
        assert model.n_clusters_ == 1, (seed, model.criterion_)


@pytest.mark.parametrize(("d", "k"), [(2, 2), (5, 3), (10, 2), (10, 5)])
def test_planted_heaps_are_found_with_their_members(d, k):
    for seed in range(3):
        X, truth = plant(np.random.default_rng(seed), 2_000, d, k, separation=6)
        model = StageClusters(seed=seed).fit(X)
        assert model.n_clusters_ == k, (seed, model.criterion_)
        assert adjusted_rand_score(truth, model.predict(X)) > 0.95


def test_skewed_features_with_missing_values_still_show_their_clusters():
    rng = np.random.default_rng(0)
    heaps, truth = plant(rng, 3_000, 4, 3, separation=8)
    X = np.exp(heaps / 2 + 4)  # money-like
    X[rng.random(X.shape) < 0.05] = np.nan
    model = StageClusters().fit(X)
    assert model.logged_.any()
    assert model.n_clusters_ == 3
    assert adjusted_rand_score(truth, model.predict(X)) > 0.8


def test_the_chosen_number_has_the_largest_gap_of_those_that_hold_up():
    X, _ = plant(np.random.default_rng(1), 2_000, 5, 4, separation=6)
    model = StageClusters().fit(X)
    assert set(model.criterion_) == {1, 2, 3, 4, 5, 6}
    gaps = {k: gap for k, gap in model.criterion_.items() if not np.isnan(gap)}
    assert max(gaps, key=gaps.get) == model.n_clusters_ == 4


def test_a_cluster_below_the_smallest_share_is_not_made():
    rng = np.random.default_rng(2)
    X = np.vstack([rng.normal(size=(900, 3)), rng.normal(6, 1, (100, 3))])
    assert StageClusters(min_share=0.05).fit(X).n_clusters_ == 2
    assert StageClusters(min_share=0.2).fit(X).n_clusters_ == 1


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
        "import json, numpy as np; from segments.numerics.clusters import StageClusters;"
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
    inside = (np.abs(model.transform(X)) < model.reach_ - 1e-9).all(axis=1)
    assert_allclose(model.inverse_transform(model.transform(X))[inside], X[inside])


def test_what_cannot_be_clustered_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        StageClusters().fit(np.empty((0, 3)))
    with pytest.raises(ValueError, match="feature 1 of row 0 is infinite"):
        StageClusters().fit([[1.0, np.inf]])
    with pytest.raises(ValueError, match="3 features given, 2 learned"):
        StageClusters().fit([[1.0, 2.0]]).predict([[1.0, 2.0, 3.0]])


def test_matching_continues_the_nearest_pairs_and_leaves_strangers_alone():
    old = [[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]
    new = [[0.2, 5.1], [9.0, 9.0], [0.1, -0.2], [5.0, 0.5]]
    assert_array_equal(match_clusters(old, new, max_distance=1), [2, -1, 0, 1])
    assert_array_equal(match_clusters(np.empty((0, 2)), new, max_distance=1), [-1] * 4)
    # One old centre between two new ones is continued by the nearer only.
    assert_array_equal(match_clusters([[0.0]], [[0.4], [-0.3]], max_distance=1), [-1, 0])
    # Two strangers do not talk a near pair out of its match.
    assert_array_equal(match_clusters([[0.0], [1.9]], [[1.0], [50.0]], max_distance=1), [1, -1])


def test_refitting_on_new_rows_keeps_the_identity_of_clusters():
    X, _ = plant(np.random.default_rng(5), 4_000, 4, 3, separation=7)
    old, new = StageClusters(seed=0).fit(X[:2_000]), StageClusters(seed=9).fit(X[2_000:])
    carried = new.transform(old.inverse_transform(old.centers_))
    matched = match_clusters(carried, new.centers_, max_distance=1.0)
    assert sorted(matched) == [0, 1, 2]
    assert (matched[new.predict(X)] == old.predict(X)).mean() > 0.995


def test_a_name_says_what_sets_a_cluster_apart():
    labels = [("low spend", "high spend"), ("rare", "frequent"), ("young", "long-standing")]
    centers = [[2.0, 1.6, 0.0], [-1.5, 0.1, 0.2], [0.1, -2.0, -0.1]]
    assert name_clusters(centers, labels) == ["high spend, frequent", "low spend", "rare"]
    assert name_clusters([[1.0, 1.0, 1.0]], labels) == ["all"]


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

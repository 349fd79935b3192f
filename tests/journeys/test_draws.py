import hashlib

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare, kstest

from journeys.draws import keyed_uniform, pick


def test_a_draw_follows_its_written_definition():
    # Computed once more with only hashlib, as a partner who audits a run would.
    key = hashlib.blake2b(b"42\0choice", digest_size=32).digest()
    digest = hashlib.blake2b((7).to_bytes(8, "little"), key=key, digest_size=8).digest()

    u = keyed_uniform(np.array([7]), seed=42, purpose="choice")

    assert u[0] == (int.from_bytes(digest, "little") >> 11) / 2**53


def test_batch_and_order_play_no_part():
    ids = np.arange(1000, dtype=np.int64)
    whole = keyed_uniform(ids, seed=1, purpose="choice")

    backwards = keyed_uniform(ids[::-1], seed=1, purpose="choice")
    part = keyed_uniform(ids[300:400], seed=1, purpose="choice")

    assert_array_equal(backwards[::-1], whole)
    assert_array_equal(part, whole[300:400])


def test_draws_are_uniform_and_unrelated_between_purposes_and_seeds():
    ids = np.arange(20_000, dtype=np.int64)
    first = keyed_uniform(ids, seed=1, purpose="choice")

    assert kstest(first, "uniform").pvalue > 0.001
    assert (first >= 0).all()
    assert (first < 1).all()
    for seed, purpose in [(1, "control"), (2, "choice")]:
        other = keyed_uniform(ids, seed=seed, purpose=purpose)
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03  # 4 s.d.


def test_no_customers_no_draws():
    assert keyed_uniform(np.array([]), seed=1, purpose="choice").shape == (0,)


def test_ids_that_are_not_integers_are_refused():
    with pytest.raises(ValueError, match="integers"):
        keyed_uniform(np.array([1.5]), seed=1, purpose="choice")


def test_picks_by_hand():
    p = np.array([[0.25, 0.0, 0.75]] * 4)

    assert_array_equal(pick(p, [0.0, 0.2499, 0.25, 0.9999]), [0, 0, 2, 2])


def test_an_option_without_probability_is_never_picked():
    rng = np.random.default_rng(0)
    p = rng.random((5000, 7)) * (rng.random((5000, 7)) < 0.5)
    p[:, 3] += 1e-12
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(p))

    for u in (0.0, 0.5, np.nextafter(1.0, 0.0)):
        assert (p[rows, pick(p, np.full(len(p), u))] > 0).all()
    on_the_edge = np.minimum(p.cumsum(axis=1)[:, 2], np.nextafter(1.0, 0.0))
    assert (p[rows, pick(p, on_the_edge)] > 0).all()


def test_options_are_picked_as_often_as_they_should():
    p = np.array([0.1, 0.2, 0.7])
    u = keyed_uniform(np.arange(20_000), seed=3, purpose="choice")

    counts = np.bincount(pick(np.tile(p, (20_000, 1)), u))

    assert chisquare(counts, 20_000 * p).pvalue > 0.001
    assert_allclose(counts.sum(), 20_000)


@pytest.mark.parametrize("row", [[0.5, 0.4], [1.2, -0.2], [np.nan, 1.0]])
def test_rows_that_are_no_probabilities_are_refused(row):
    with pytest.raises(ValueError, match="row 1 "):
        pick(np.array([[0.5, 0.5], row]), np.array([0.1, 0.1]))

"""Chains of moves between segments: solved by hand, and recovered from simulated customers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reports.numerics.migration import (
    LEAST_STRENGTH,
    MOST_STRENGTH,
    Moves,
    chain_value,
    dirichlet_strength,
    horizon_value,
    jackknife_limits,
    lifetime_value,
    parent_rows,
    shrunk_means,
    shrunk_rows,
)


def moves_of(counts, cents=None, squares=None):
    counts = np.array(counts, float)
    zeros = np.zeros(len(counts))
    return Moves(
        counts,
        zeros if cents is None else np.array(cents, float),
        zeros if squares is None else np.array(squares, float),
    )


def test_two_segments_solved_by_hand():
    # v1 = 10 + .5 (.6 v1 + .4 v2) and v2 = 2 + .5 (.2 v1 + .5 v2); 3 in 10 of the second leave.
    # So .7 v1 - .2 v2 = 10 and -.1 v1 + .75 v2 = 2; the determinant is .525 - .02 = .505.
    P = np.array([[0.6, 0.4, 0.0], [0.2, 0.5, 0.3]])

    value = lifetime_value(P, np.array([10.0, 2.0]), 0.5)

    assert_allclose(value, [(7.5 + 0.4) / 0.505, (1.4 + 1.0) / 0.505])


def test_active_lapsed_and_back_solved_by_hand():
    # Of the active, 1/2 stay and 1/2 lapse; of the lapsed, 1/2 stay, 1/4 come back, 1/4 leave.
    # γ = .8, 30 a period while active: a = 30 + .4 a + .4 l and l = .4 l + .2 a, so l = a / 3
    # and .6 a - .4 a / 3 = 30: a = 450 / 7.
    P = np.array([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]])

    value = lifetime_value(P, np.array([30.0, 0.0]), 0.8)

    assert_allclose(value, [450 / 7, 150 / 7])


def test_the_horizon_adds_period_by_period_and_a_part_of_the_last():
    P = np.array([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]])
    margin = np.array([30.0, 0.0])

    # By hand: 30, then .8 · 15 = 12, then .64 · 30 · (.25 + .125) = 7.2, of which a quarter.
    assert_allclose(horizon_value(P, margin, 0.8, 2.25)[0], 30 + 12 + 7.2 / 4)
    assert_allclose(horizon_value(P, margin, 0.8, 0), [0, 0])
    assert_allclose(horizon_value(P, margin, 0.8, 200), lifetime_value(P, margin, 0.8))


def test_without_discount_only_a_chain_that_ends_has_a_value():
    ends = np.array([[0.75, 0.25]])
    never = np.array([[1.0, 0.0]])

    assert_allclose(lifetime_value(ends, np.array([5.0]), 1.0), [20])
    assert np.isnan(lifetime_value(never, np.array([5.0]), 1.0)).all()
    assert_allclose(lifetime_value(never, np.array([5.0]), 0.9), [50])


def test_a_parents_row_keeps_staying_apart_from_moving():
    # Segments 0 and 1 have one parent, 2 another. All: 150 stay of 250; of those who move, 10 go
    # to 0, 30 to 1, 60 to 2 and nobody leaves. The parent has 70 stayers of 100, and movers 10, 0
    # and 20; the imagined customer adds .6 of a stayer, and .04, .12 and .24 of a mover.
    counts = np.array([[40, 0, 10, 0], [10, 30, 10, 0], [0, 30, 80, 40]], float)

    rows = parent_rows(counts, np.array([0, 0, 1]))

    total = 250
    stay = (70 + 150 / total) / 101
    to_1, to_2, left = 30 / total, 20 + 20 / total, 40 / total
    moved = to_1 + to_2 + left
    assert_allclose(rows.sum(axis=1), 1)
    assert rows[0, 0] == rows[1, 1] == pytest.approx(stay)
    assert_allclose(rows[0, 1:], (1 - stay) * np.array([to_1, to_2, left]) / moved)


def test_a_row_moves_to_its_parents_by_how_little_is_known():
    parents = np.array([[0.5, 0.3, 0.2], [0.4, 0.5, 0.1]])
    counts = np.array([[0.0, 0, 0], [30, 60, 0]])

    rows = shrunk_rows(counts, parents, 10)

    assert_allclose(rows[0], parents[0])
    assert_allclose(rows[1], [34 / 100, 65 / 100, 1 / 100])  # (30 + 10 · .4) / (90 + 10), …


def test_a_few_customers_margin_moves_to_the_parents():
    # Two segments of 100 and of 4 customers with means 10 and 50, all of variance 400 within.
    n, mean = np.array([100.0, 4.0]), np.array([10.0, 50.0])
    squares = n * mean**2 + 400 * (n - 1)
    counts = np.diag(n)[:, [0, 1, 1]] * [1, 1, 0]
    moves = Moves(counts, n * mean, squares)

    means = shrunk_means(moves, np.array([0, 0]))

    # DerSimonian & Laird by hand: w = n / 400, the pooled mean 1200 / 104.
    pooled, w = 1200 / 104, n / 400
    between = (w @ (mean - pooled) ** 2 - 1) / (w.sum() - w @ w / w.sum())
    assert_allclose(means, pooled + between / (between + 400 / n) * (mean - pooled))
    assert pooled < means[1] < 50
    assert abs(means[0] - 10) < 0.2


def test_a_segment_or_stage_without_anybody_takes_what_is_nearest():
    counts = np.array([[80, 10, 0, 0, 10], [10, 85, 5, 0, 0], [0] * 5, [0] * 5], float)
    moves = moves_of(counts, cents=[1_000, 200, 0, 0], squares=[20_000, 900, 0, 0])

    chain = chain_value(moves, np.array([0, 0, 0, 1]), discount=0.9, n_periods=5)

    assert np.isfinite(chain.lifetime_cents).all()
    assert_allclose(chain.transition.sum(axis=1), 1)
    assert chain.margin_cents[2] == pytest.approx(6)  # its stage's: 1,200 by 200
    assert chain.margin_cents[3] == pytest.approx(6)  # everyone's
    assert np.isnan(chain_value(moves_of(counts * 0), np.zeros(4, int), discount=0.9, n_periods=5)
                    .lifetime_cents).all()  # fmt: skip


def test_the_strength_is_that_of_the_world():
    rng = np.random.default_rng(5)
    groups = np.repeat([0, 1], 30)
    parents = parent_rows(rng.dirichlet(np.full(61, 0.3), 60) * 500 + 700 * np.eye(60, 61), groups)
    for strength in (20, 300):
        rows = np.stack([rng.dirichlet(strength * row + 1e-9) for row in parents])
        counts = np.stack([rng.multinomial(500, row) for row in rows]).astype(float)
        assert dirichlet_strength(counts, groups) == pytest.approx(strength, rel=0.35)
    alike = np.stack([rng.multinomial(5_000, row) for row in parents]).astype(float)
    assert dirichlet_strength(alike, groups) > 5_000
    assert dirichlet_strength(np.eye(3, 4) * 9, np.arange(3)) == LEAST_STRENGTH
    assert (
        dirichlet_strength(np.tile([1e6, 1e6, 1e6, 0], (2, 1)), np.zeros(2, int)) <= MOST_STRENGTH
    )


def world(rng, *, n_groups=4, per_group=6, strength=60.0):
    """Groups of segments whose true rows lie around their group's, and true margins likewise."""
    groups = np.repeat(np.arange(n_groups), per_group)
    n = len(groups)
    towards = rng.dirichlet(np.ones(n + 1), n_groups)
    rows = np.stack(
        [rng.dirichlet(strength * (0.7 * np.eye(n, n + 1)[i] + 0.3 * towards[g]) + 1e-3)
         for i, g in enumerate(groups)]
    )  # fmt: skip
    margin = rng.gamma(2, 500, n_groups)[groups] * rng.lognormal(0, 0.2, n)
    return groups, rows, margin


def observe(rng, rows, margin, sizes):
    counts = np.stack([rng.multinomial(n, row) for n, row in zip(sizes, rows, strict=True)])
    earned = [rng.gamma(0.25, m / 0.25, n) for n, m in zip(sizes, margin, strict=True)]
    return Moves(
        counts.astype(float),
        np.array([e.sum() for e in earned]),
        np.array([(e**2).sum() for e in earned]),
    )


def test_a_known_chain_is_recovered_from_many_customers():
    rng = np.random.default_rng(1)
    groups, rows, margin = world(rng)
    truth = horizon_value(rows, margin * np.sqrt(0.95), 0.95, 13)

    chain = chain_value(
        observe(rng, rows, margin, np.full(24, 100_000)), groups, discount=0.95, n_periods=13
    )

    assert_allclose(chain.transition, rows, atol=0.006)
    assert_allclose(chain.horizon_cents, truth, rtol=0.02)


def test_sparse_rows_are_nearer_to_the_truth_than_raw_ones():
    raw_error, error = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        groups, rows, margin = world(rng)
        sparse = np.tile([True, True, True, False, False, False], 4)
        moves = observe(rng, rows, margin, np.where(sparse, 15, 3_000))
        raw = moves.counts / moves.counts.sum(axis=1, keepdims=True)
        shrunk = chain_value(moves, groups, discount=0.95, n_periods=13).transition
        raw_error.append(((raw - rows)[sparse] ** 2).sum(axis=1).mean())
        error.append(((shrunk - rows)[sparse] ** 2).sum(axis=1).mean())

    assert np.mean(error) < 0.5 * np.mean(raw_error)
    assert (np.array(error) < raw_error).all()


def test_limits_hold_the_true_value_as_often_as_they_say():
    rng = np.random.default_rng(3)
    groups, rows, margin = world(rng, n_groups=2, per_group=2)
    truth = horizon_value(rows, margin * np.sqrt(0.9), 0.9, 6)
    held = []
    for _ in range(80):
        parts = [observe(rng, rows, margin, np.full(4, 40)) for _ in range(25)]
        limits = jackknife_limits(parts, groups, discount=0.9, n_periods=6)
        held.append((limits.low_cents <= truth) & (truth <= limits.high_cents))

    assert 0.88 <= np.mean(held) <= 0.99


def test_one_part_has_no_spread_and_nonsense_is_refused():
    moves = moves_of([[5, 1]], cents=[10], squares=[30])

    assert np.isnan(
        jackknife_limits([moves], np.zeros(1, int), discount=0.9, n_periods=3).low_cents
    ).all()
    with pytest.raises(ValueError, match="discount"):
        chain_value(moves, np.zeros(1, int), discount=1.1, n_periods=3)
    with pytest.raises(ValueError, match="horizon"):
        chain_value(moves, np.zeros(1, int), discount=0.9, n_periods=-1)

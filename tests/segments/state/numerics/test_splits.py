"""Splits: scores against plain differences, walks against the truth, errors of a year."""

import numpy as np
import pytest
from scipy.stats import binom

from optiengine.lab.bench.splits import World, live_a_year
from segments.state.numerics.split_scores import (
    OTHERS,
    Cuts,
    SplitContacts,
    SplitSums,
    propose_cuts,
    round_readable,
    stratify,
)
from segments.state.numerics.splits import LEVEL, WEEKS, SplitSearch, level_spent

CUT = Cuts(np.array([0]), np.array([0.5]))
ONE_GROUP = np.array([OTHERS])


def contacts(n=400, *, difference=0.0, opposite=False, seed=0, n_actions=2, share=0.3):
    """Effects of 1 on one action and 3 on the next, more above 0.5 by a difference."""
    rng = np.random.default_rng(seed)
    features = np.column_stack([rng.random(n), rng.integers(0, 9, n), rng.normal(size=n)])
    action = rng.integers(1, n_actions + 1, n)
    treated = rng.random(n) >= share
    sign = np.where(opposite & (action == 1), -1, 1)
    effect = 2 * action - 1 + difference * sign * (features[:, 0] > 0.5)
    value = features[:, 1] + treated * effect + rng.normal(size=n)
    return SplitContacts(features, action, treated, np.full(n, share), value)


def search_over(weeks, search=None, first=1):
    looks = []
    for number, batch in enumerate(weeks, start=first):
        search = search or SplitSearch.start(batch)
        search, look = search.look(batch, week=number, seed=5)
        looks.append(look)
    return search, looks


def test_the_difference_is_that_of_the_sides_effects():
    """Against the difference of differences of plain means, with its textbook standard error."""
    rng = np.random.default_rng(3)
    n = 4_000
    x, treated = rng.random(n), rng.random(n) < 0.5
    value = 0.5 * treated * (x > 0.5) + rng.normal(size=n)
    batch = SplitContacts(x[:, None], np.ones(n, int), treated, np.full(n, 0.5), value)

    cents, error = SplitSums.of(stratify(CUT, batch), ONE_GROUP, 1).difference()

    cells = [[value[(x > 0.5) == s][treated[(x > 0.5) == s] == t] for t in (0, 1)] for s in (0, 1)]
    effects = [cell[1].mean() - cell[0].mean() for cell in cells]
    plain = np.sqrt(sum(part.var(ddof=1) / len(part) for cell in cells for part in cell))
    assert cents[0, 0] == pytest.approx(effects[1] - effects[0], abs=plain / 2)
    assert abs(cents[0, 0] - 0.5) < 4 * plain
    assert error[0, 0] == pytest.approx(plain, rel=0.1)


def test_sums_add_up_over_batches():
    """Strata of different batches never meet: two batches count as two lots of strata."""
    first, second = (stratify(CUT, contacts(seed=seed)) for seed in (1, 2))

    added = SplitSums.of(first, ONE_GROUP, 1) + SplitSums.of(second, ONE_GROUP, 1)

    together = SplitSums.of([*first, *second], ONE_GROUP, 1)
    for name in ("score", "variance", "information", "arms"):
        np.testing.assert_allclose(getattr(added, name), getattr(together, name))
    assert added.arms.sum() == 800


def test_a_side_where_nobody_responds_and_tiny_strata_say_nothing():
    nothing = contacts(n=50)
    alike = SplitContacts(
        nothing.features,
        nothing.action_ids,
        nothing.treated,
        nothing.control_share,
        np.zeros(50),
    )
    few = contacts(n=7, n_actions=1)
    all_treated = contacts(n=50, share=0.0)

    assert stratify(CUT, alike) == stratify(CUT, few) == stratify(CUT, all_treated) == []


def test_unknown_is_not_above():
    above = CUT.above(np.array([[0.4], [0.6], [np.nan]]))

    assert above[:, 0].tolist() == [False, True, False]


def test_cuts_are_readable_and_leave_a_tenth_on_either_side():
    rng = np.random.default_rng(1)
    days, flag = rng.exponential(65, 1_000), (rng.random(1_000) < 0.5).astype(float)
    unknown, constant = np.full(1_000, np.nan), np.ones(1_000)

    cuts = propose_cuts(np.column_stack([days, flag, unknown, constant]))

    assert set(cuts.feature.tolist()) == {0, 1}
    assert cuts.threshold[cuts.feature == 1].tolist() == [0]
    for column, threshold in zip(cuts.feature, cuts.threshold, strict=True):
        assert float(f"{threshold:.1e}") == threshold
        share = (np.column_stack([days, flag])[:, column] > threshold).mean()
        assert 0.1 <= share <= 0.9


@pytest.mark.parametrize(("value", "readable"), [(41.37, 41), (12_345, 12_000), (0.0, 0), (-7, -7)])
def test_two_digits_are_readable(value, readable):
    assert round_readable(value) == readable


def test_the_level_is_spent_over_the_year():
    spent = [level_spent(week) for week in range(1, WEEKS + 1)]

    assert spent[-1] == LEVEL
    assert all(np.diff(spent) > 0)


@pytest.mark.parametrize("opposite", [False, True])
def test_a_planted_difference_is_found_at_its_feature(opposite):
    weeks = [contacts(difference=2.0, opposite=opposite, seed=week) for week in range(3)]

    search, looks = search_over(weeks)

    assert looks[-1].is_found
    assert looks[-1].statistic > looks[-1].critical
    assert search.cuts.feature[looks[-1].best] == 0


def test_walks_cross_no_more_often_than_the_level_allows():
    weeks = [contacts(seed=week, n=200) for week in range(20)]
    search, looks = search_over(weeks)

    assert search.crossed.mean() <= level_spent(20)
    assert [look.spent for look in looks] == [level_spent(week) for week in range(1, 21)]


def test_a_stored_search_goes_on_as_if_it_had_not_been_stored():
    weeks = [contacts(seed=week) for week in range(3)]
    search, _ = search_over(weeks[:2])

    stored, (again,) = search_over(weeks[2:], SplitSearch.from_bytes(search.to_bytes()), first=3)
    straight, (look,) = search_over(weeks[2:], search, first=3)

    assert again == look
    np.testing.assert_array_equal(stored.paths, straight.paths)


def test_a_week_cannot_be_looked_at_twice_nor_after_the_year():
    search, _ = search_over([contacts()])

    for week in (1, WEEKS + 1):
        with pytest.raises(ValueError, match=f"week {week} does not lie after 1"):
            search.look(contacts(), week=week, seed=0)


def test_in_a_year_without_a_difference_few_segments_are_split():
    """More than 4 of 16 would happen once in 1,800 times, were the rate 5 %."""
    years = [live_a_year(World("binary", np.zeros(3)), seed=70_000 + seed) for seed in range(16)]

    n_split = sum(year.week > 0 for year in years)
    assert n_split <= binom.isf(1e-3, 16, 0.05)

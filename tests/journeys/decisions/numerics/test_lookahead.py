import numpy as np
import pytest
from numpy.testing import assert_allclose

from journeys.decisions.numerics.lookahead import FollowUp, value_later


def later(value, p, follow_ups, *, discount=0.9, horizon=30):
    return value_later(
        np.array([value], dtype=float),
        np.array([p], dtype=float),
        follow_ups,
        daily_discount=discount,
        horizon_days=horizon,
    )[0]


def test_a_chain():
    # 2 is worth 10. 1 opens it after 2 days: .81 * 10 = 8.1. 0 opens 1 after 1 day: .9 * (5 + 8.1).
    chain = [FollowUp(0, 1, 1), FollowUp(1, 2, 2)]

    assert_allclose(later([1, 5, 10], [0.5, 0.5, 0.5], chain), [11.79, 8.1, 0])


def test_a_branch_by_outcome_takes_the_best_of_each():
    # Responders (30 %): best of .9 * 10 and .81 * 12 = 9.72. Others (70 %): .9 * 4.
    branch = [
        FollowUp(0, 1, 1, "responders"),
        FollowUp(0, 2, 2, "responders"),
        FollowUp(0, 3, 1, "non_responders"),
    ]

    assert_allclose(later([0, 10, 12, 4], [0.3, 0, 0, 0], branch)[0], 0.3 * 9.72 + 0.7 * 3.6)


def test_a_follow_up_for_all_competes_within_both_outcomes():
    # All may have 1 (9 discounted), responders also 2 (18 discounted).
    mixed = [FollowUp(0, 1, 1, "all"), FollowUp(0, 2, 1, "responders")]

    assert_allclose(later([0, 10, 20], [0.25, 0, 0], mixed)[0], 0.25 * 18 + 0.75 * 9)


def test_a_harmful_follow_up_is_simply_not_sent():
    assert_allclose(later([1, -5], [0.5, 0.5], [FollowUp(0, 1, 1)]), [0, 0])


def test_a_harmful_step_is_taken_for_the_sake_of_what_it_opens():
    chain = [FollowUp(0, 1, 1), FollowUp(1, 2, 1)]

    # -5 + .9 * 10 = 4, a day later 3.6.
    assert_allclose(later([0, -5, 10], [0, 0, 0], chain)[0], 3.6)


def test_a_cycle_is_cut_at_the_horizon():
    # 0 -> 1 after 2 days -> 0 after 3 days ... Within 9 days from 0: days 2, 5, 7; day 10 is out.
    cycle = [FollowUp(0, 1, 2), FollowUp(1, 0, 3)]
    g = 0.9

    result = later([4, 6], [0.5, 0.5], cycle, horizon=9)

    assert_allclose(result[0], 6 * g**2 + 4 * g**5 + 6 * g**7)
    assert_allclose(result[1], 4 * g**3 + 6 * g**5 + 4 * g**8)


def test_a_campaign_may_follow_itself():
    g = 0.5

    assert_allclose(
        later([8], [0], [FollowUp(0, 0, 1)], discount=g, horizon=3), [8 * (g + g**2 + g**3)]
    )


def test_what_is_due_after_the_horizon_does_not_count():
    assert_allclose(later([1, 10], [0, 0], [FollowUp(0, 1, 8)], horizon=7), [0, 0])
    assert_allclose(later([1, 10], [0, 0], [FollowUp(0, 1, 7)], horizon=7, discount=1), [10, 0])


def test_customers_are_valued_apart_and_no_follow_up_means_nothing_later():
    value = np.array([[0.0, 10.0], [0.0, -10.0]])
    p = np.array([[0.5, 0.0], [1.0, 0.0]])
    when = {"daily_discount": 1.0, "horizon_days": 5}

    assert_allclose(
        value_later(value, p, [FollowUp(0, 1, 1, "responders")], **when), [[5, 0], [0, 0]]
    )
    assert_allclose(value_later(value, p, [], **when), np.zeros((2, 2)))


@pytest.mark.parametrize("seed", range(5))
def test_backward_induction_agrees_with_walking_every_path(seed):
    rng = np.random.default_rng(seed)
    value, p, g = rng.normal(size=5), rng.random(5), 0.93
    outcomes = ["all", "responders", "non_responders"]
    follow_ups = [
        FollowUp(*rng.integers(0, 5, 2).tolist(), int(rng.integers(2, 6)), outcomes[i % 3])
        for i in range(9)
    ]

    def walk(source, days_left):
        def best(outcome):
            return max(
                [
                    g**f.after_days * (value[f.target] + walk(f.target, days_left - f.after_days))
                    for f in follow_ups
                    if f.source == source
                    and f.outcome in ("all", outcome)
                    and f.after_days <= days_left
                ]
                + [0.0]
            )

        return p[source] * best("responders") + (1 - p[source]) * best("non_responders")

    expected = [walk(action, 15) for action in range(5)]
    assert_allclose(later(value, p, follow_ups, discount=g, horizon=15), expected)


@pytest.mark.parametrize(
    ("follow_up", "message"),
    [
        (FollowUp(0, 2, 1), "outside 0 to 1"),
        (FollowUp(0, 1, 0), "at least one day"),
        (FollowUp(0, 1, 1, "openers"), "unknown outcome"),  # type: ignore[arg-type]
    ],
)
def test_senseless_follow_ups_are_refused(follow_up, message):
    with pytest.raises(ValueError, match=message):
        later([1, 1], [0, 0], [follow_up])

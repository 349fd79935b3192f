import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from journeys.decisions.numerics.choice import choice_probabilities, has_minimum_evidence
from reports.numerics.flags import always_valid_p
from reports.numerics.mix import (
    PairSums,
    State,
    lead_p_value,
    mix_state,
    prob_best,
    proven,
)


def test_at_even_shares_the_difference_is_that_of_the_means():
    """12 of 40 against 6 of 40, q = 1/2: 0.15 x 100 cents. By hand g = +-1/2, h = 1/4, m = .225;
    the variance is sum (y - m)^2 / 4 / (80 / 4)^2 = .225 x .775 x 80 / 1,600."""
    first = np.repeat([True, False], 40)
    y = np.concatenate([np.arange(40) < 12, np.arange(40) < 6]) * 100.0

    sums = PairSums.of(first, np.full(80, 0.5), y)

    delta, variance = sums.difference()
    assert_allclose(delta, 15)
    assert_allclose(variance, 0.225 * 0.775 * 80 / 1600 * 100**2)
    assert sums.n_effective == 80
    back = sums.turned().difference()
    assert_allclose(back, (-15, variance))


def test_whom_the_mix_prefers_for_which_action_makes_no_difference():
    """Big spenders get the first action nine times in ten; both do the same. The plain difference
    of means is 800 cents; 2,000 repetitions with known shares average to 0."""
    rng = np.random.default_rng(7)
    estimates, plain = [], []
    for _ in range(2_000):
        rich = rng.random(60) < 0.5
        q = np.where(rich, 0.9, 0.1)
        first = rng.random(60) < q
        y = np.where(rich, 1_000.0, 0.0) + rng.normal(0, 50, 60)
        delta, variance = PairSums.of(first, q, y).difference()
        estimates.append((delta, variance))
        plain.append(y[first].mean() - y[~first].mean())
    delta, variance = np.transpose(estimates)

    assert np.mean(plain) > 700
    assert abs(delta.mean()) < 4 * delta.std() / math.sqrt(2_000)
    assert_allclose(variance.mean(), delta.var(), rtol=0.15)


def test_sums_add_up():
    rng = np.random.default_rng(1)
    first, q, y = rng.random(50) < 0.4, rng.uniform(0.1, 0.9, 50), rng.normal(size=50)

    parts = PairSums.of(first[:20], q[:20], y[:20]) + PairSums.of(first[20:], q[20:], y[20:])

    assert_allclose(parts.difference(), PairSums.of(first, q, y).difference())


@pytest.mark.parametrize("sums", [PairSums(), PairSums(n_first=3, h=0.75)])
def test_of_an_action_without_contacts_nothing_is_known(sums):
    assert np.isnan(sums.difference()).all()
    assert sums.p_value() == 1
    assert not sums.interval().is_known


def test_the_interval_excludes_zero_just_where_the_p_value_is_below_the_level():
    for delta in np.linspace(1, 60, 40):
        sums = PairSums(200, 200, h=100, gy=100 * delta, g2=100, g2y2=100 * 150**2)
        interval = sums.interval()
        assert (interval.low > 0) == (sums.p_value() < 0.05)
        assert sums.p_value() == pytest.approx(
            always_valid_p(delta, 150**2 / 100, 400, tuning=1_000)
        )


def test_the_probability_of_being_best_of_two_is_the_normal_tail():
    p = prob_best(np.array([1.0, 0.0]), np.array([3.0, 4.0]))

    assert_allclose(p, [0.57926, 0.42074], atol=1e-4)  # Phi(1 / 5)


def test_equal_actions_are_equally_likely_best_and_a_sure_one_is_surely():
    assert_allclose(prob_best(np.zeros(3), np.ones(3)), [1 / 3] * 3, atol=1e-3)
    assert_allclose(prob_best(np.array([5.0, 1.0]), np.zeros(2)), [1, 0], atol=1e-9)
    with pytest.raises(ValueError, match=r"no s\.d\. below 0"):
        prob_best(np.zeros(2), np.array([1.0, -1.0]))


def test_a_leader_of_several_pays_for_having_been_picked():
    assert lead_p_value([0.01]) == 0.01
    assert lead_p_value([0.01, 0.002, 0.004]) == pytest.approx(0.02)
    assert lead_p_value([]) == 1


def test_states_follow_each_other():
    def state(share, is_proven, own_evidence, overall):
        return mix_state(
            leader_share=share,
            is_proven=is_proven,
            own_evidence=own_evidence,
            overall_evidence=overall,
        )

    assert state(0.5, False, 0.4, 0.9) is State.TEST
    assert state(0.7, False, 0.4, 1.0) is State.BORROWING
    assert state(0.7, False, 2.0, 2.0) is State.SHIFTING
    assert state(0.6, False, 10.0, 10.0) is State.NO_DIFFERENCE
    assert state(0.7, True, 20.0, 20.0) is State.SHIFTING
    assert state(0.97, True, 2.0, 2.0) is State.SETTLED
    assert state(math.nan, False, 2.0, 2.0) is State.SHIFTING


class Stream:
    """Campaigns that share out n contacts a day by Thompson-like shares, all at once.

    Responses are worth 1,000 cents and known the next day; one contact in ten is control. The
    posterior per action is Beta(1 + responders, 1 + others), taken as normal.
    """

    def __init__(self, rates, *, n_campaigns, seed):
        self.rates, self.rng = np.asarray(rates), np.random.default_rng(seed)
        k = len(rates)
        self.counts = np.zeros((4, n_campaigns, k))  # test, responders, control, responders
        self.pairs = {(a, b): [PairSums()] * n_campaigns for a in range(k) for b in range(a + 1, k)}

    def shares(self):
        n, responders = self.counts[0], self.counts[1]
        rate = (responders + 1) / (n + 2)
        value, sd = 1_000 * rate, 1_000 * np.sqrt(rate * (1 - rate) / (n + 2))
        known = has_minimum_evidence(*self.counts)
        p = choice_probabilities(
            value, sd, np.ones_like(known), np.ones(len(self.rates)), with_none=False
        )
        return np.where(known.all(axis=1)[:, None], p, 1 / len(self.rates))

    def day(self, n):
        p = self.shares()
        n_campaigns, k = p.shape
        drawn = (self.rng.random((n_campaigns, n, 1)) > p.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
        control = self.rng.random((n_campaigns, n)) < 0.1
        chance = np.where(control, 0.3, self.rates[drawn])
        responded = self.rng.random((n_campaigns, n)) < chance
        for action in range(k):
            of_action = drawn == action
            self.counts[:, :, action] += [
                (of_action & ~control).sum(axis=1),
                (of_action & ~control & responded).sum(axis=1),
                (of_action & control).sum(axis=1),
                (of_action & control & responded).sum(axis=1),
            ]
        for (a, b), sums in self.pairs.items():
            for c in range(n_campaigns):
                of_action = np.isin(drawn[c], [a, b]) & ~control[c]
                q = np.full(of_action.sum(), p[c, a] / (p[c, a] + p[c, b]))
                sums[c] = sums[c] + PairSums.of(
                    drawn[c][of_action] == a, q, responded[c][of_action] * 1_000.0
                )

    def looks(self):
        """(state, is proven, leader) of each campaign, as the page would have it."""
        least = np.array([50, 15, 30, 5])[:, None, None]
        evidence = (self.counts / least).min(axis=(0, 2))
        for c, p in enumerate(self.shares()):
            leader = int(p.argmax())
            values = []
            for other in set(range(len(p))) - {leader}:
                sums = self.pairs[min(leader, other), max(leader, other)][c]
                values.append((sums if leader < other else sums.turned()).p_value())
            is_proven = evidence[c] >= 1 and proven(lead_p_value(values), [])[0]
            state = mix_state(
                leader_share=p[leader],
                is_proven=is_proven,
                own_evidence=evidence[c],
                overall_evidence=evidence[c],
            )
            yield state, is_proven, leader


def test_of_two_actions_the_better_one_is_tested_then_shifted_to_then_settled_on():
    stream = Stream([0.4, 0.3], n_campaigns=20, seed=3)
    courses = [[] for _ in range(20)]
    for _day in range(150):
        stream.day(60)
        for course, (state, _proven, leader) in zip(courses, stream.looks(), strict=True):
            course.append(state)
            assert state is not State.SETTLED or leader == 0

    in_order = 0
    for course in courses:
        n_test = course.count(State.TEST)
        assert course[:n_test] == [State.TEST] * n_test  # once begun, it does not go back
        since = {state: course.index(state) for state in set(course)}
        in_order += since.get(State.SHIFTING, 999) < since.get(State.SETTLED, 999) < 999
    assert in_order >= 5  # the others were proven on the day on which the mix began to move
    assert sum(course[-1] is State.SETTLED for course in courses) >= 10


@pytest.mark.parametrize("rates", [[0.3, 0.3], [0.3, 0.3, 0.3]])
def test_equal_actions_are_called_settled_or_proven_in_one_campaign_of_twenty_at_most(rates):
    """Looked at on each of 50 days. The same campaigns cross a posterior probability of .95, which
    is what a naive reader would stop at, far more often."""
    stream = Stream(rates, n_campaigns=100, seed=11)
    settled, called_proven, naive = (np.zeros(100, dtype=bool) for _ in range(3))
    for _day in range(50):
        stream.day(50)
        looks = list(stream.looks())
        settled |= [state is State.SETTLED for state, _proven, _leader in looks]
        called_proven |= [is_proven for _state, is_proven, _leader in looks]
        n, responders = stream.counts[0, :, :2], stream.counts[1, :, :2]
        rate = (responders + 1) / (n + 2)
        sd = np.sqrt((rate * (1 - rate) / (n + 2)).sum(axis=1))
        enough = (stream.counts[1] >= 15).all(axis=1)
        naive |= enough & (np.abs(rate[:, 0] - rate[:, 1]) > 1.645 * sd)

    assert settled.mean() <= 0.05
    assert called_proven.mean() <= 0.05
    assert naive.mean() > 0.15

"""Shares between campaigns while some of their actions are short of evidence."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from journeys.decisions.numerics.arbitration import _while_testing

TWO_CAMPAIGNS = np.array([0, 0, 1])  # the first has two actions


def shares(p, tested, *, campaign_of=TWO_CAMPAIGNS, allowed=None):
    p = np.array([p])
    allowed = p[:, 1:] > 0 if allowed is None else np.array([allowed])
    return _while_testing(p, allowed, np.array(tested), campaign_of)


def test_with_enough_evidence_nothing_is_changed():
    p = [0.5, 0.3, 0.15, 0.05]

    assert_allclose(shares(p, [True, True, True]), [p])


def test_by_hand_none_gives_way_by_the_share_of_what_is_untested():
    """The last has 1/5 of what is not none; so much of none's share is cut to 1/4:

    none .8 × .5 + .2 × .25 = .45, and the others grow by .55 / .5.
    """
    p = shares([0.5, 0.25, 0.15, 0.1], [True, True, False])

    assert_allclose(p, [[0.45, 0.275, 0.165, 0.11]])


def test_inside_a_campaign_shares_are_equal_while_one_action_is_short():
    p = shares([0.1, 0.6, 0.1, 0.2], [True, False, True])

    assert_allclose(p, [[0.1, 0.35, 0.35, 0.2]])  # none has less than an even share: it stays


def test_an_action_that_is_not_allowed_takes_no_part():
    p = shares([0.1, 0.6, 0.0, 0.3], [False, False, True])

    assert_allclose(p, [[0.1, 0.6, 0.0, 0.3]])


def test_single_untested_actions_compete_as_they_are_known():
    p = shares([0.2, 0.7, 0.08, 0.02], [False, False, False], campaign_of=np.arange(3))

    assert_allclose(p, [[0.2, 0.7, 0.08, 0.02]])


@pytest.mark.parametrize("seed", range(10))
def test_every_promise_holds(seed):
    rng = np.random.default_rng(seed)
    campaign_of, tested = np.sort(rng.integers(0, 3, 6)), rng.random(6) < 0.5
    allowed = rng.random((50, 6)) < 0.7
    allowed[:, 0] = True
    p = rng.dirichlet(np.ones(7), 50) * np.hstack([np.ones((50, 1)), allowed])
    p /= p.sum(axis=1, keepdims=True)

    changed = _while_testing(p, allowed, tested, campaign_of)

    assert_allclose(changed.sum(axis=1), 1)
    assert ((changed[:, 1:] > 0) == allowed).all()
    assert (changed[:, 0] <= p[:, 0] + 1e-15).all()
    before, after = (x[:, 1:] / (1 - x[:, :1]) for x in (p, changed))
    for campaign in np.unique(campaign_of):
        actions = campaign_of == campaign
        assert_allclose(after[:, actions].sum(axis=1), before[:, actions].sum(axis=1))
    if not tested.any():
        assert (changed[:, 0] <= 1 / (1 + allowed.sum(axis=1)) + 1e-12).all()

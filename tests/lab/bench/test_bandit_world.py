"""The bandit world is what its docstring says, and its ends of the scale are where they belong."""

import numpy as np
import pytest
from scipy.special import expit

from optiengine.lab.bench.bandits import world as w
from optiengine.lab.bench.bandits.engine import Engine
from optiengine.lab.bench.bandits.policies import BetaThompson, Oracle, Uniform
from optiengine.lab.bench.bandits.world import BanditWorld, play


class Recorder(Uniform):
    """Uniform, and remembers what it was shown."""

    def learn(self, contacts):
        self.seen = contacts


def test_the_oracle_is_worth_all_of_itself():
    world = BanditWorld.draw(4, 3, seed=1)
    assert (
        play(world, Oracle(4, 3, seed=1, world=world), n_customers=300, n_days=3, seed=1).share == 1
    )


def test_uniform_is_worth_the_mean_over_actions():
    world = BanditWorld.draw(4, 3, seed=2)
    played = play(world, Uniform(4, 3, seed=2), n_customers=100_000, n_days=4, seed=2)

    shares = world.segment_share
    expected = (shares @ world.uplift.mean(axis=1)) / (shares @ world.uplift.max(axis=1))
    assert played.share == pytest.approx(expected, abs=0.02)


def test_responses_follow_the_stated_law():
    world = BanditWorld.draw(40, 500, seed=3)
    logit = (
        np.log(world.response / (1 - world.response))
        - np.log(world.no_contact / (1 - world.no_contact))[:, None]
    )

    assert (world.response >= w.LOWEST).all()
    assert (world.response <= w.HIGHEST).all()
    assert np.median(logit) == pytest.approx(w.MEAN - w.NO_CONTACT, abs=0.06)
    action = np.median(logit, axis=0)
    assert np.median(np.abs(action - np.median(action))) == pytest.approx(
        0.6745 * w.ACTION_SD, rel=0.15
    )
    uncut = np.abs(action - np.median(action)) < 0.2  # the cut to 1 … 8 % leaves these quartiles
    low, high = np.quantile((logit - action)[:, uncut], [0.25, 0.75])
    assert (high - low) / 2 == pytest.approx(0.6745 * w.CELL_SD, rel=0.1)
    assert world.no_contact.mean() == pytest.approx(expit(w.NO_CONTACT), rel=0.25)


def test_responses_arrive_a_geometric_number_of_days_later_and_not_before():
    world = BanditWorld.draw(2, 2, seed=4)
    policy = Recorder(2, 2, seed=4)
    play(world, policy, n_customers=400_000, n_days=40, seed=4)
    seen = policy.seen

    assert seen.today == 39
    assert seen.day.max() == 38
    assert (seen.arrived_on[seen.responded] <= seen.today).all()
    old = seen.responded & (seen.age > 30)  # nearly nothing of these is still on its way
    delay = (seen.arrived_on - seen.day)[old]
    assert delay.min() == 1
    assert delay.mean() == pytest.approx(w.MEAN_DELAY_DAYS, rel=0.1)
    assert (delay == 1).mean() == pytest.approx(1 / w.MEAN_DELAY_DAYS, rel=0.15)


@pytest.mark.parametrize("policy", [Engine, BetaThompson])
def test_who_learns_beats_chance(policy):
    world = BanditWorld.draw(3, 4, seed=6)
    learned, by_chance = (
        play(world, kind(3, 4, seed=6), n_customers=30_000, n_days=15, seed=6).share
        for kind in (policy, Uniform)
    )
    assert learned > by_chance + 0.2

"""The lab keeps its promises: what is known as truth there happens, and the rules hold."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions.numerics.arbitration import NONE
from optiengine.lab.worlds.effects import Change, Term
from optiengine.lab.worlds.lab import Lab
from optiengine.lab.worlds.policies import Uniform
from optiengine.lab.worlds.population import FEATURES
from optiengine.lab.worlds.run import POLICIES, live
from optiengine.lab.worlds.scenarios import SCENARIOS

pytestmark = pytest.mark.slow


class Stops(Uniform):
    """Uniform, until the windows of what was sent just close with the last day."""

    def choose(self, now):
        action, is_control = super().choose(now)
        world = self.lab.scenario
        return np.where(now.day <= world.n_days - world.window_days, action, NONE), is_control


def few_campaigns(name, n, days, seed):
    world = SCENARIOS[name](n, days, seed)
    return replace(world, campaigns=world.campaigns[:5])


def lived(name, *, n=600, days=20, seed=1):
    """A lab on the morning after some days of uniform choices."""
    lab = Lab(SCENARIOS[name](n, days, seed))
    policy = Uniform(lab)
    for day in range(days):
        now = lab.situation(day)
        lab.send(now, *policy.choose(now))
        lab.live_day(day)
    return lab


def test_terms_are_lines_products_and_corners():
    traits = {"x": np.array([-1.0, 0.5, 2.0]), "y": np.array([1.0, 1.0, 3.0])}

    assert_allclose(Term(2.0, ("x",)).points(traits), [-2, 1, 4])
    assert_allclose(Term(2.0, ("x", "y")).points(traits), [-2, 1, 12])
    assert_allclose(Term(2.0, ("x", "y"), (0.0, 2.0)).points(traits), [0, 0, 2])


def test_an_effect_changes_half_of_the_way_on_its_day():
    fades, rises = Change(10, "fade", 2.0, rest=0.2), Change(10, "rise", 2.0, rest=0.2)

    assert fades.factor(10) == pytest.approx(0.6)
    assert fades.factor(-50) == pytest.approx(1)
    assert rises.factor(70) == pytest.approx(1)
    assert fades.factor(13) + rises.factor(13) == pytest.approx(1.2)


@pytest.mark.parametrize(("name", "days"), [("heterogeneous", 16), ("delayed", 28)])
def test_what_happens_is_what_was_expected(name, days):
    """Orders gained and lost in eight worlds against the expectations when messages were sent."""
    lives = [live(few_campaigns(name, 1_000, days, seed), Stops) for seed in range(8)]
    surprise = np.array([day.realised_cents - day.net_cents.sum() for day in lives])

    assert abs(surprise.mean()) < 3 * surprise.std(ddof=1) / np.sqrt(len(surprise))
    assert sum(day.net_cents.sum() for day in lives) > 0  # else the comparison would say nothing


def test_messages_that_do_nothing_are_worth_nothing():
    world = few_campaigns("null", 600, 12, 1)
    for name in ("uniform", "ranked", "oracle", "auto"):
        life = live(world, POLICIES[name])
        assert not life.net_cents.any()
        assert life.realised_cents == 0
        assert (life.n_contacts.sum() == 0) == (name == "oracle" or name == "ranked")


def test_the_same_seed_lives_the_same_life_and_another_does_not():
    first, again, other = (
        live(few_campaigns("heterogeneous", 400, 10, seed), POLICIES["auto"]) for seed in (3, 3, 4)
    )

    assert_array_equal(first.net_cents, again.net_cents)
    assert first.realised_cents == again.realised_cents
    assert first.net_cents.sum() != other.net_cents.sum()


def test_own_orders_are_the_same_under_every_policy():
    """Common random numbers: a policy changes what messages do, and nothing else."""
    without = lived("heterogeneous")
    without_any = Lab(without.scenario)
    for day in range(20):
        without_any.live_day(day)
    ordered = {
        "messages": without.memory.last_order_day,
        "none": without_any.memory.last_order_day,
    }
    changed = ordered["messages"] != ordered["none"]

    assert 0 < changed.mean() < 0.2  # those whom a message made order, or kept from it


def test_customers_without_a_free_slot_would_be_capped_for_every_campaign():
    lab = lived("heterogeneous")
    busy = np.flatnonzero(lab.next_slot > 20)
    busy = busy[lab.latest_day[busy] >= 0]

    codes = lab.situation_of(busy, 20).codes

    assert len(busy) > 100
    assert (codes != Verdict.ALLOWED).all()


@pytest.mark.parametrize("name", ["heterogeneous", "fatigue"])
def test_nobody_is_contacted_too_often(name):
    world = SCENARIOS[name](400, 30, 2)
    lab, contacted = Lab(world), []
    policy = Uniform(lab)
    for day in range(world.n_days):
        now = lab.situation(day)
        contacts = lab.send(now, *policy.choose(now))
        contacted += [
            (int(r), int(c), day) for r, c in zip(contacts.rows, contacts.campaign, strict=True)
        ]
        lab.live_day(day)
    latest, latest_of = {}, {}
    for row, campaign, day in contacted:
        assert day - latest.get(row, -99) >= world.slot_days
        assert day - latest_of.get((row, campaign), -99) >= world.repeat_days
        latest[row] = latest_of[row, campaign] = day
    assert len(contacted) > 1_000


def test_a_series_opens_only_for_responders_and_from_the_next_slot_on():
    lab = lived("series", n=900, days=14)
    now = lab.situation(14)
    rows, step = now.morning.rows, 1  # the consultation, open to who visited on the invitation
    invited = (lab.latest[rows] == 0) & lab.latest_responded[rows]
    invited &= (14 - lab.latest_day[rows]) < 14

    open_to = now.codes[:, step] == Verdict.ALLOWED
    consents = lab.population.consents["email"][rows]

    assert_array_equal(open_to, invited & consents)
    assert open_to.any()


def test_no_more_scarce_contacts_than_there_are():
    world = SCENARIOS["scarce"](1_400, 8, 1)
    for name in ("auto", "oracle"):
        lab = Lab(world)
        policy = POLICIES[name](lab)
        for day in range(world.n_days):
            now = lab.situation(day)
            contacts = lab.send(now, *policy.choose(now))
            sent = contacts.campaign[~contacts.is_control]
            got = np.bincount(sent, minlength=len(world.campaigns))
            assert all(got[c] <= limit for c, limit in world.daily_limits.items())
            policy.hear(lab.live_day(day))


def test_newcomers_are_contacted_from_their_day_on_and_unknown_until_they_order():
    world = SCENARIOS["cold-start"](800, 30, 1)
    lab = Lab(world)
    lab.next_slot[:] = 0
    new = world.population.joined_day > 0

    now = lab.situation(10)
    features = now.morning.features[new[now.morning.rows]]
    has_joined = world.population.joined_day <= 10

    assert_array_equal(now.morning.rows, np.flatnonzero(has_joined))
    assert np.isnan(features[:, FEATURES.index("taste_a")]).all()
    assert np.isfinite(features[:, FEATURES.index("age")]).all()
    assert len(now.campaigns) < len(world.campaigns)  # some begin later
    assert len(lab.situation(16).campaigns) == len(world.campaigns)


def test_reported_intervals_hold_the_truth_where_nothing_works():
    """In A/A worlds, over campaigns and seeds: nominally 95 %."""
    covered = known = 0
    for seed in range(6):
        life = live(few_campaigns("null", 3_000, 28, seed), POLICIES["uniform"])
        covered, known = covered + life.coverage[0], known + life.coverage[1]

    assert known > 20
    assert covered / known > 0.95 - 3 * np.sqrt(0.95 * 0.05 / known)


def test_heavy_tails_keep_the_mean_and_not_the_fourth_moment():
    world = SCENARIOS["heavy-tailed"](10, 1, 1).population
    rows, u = np.zeros(200_000, dtype=int), (np.arange(200_000) + 0.5) / 200_000
    plain = replace(world, heavy_tails=False)

    assert world.margins(u, rows).mean() == pytest.approx(world.mean_margin_cents[0], rel=0.01)
    assert plain.margins(u, rows).mean() == pytest.approx(world.mean_margin_cents[0], rel=0.01)
    # Pareto's P(X > x) = (0.6 / x)^2.5: a hundredfold margin is 100,000 times rarer than 1-fold.
    assert world.margins(np.array([1e-5]), rows[:1])[0] == pytest.approx(
        0.6 * 100 * world.mean_margin_cents[0]
    )

"""The lab's ends of the scale: the oracles' plans, and the best fixed order in hindsight."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from journeys.decisions.numerics.arbitration import NONE
from optiengine.lab.worlds.effects import Effect
from optiengine.lab.worlds.foresight import FatiguePlan, SeriesPlan
from optiengine.lab.worlds.lab import LOAD_FADES, OWN_VISIT, Lab
from optiengine.lab.worlds.policies import Oracle, Ranked, best_of
from optiengine.lab.worlds.ranking import best_order, greedy, improved, order_value
from optiengine.lab.worlds.run import POLICIES, live
from optiengine.lab.worlds.scenario import LabCampaign, LabScenario, Step
from optiengine.lab.worlds.scenarios import SCENARIOS

pytestmark = pytest.mark.slow


def plain_population(n):
    """Customers of one kind: all consent, none is warmer than another."""
    population = SCENARIOS["series"](n, 1, 1).population
    same = np.ones(n)
    return replace(
        population,
        warmth=same,
        mean_margin_cents=1_000 * same,
        order_rate=0.005 * same,
        consents=dict.fromkeys(population.consents, same > 0),
    )


def invitation_world(n_days, *, n=50):
    """An invitation worth 2 cents less its cost opens, for half, something worth 60; beside it
    something worth 12."""
    campaigns = (
        LabCampaign("invitation", Effect(0.4), cost_cents=2, visit=Effect(50, most_points=99)),
        LabCampaign("series", Effect(6.2), cost_cents=2, visit=Effect(30.0)),
        LabCampaign("bargain", Effect(1.4), cost_cents=2, visit=Effect(30.0)),
    )
    return LabScenario(
        "by hand", 1, n_days, plain_population(n), campaigns, steps=(Step(0, 1, "responders"),),
        repeat_days=7, control_share=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(("n_days", "worth"), [(7, 12), (14, 38), (21, 57)])
def test_a_series_is_planned_as_by_hand(n_days, worth):
    """W(k) cents are k slots worth with nothing open, S(k) with the series open:

    W(1) = 12, S(1) = 60; W(2) = max(12 + 12, 2 + (60 + 12) / 2) = 38, S(2) = 60 + 12 = 72;
    W(3) = max(12 + 38, 2 + (72 + 38) / 2) = 57.
    """
    lab = Lab(invitation_world(n_days))

    assert SeriesPlan(lab, np.arange(5)).value == pytest.approx(worth)


def test_controls_are_part_of_the_plan():
    """With every fifth message withheld, whose receivers visit by themselves now and then."""
    world = replace(invitation_world(14), control_share=0.2)
    p_open = 0.8 * 0.5 + 0.2 * OWN_VISIT
    by_hand = 0.8 * 2 + p_open * 0.8 * 60 + (1 - p_open) * 0.8 * 12

    assert SeriesPlan(Lab(world), np.arange(5)).value == pytest.approx(by_hand)


def test_the_best_order_of_a_series_is_found_by_brute_force():
    """Series first, then the invitation: 2 + p 60 of two slots beat the bargain's 12."""
    world = invitation_world(56)
    lab, rows = Lab(world), np.arange(20)
    every = [list(o) for k in range(4) for o in permutations(range(3), k)]
    values = [SeriesPlan(lab, rows, order=o).value.mean() for o in every]

    order = best_order(world)

    assert order == [1, 0]
    assert SeriesPlan(lab, rows, order=order).value.mean() == pytest.approx(max(values))
    assert max(values) <= SeriesPlan(lab, rows).value.mean() + 1e-9


def test_a_plan_is_worth_what_a_life_by_it_brings():
    world = invitation_world(28, n=3_000)
    population = replace(world.population, first_slot_day=np.zeros(3_000, dtype=int))
    life = live(replace(world, population=population), POLICIES["oracle"])
    plan = SeriesPlan(Lab(world), np.arange(1)).value[0]

    assert life.net_cents.sum() / 3_000 == pytest.approx(plan, rel=0.03)  # visits are luck


def test_without_fatigue_a_message_goes_whenever_it_pays():
    world = replace(SCENARIOS["fatigue"](10, 20, 1), fatigue=0.0)
    plan = FatiguePlan(world, LOAD_FADES)

    sends = plan.is_worth_it(np.array([1.0, 2.0, 4.0, 90.0]), np.zeros(4), days_left=20)

    assert sends.tolist() == [False, False, True, True]  # of a cost of 3 cents


def test_fatigue_spaces_messages_out():
    """On the last day nothing follows; before it a tired customer is left to rest."""
    world = SCENARIOS["fatigue"](10, 60, 1)
    plan, tired = FatiguePlan(world, LOAD_FADES), np.array([1.5])

    assert plan.is_worth_it(np.array([30.0]), tired, days_left=1)[0]
    assert not plan.is_worth_it(np.array([30.0]), tired, days_left=40)[0]
    assert plan.is_worth_it(np.array([30.0]), np.zeros(1), days_left=40)[0]


@pytest.mark.parametrize("name", [*SCENARIOS])
def test_nothing_beats_the_oracle(name):
    world = SCENARIOS[name](200 if name == "many" else 500, 24, 5)
    best = live(world, POLICIES["oracle"]).net_cents.sum()
    for policy in ("ranked", "uniform"):
        # In the series and under fatigue later days depend on luck, which a policy may have.
        assert live(world, POLICIES[policy]).net_cents.sum() <= best * 1.01 + 1e-9, policy


def test_a_greedy_oracle_would_lose_where_messages_tire():
    """Why the plan is there: the best message whenever one is allowed is too much."""
    world = SCENARIOS["fatigue"](400, 40, 1)

    greedy_life, planned = live(world, Oracle), live(world, POLICIES["oracle"])

    assert greedy_life.net_cents.sum() < 0.97 * planned.net_cents.sum()


def test_an_order_gives_everyone_the_first_campaigns_that_he_may_get():
    values = np.array([[5.0, 3.0, 0.0], [0.0, 4.0, 9.0], [-6.0, 0.0, 2.0]])  # 0: not allowed

    assert order_value([0, 1, 2], values, 1) == 5 + 4 - 6
    assert order_value([2, 1], values, 1) == 3 + 9 + 2
    assert order_value([2, 1], values, 2) == 3 + 9 + 4 + 2


def test_the_order_found_is_the_best_of_all():
    """Against every order of any length of four campaigns, in twenty random worlds."""
    every = [list(o) for k in range(5) for o in permutations(range(4), k)]
    shares = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.normal(0.3, 1, (60, 4)) * (rng.random((60, 4)) < 0.8)
        best = max(order_value(order, values, 2) for order in every)
        value = order_value(improved(greedy(values, 2), values, 2), values, 2)
        shares.append(value / best)

    assert np.mean(np.isclose(shares, 1)) >= 0.9  # a local optimum may fall short
    assert min(shares) > 0.9


def test_the_best_of_nothing_is_none():
    value = np.array([[-1.0, -2.0], [-np.inf, 3.0], [-np.inf, -np.inf]])

    assert best_of(value).tolist() == [NONE, 1, NONE]


def test_auto_learns_to_invite_and_the_myopic_engine_does_not():
    """Effects ten times life-size, so that a thousand customers show it within two months."""
    world = invitation_world(63, n=1_500)
    large = tuple(
        replace(c, effect=Effect(points, most_points=40.0))
        for c, points in zip(world.campaigns, (1.0, 36.0, 9.0), strict=True)
    )
    population = replace(world.population, order_rate=3 * world.population.order_rate)
    world = replace(world, population=population, campaigns=large, control_share=0.1)
    auto, myopic = (live(world, POLICIES[name]) for name in ("auto", "myopic"))
    late = slice(-21, None)

    assert auto.net_cents[late].sum() > 1.2 * myopic.net_cents[late].sum()
    assert auto.n_by_campaign[0, late].sum() > 2 * myopic.n_by_campaign[0, late].sum()


def test_a_fixed_order_sends_nothing_outside_it():
    life = live(SCENARIOS["heterogeneous"](400, 10, 1), lambda lab: Ranked(lab, [3, 1]))

    sent = [t.test.n + t.control.n for t in life.tallies]
    assert {i for i, n in enumerate(sent) if n} == {1, 3}

import copy
import csv
import json
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from optiengine.example.catalogue import retail_catalogue
from optiengine.example.events import EVENT_COLUMNS, Messages
from optiengine.example.living import World
from optiengine.example.population import Population
from optiengine.example.scenario import START, retailer
from optiengine.example.truth import p_redeem, true_uplift_cents

pytestmark = pytest.mark.slow

CATALOGUE = retail_catalogue()


def make_world(n=2_000, *, seed=1, past_days=60):
    population = Population.generate(
        n, seed=seed, start=START, past_days=past_days, lived_days=past_days // 4
    )
    world = World(population, CATALOGUE, seed=seed)
    world.history()
    return world


def to_everyone(world, action, share=1.0):
    here = np.flatnonzero(world.state().is_registered)
    here = here[: int(len(here) * share)]
    return Messages(world.population.external_id[here], np.full(len(here), action))


def live(world, days, messages=None):
    """Live some days, with messages on the first of them; all events."""
    return [world.live_day(world.today, messages if n == 0 else None) for n in range(days)]


def margin_by_customer(world, days_of_events):
    total = np.zeros(len(world.population))
    for events in days_of_events:
        rows = world.population.positions(events.customer)
        np.add.at(total, rows, events.amount_cents)
    return total


def orders_by_id(days_of_events, of):
    """{event id: (customer, margin, properties)} of the orders of some customers."""
    wanted = set(of.tolist())
    return {
        key: (customer, amount, json.loads(text))
        for events in days_of_events
        for key, customer, kind, _, amount, text in zip(*astuple(events), strict=True)
        if kind == "order" and customer in wanted
    }


def assert_same(some, other):
    for column, expected in zip(astuple(some), astuple(other), strict=True):
        np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize(
    "action",
    [
        "cross_shoes.voucher",
        "clearance.email",
        "loyalty.email",
        "winback.voucher",
        "survey.email",
        "flash.push",
    ],
)
def test_treated_minus_untreated_is_the_true_uplift(action):
    world = make_world(20_000, past_days=250)
    campaign, offer = CATALOGUE.options[CATALOGUE.option_of[action]]
    state, other = world.state(), copy.deepcopy(world)
    truth = true_uplift_cents(state, campaign, offer)[state.is_registered]

    treated = margin_by_customer(
        world, live(world, campaign.window_days, to_everyone(world, action))
    )
    untreated = margin_by_customer(other, live(other, campaign.window_days))

    difference = (treated - untreated)[state.is_registered]
    surprise = difference - truth  # zero mean for everyone, so also where truth is high or low
    for group in (truth >= np.median(truth), truth < np.median(truth)):
        error = surprise[group].std() / np.sqrt(group.sum())
        assert abs(surprise[group].mean()) < 4 * error
    assert not (treated - untreated)[~state.is_registered].any()


def test_the_true_uplift_also_holds_for_tired_customers():
    world = make_world(20_000, past_days=120)
    for _ in range(4):  # thanks.email never costs an order, so it tires and does nothing else
        world.live_day(world.today, to_everyone(world, "thanks.email"))
    campaign, offer = CATALOGUE.options[CATALOGUE.option_of["loyalty.email"]]
    state, other = world.state(), copy.deepcopy(world)
    messages = to_everyone(world, "loyalty.email")
    rows = world.population.positions(messages.customer)

    treated = margin_by_customer(world, live(world, campaign.window_days, messages))
    untreated = margin_by_customer(other, live(other, campaign.window_days))

    surprise = (treated - untreated - true_uplift_cents(state, campaign, offer))[rows]
    assert state.load[rows].mean() > 2
    assert abs(surprise.mean()) < 4 * surprise.std() / np.sqrt(len(rows))


def test_without_messages_the_same_seed_lives_the_same_days():
    first, second = make_world(), make_world()

    for some, expected in zip(live(first, 5), live(second, 5), strict=True):
        assert_same(some, expected)


def test_another_seed_is_another_world():
    first, second = (World(make_world().population, CATALOGUE, seed=seed) for seed in (1, 2))

    assert set(first.history().external_id).isdisjoint(second.history().external_id)


def test_messages_to_some_leave_all_others_untouched():
    world = make_world()
    other = copy.deepcopy(world)
    messages = to_everyone(world, "clearance.email", share=0.5)

    for some, expected in zip(live(world, 8, messages), live(other, 8), strict=True):
        without = ~np.isin(some.customer, messages.customer)
        expected_without = ~np.isin(expected.customer, messages.customer)
        for column, counterpart in zip(astuple(some), astuple(expected), strict=True):
            np.testing.assert_array_equal(column[without], counterpart[expected_without])


def test_messages_change_no_visit_and_invent_no_own_order():
    world = make_world()
    other = copy.deepcopy(world)
    days = live(world, 7, to_everyone(world, "survey.email"))  # brings nothing, costs orders

    for some, expected in zip(days, live(other, 7), strict=True):
        visits = some.kind == "visit"
        np.testing.assert_array_equal(
            some.external_id[visits], expected.external_id[expected.kind == "visit"]
        )
        orders = set(some.external_id[some.kind == "order"])
        assert orders <= set(expected.external_id[expected.kind == "order"])


def test_what_a_message_did_is_over_after_its_window():
    world = make_world(past_days=120)
    other = copy.deepcopy(world)
    live(world, 7, to_everyone(world, "cross_home.voucher"))
    live(other, 7)

    assert_same(world.live_day(world.today), other.live_day(other.today))


def test_every_event_is_unique_and_happens_on_its_day():
    scenario = retailer(1_000, seed=3)
    world = scenario.world()
    history = world.history(visit_days=10)
    ids = [history.external_id]
    for n in range(6):
        today = world.today
        action = ("season.email", "season.sms", "flash.push")[n % 3]
        events = world.live_day(today, to_everyone(world, action))
        ids.append(events.external_id)
        assert (events.occurred_at.astype("datetime64[D]") == np.datetime64(today)).all()
        assert (np.diff(events.occurred_at.astype(int)) >= 0).all()
    everything = np.concatenate(ids)
    assert len(set(everything)) == len(everything)
    assert history.occurred_at.max() < np.datetime64(START)
    assert (history.amount_cents[history.kind == "order"] > 0).all()
    visit_days = history.occurred_at[history.kind == "visit"].min()
    assert visit_days >= np.datetime64(START) - np.timedelta64(10, "D")


def test_who_unsubscribes_has_withdrawn_consent_and_is_tired_more_often():
    world = make_world(5_000)
    n_left = []
    for _ in range(8):
        events = world.live_day(world.today, to_everyone(world, "clearance.email"))
        left = world.population.positions(
            events.customer[np.isin(events.kind, ["unsubscribe", "complaint"])]
        )
        assert not world.state().consent[left, 0].any()
        n_left.append(len(left))

    assert sum(n_left[4:]) > 2 * sum(n_left[:4]) > 0


def test_fatigue_fades():
    world = make_world()
    world.live_day(world.today, to_everyone(world, "season.email"))
    after_one = world.state().load.max()
    live(world, 6)

    np.testing.assert_allclose([after_one, world.state().load.max()], np.exp([-1 / 7, -1]))


@pytest.mark.parametrize(
    ("action", "category"), [("clearance.email", None), ("cross_shoes.voucher", "shoes")]
)
def test_a_discount_is_used_by_those_who_remember_it_and_paid_out_of_the_margin(action, category):
    world = make_world(12_000, past_days=120)
    other = copy.deepcopy(world)
    messages = to_everyone(world, action)
    cheaper = orders_by_id(live(world, 7, messages), of=messages.customer)
    full = orders_by_id(live(other, 7), of=messages.customer)

    used, p_used = [], []
    for key in cheaper.keys() & full.keys():
        customer, margin, order = cheaper[key]
        _, full_margin, full_order = full[key]
        given_away = full_order["revenue_cents"] - order["revenue_cents"]
        assert abs((full_margin - margin) - given_away) <= 2  # rounding of the two
        if category is not None and order["category"] != category:
            assert given_away == 0
            continue
        used.append(given_away > 0)
        p_used.append(
            p_redeem(world.population)[world.population.positions(np.array([customer]))[0]]
        )
        assert not used[-1] or abs(given_away - 0.10 * full_order["revenue_cents"]) <= 1
    p = np.array(p_used)
    assert abs(sum(used) - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    assert sum(used) > 50


def test_the_file_says_what_the_columns_say(tmp_path):
    world = make_world(500)
    events = world.live_day(world.today, to_everyone(world, "newsletter.stories"))
    events.to_csv(tmp_path / "events.csv")

    with (tmp_path / "events.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == EVENT_COLUMNS
    assert [row["external_id"] for row in rows] == events.external_id.tolist()
    midnight = datetime(START.year, START.month, START.day, tzinfo=UTC)
    for row in rows:
        assert midnight <= datetime.fromisoformat(row["occurred_at"]) < midnight + timedelta(days=1)
        assert isinstance(json.loads(row["properties"]), dict)
        assert (row["amount_cents"] != "") == (row["kind"] == "order")
    assert {"order", "visit", "open", "click"} <= {row["kind"] for row in rows}


def test_the_world_refuses_what_cannot_happen():
    world = make_world(100)
    someone = world.population.external_id[:1]
    newcomer = world.population.external_id[-1:]

    def send(customer, action):
        world.live_day(world.today, Messages(np.array(customer), np.array(action)))

    with pytest.raises(ValueError, match="next day of this world is 2026-03-01"):
        world.live_day(START + timedelta(days=1))
    with pytest.raises(ValueError, match="no action 'pigeon'"):
        send(someone, ["pigeon"])
    with pytest.raises(ValueError, match="no customer 'X1'"):
        send(["X1"], ["season.email"])
    with pytest.raises(ValueError, match="same action twice"):
        send(np.repeat(someone, 2), ["season.email"] * 2)
    with pytest.raises(ValueError, match="not registered"):
        send(newcomer, ["season.email"])
    with pytest.raises(ValueError, match="history is over"):
        world.history()
    assert world.today == START  # a refusal leaves the day to be lived

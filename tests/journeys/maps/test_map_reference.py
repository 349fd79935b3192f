"""Random maps, customers and events: the engine's way against a slow reading of the same map."""

import random
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from journeys.jobs.advance_travellers import advance_travellers
from journeys.maps.due_steps import StepResults, load_due, settle_due
from journeys.maps.enter_maps import enter_maps
from journeys.maps.numerics.journey_graph import parse_graph, problems
from journeys.maps.steps import split_at_random
from journeys.models import Traveller
from tests.factories import NOW, make_customer, make_goal
from tests.journeys.drawn_maps import ENTRY, launch, make_event, make_step_campaign, put_in
from tests.journeys.map_reference import Person, follow, settle

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

KINDS = ("order", "visit")
ZONES = ("Europe/Berlin", "America/New_York", "UTC")
VIP = {"field": "attribute.vip", "op": "eq", "value": "yes"}
N_STEPS, N_PEOPLE, N_MOMENTS = 9, 8, 30


def random_step(rng: random.Random, campaign_id: int) -> dict:
    blocked = rng.choice(["wait", "skip", "exit"])
    waiting = {"wait_hours": rng.choice([3, 12]), "then": rng.choice(["skip", "exit"])}
    return rng.choice(
        [
            {"kind": "wait", "for": "duration", "minutes": rng.choice([1, 30, 60, 600])},
            {
                "kind": "wait", "for": "until", "time": rng.choice(["09:00", "18:30"]),
                "weekday": rng.choice([None, None, 1, 7]),
            },
            {
                "kind": "wait", "for": "event", "event_kind": rng.choice(KINDS),
                "minutes": rng.choice([30, 240]),
            },
            {"kind": "split", "by": "rule", "rule": VIP},
            {
                "kind": "split", "by": "event", "event_kind": rng.choice(KINDS),
                "minutes": rng.choice([None, 120]),
            },
            {"kind": "split", "by": "random", "shares": {"a": 0.4, "b": 0.6}},
            {
                "kind": "send", "campaign": campaign_id, "when": "daily", "when_blocked": blocked,
                **(waiting if blocked == "wait" else {}),
            },
            {"kind": "set", "attribute": "vip", "value": rng.choice(["yes", "no"])},
            {"kind": "exit", "reason": "x"},
        ]
    )  # fmt: skip


def random_graph(rng: random.Random, campaign_ids: list[int]) -> dict:
    """A map without a problem: drawn at random until one comes out."""
    while True:
        steps = [{"id": "s0", **ENTRY}]
        steps += [
            {"id": f"s{n}", **random_step(rng, rng.choice(campaign_ids))} for n in range(1, N_STEPS)
        ]
        graph = {"steps": steps, "links": []}
        links = []
        for step in parse_graph(graph).steps.values():
            for port in step.ports:
                if step.kind == "entry" or rng.random() < 0.85:
                    links.append(
                        {"from": step.id, "port": port, "to": f"s{rng.randrange(1, N_STEPS)}"}
                    )
        graph["links"] = links
        reached = parse_graph(graph)
        flaws = problems(reached)
        unreachable = {p.step_id for p in flaws if p.code == "unreachable"}
        if all(p.code == "unreachable" for p in flaws) and len(unreachable) <= N_STEPS - 6:
            return {
                "steps": [s for s in steps if s["id"] not in unreachable],
                "links": [link for link in links if link["from"] not in unreachable],
            }


@pytest.mark.parametrize("seed", range(10))
def test_the_engine_goes_where_the_slow_reading_goes(seed):
    rng = random.Random(seed)  # noqa: S311 - a world, not a secret
    campaigns = [make_step_campaign().pk for _ in range(2)]
    graph = random_graph(rng, campaigns)
    goal = rng.choice([None, None, "order"])
    exit_if = rng.choice([None, None, "vip"])
    journey = launch(
        graph,
        goal=make_goal(event_kind=goal) if goal else None,
        exit_rule=VIP if exit_if else {},
        at=NOW - timedelta(days=1),
    )
    start = NOW.replace(day=28, hour=rng.randrange(24))  # the clocks of Berlin change on the 29th
    enter_maps(start)
    people = {}
    for _ in range(N_PEOPLE):
        attributes = {"vip": "yes"} if not exit_if and rng.random() < 0.3 else {}
        customer = make_customer(time_zone=rng.choice(ZONES), attributes=dict(attributes))
        branch = {
            step.id: split_at_random(step, [customer.pk], seed=journey.seed)[0]
            for step in parse_graph(graph).steps.values()
            if step.fork == "random"
        }
        people[customer.pk] = Person(customer.time_zone, attributes, [], start, "s0", branch)
        put_in(journey, customer, at=start)
    customers = {t.customer_id: t.customer for t in Traveller.objects.select_related("customer")}
    now = start
    for _moment in range(N_MOMENTS):
        before, now = now, now + timedelta(minutes=rng.choice([1, 7, 30, 60, 300, 1440]))
        for pk, person in people.items():
            if rng.random() < 0.25:
                at = before + (now - before) * rng.random()
                if rng.random() < 0.2:  # by a clock that is ahead
                    at = now + timedelta(minutes=rng.choice([1, 20]))
                kind = rng.choice(KINDS)
                make_event(customers[pk], kind, at)
                person.events.append((kind, at))
        enter_maps(now)
        advance_travellers(now, owner="test")
        read = partial(follow, graph=graph, now=now, goal=goal, exit_if=exit_if)
        for person in people.values():
            read(person)
        if rng.random() < 0.3:
            compare(journey, people)
            decide_at_random(rng, people, now, read)
    compare(journey, people)


def decide_at_random(rng, people: dict[int, Person], at, read: partial) -> None:
    """A day's decision: the same results for the engine and for the reading."""
    ids = np.array(sorted(people))
    due = load_due(ids)
    waiting = {pk: person.asked_for for pk, person in people.items() if person.asked_for}
    assert dict(zip(ids[due.row].tolist(), due.campaign_id.tolist(), strict=True)) == waiting
    results = [rng.choice(["sent", "withheld", "blocked"]) for _ in range(len(due))]
    # Quiet hours hold some of the messages.
    leaves = [at + timedelta(hours=rng.choice([0, 0, 2, 9])) for _ in results]
    contacts = np.ones(len(due), dtype=np.int64)
    settle_due(due, StepResults(np.array(results), contacts, leaves), at)
    for pk, result, leaves_at in zip(ids[due.row].tolist(), results, leaves, strict=True):
        since = at if result == "blocked" else leaves_at
        settle(people[pk], read.keywords["graph"], result, since)
    advance_travellers(at, owner="test")
    for person in people.values():
        read(person)


def compare(journey, people: dict[int, Person]) -> None:
    for traveller in Traveller.objects.filter(map=journey).prefetch_related("passages"):
        person = people[traveller.customer_id]
        passages = sorted(traveller.passages.all(), key=lambda passage: passage.pk)
        trail = [(p.step, p.result, p.left_at) for p in passages]
        assert trail == person.trail
        assert (traveller.outcome, traveller.fault) == (person.outcome, "")
        if not person.outcome:
            assert (traveller.step, traveller.step_since) == (person.step, person.since)


def test_the_comparison_notices_a_wrong_engine(monkeypatch):
    """A negative control: time-outs a minute late are found by some of the maps."""
    from journeys.maps import steps as walk_steps

    honest = walk_steps.wait_end

    def late(step, since, zone):
        return honest(step, since, zone) + timedelta(minutes=1)

    monkeypatch.setattr(walk_steps, "wait_end", late)
    n_found = 0
    for seed in range(3):
        try:
            test_the_engine_goes_where_the_slow_reading_goes(seed)
        except AssertionError:
            n_found += 1
        Traveller.objects.all().delete()
    assert n_found

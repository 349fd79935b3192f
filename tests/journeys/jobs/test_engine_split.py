"""The engine's choice between branches: known chances, by hand, stored with the passage."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from journeys.decisions.numerics.worth import Worth
from journeys.jobs.advance_travellers import advance_travellers
from journeys.jobs.engine_split import branch_chances
from journeys.models import StepPassage, Traveller
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.drawn_maps import ENTRY, draw, launch, put_in, send
from tests.journeys.engine import decide_day, make_customers, make_plan

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
ENGINE = {"kind": "split", "by": "engine", "branches": ["a", "b"]}


def chances(now, codes, known=(True, True, True), sd=0.0, arm="optimised"):
    """Branch a: action 0; branch b: actions 1 and 2."""
    now = np.array(now, dtype=float)
    zero = np.zeros_like(now)
    worth = Worth(now, zero, zero, zero + sd, zero, zero)
    arms = np.array([arm] * len(now))
    ready = SimpleNamespace(batch=now, arms=arms, codes=np.array(codes), worth=worth)
    return branch_chances(ready, [np.array([0]), np.array([1, 2])], np.array(known))


def test_the_better_branch_gets_all_but_the_floor_when_values_are_sure():
    # The floor of 2 % is shared out between the two: 1 % and 99 %.
    shares = chances([[100, 5, 7], [1, 5, 7], [3, 0, 3]], np.zeros((3, 3), int), sd=1e-9)
    np.testing.assert_allclose(shares, [[0.99, 0.01], [0.01, 0.99], [0.5, 0.5]], atol=1e-12)


def test_what_is_not_possible_is_not_chosen_and_without_evidence_all_is_even():
    shares = chances([[100, 5, 7], [100, 5, 7]], [[1, 0, 0], [1, 1, 1]], sd=1e-9)
    np.testing.assert_allclose(shares, [[0, 1], [0.5, 0.5]])
    shares = chances([[100, 5, 7]], [[0, 0, 0]], known=(True, True, False), sd=1e-9)
    np.testing.assert_allclose(shares, [[0.5, 0.5]])
    shares = chances([[100, 5, 7]] * 2, [[0, 0, 0], [0, 1, 1]], sd=1e-9, arm="baseline")
    np.testing.assert_allclose(shares, [[0.5, 0.5], [1, 0]])


def fork_map():
    """A branch by SMS, a branch by e-mail."""
    by_sms, by_mail = (make_campaign(recurrence="step", control_share=0) for _ in range(2))
    make_action(by_sms, channel="sms")
    make_action(by_mail)
    steps = {"e": ENTRY, "g": ENGINE, "m": send(by_sms), "n": send(by_mail)}
    return launch(draw(steps, "e>g g:a>m g:b>n"), at=NOON)


@pytest.mark.django_db
def test_a_branch_whose_message_is_not_possible_is_left_out_and_chances_are_stored():
    both, mail = make_customers(40), make_customers(5, consents=["email"])
    make_plan()
    journey = fork_map()
    decide_day()
    put_in(journey, *both, *mail, at=NOON)

    advance_travellers(NOON, owner="test")

    taken = {
        pk: (result, probability)
        for pk, result, probability in StepPassage.objects.filter(step="g").values_list(
            "traveller__customer_id", "result", "probability"
        )
    }
    assert {taken[customer.pk] for customer in mail} == {("b", 1.0)}
    # Nothing is known of either yet: even chances, and both are taken.
    assert {taken[customer.pk] for customer in both} == {("a", 0.5), ("b", 0.5)}


@pytest.mark.django_db
def test_without_any_state_branches_are_even():
    people = make_customers(30)
    journey = fork_map()
    put_in(journey, *people, at=NOON)

    advance_travellers(NOON, owner="test")

    branches = StepPassage.objects.filter(step="g").values_list("result", "probability")
    assert set(branches) == {("a", 0.5), ("b", 0.5)}
    assert not Traveller.objects.exclude(fault="").exists()

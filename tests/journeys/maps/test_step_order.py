"""The order of journey steps in a day: after what is ranked, before what is Auto."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.models import ArmMembership, Campaign
from journeys.jobs.advance_travellers import advance_travellers
from journeys.models import Contact, Decision, Traveller
from segments.models import Customer, TargetGroup
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.drawn_maps import (
    ENTRY,
    draw,
    launch,
    make_step_campaign,
    put_in,
    send,
    wait,
    way,
)
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db

YESTERDAY = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC) - timedelta(days=1)


def stand_at_step(campaign: Campaign, *customers: Customer, at: datetime = YESTERDAY) -> None:
    """Let customers wait for the campaign's message, in a map of its own, from a moment on."""
    waiting = {"when_blocked": "wait", "wait_hours": 90, "then": "exit"}
    journey = launch(draw({"e": ENTRY, "m": send(campaign, **waiting), "w": wait(60)}, "e>m m>w"))
    put_in(journey, *customers, at=at)
    advance_travellers(at, owner="test")


def make_offer(**fields) -> Campaign:
    campaign = make_campaign(control_share=0, **fields)
    make_action(campaign)
    return campaign


def decided(*customers: Customer, day: date = DAY) -> list[tuple[str, int | None]]:
    """Layer and campaign of each customer's decision, in their order."""
    decisions = Decision.objects.filter(as_of=day).values_list(
        "customer_id", "layer", "campaign_id"
    )
    by_customer = {customer: (layer, campaign) for customer, layer, campaign in decisions}
    return [by_customer[customer.pk] for customer in customers]


def test_a_step_goes_after_what_is_ranked_and_before_what_is_auto_in_either_arm():
    group = TargetGroup.objects.create(
        name="Portugal", rule={"field": "country", "op": "eq", "value": "PT"}
    )
    ranked = make_offer(rank=7, target_group=group)
    auto = make_offer()
    step = make_step_campaign(control_share=0)
    due_there, due_here, not_due = (
        make_customers(8, country=country) for country in ("PT", "DE", "DE")
    )
    make_plan()
    decide_day(DAY - timedelta(days=1))  # gives out the arms
    Contact.objects.all().delete()
    in_baseline = [*due_there[:4], *due_here[:4], *not_due[:4]]
    ArmMembership.objects.filter(customer__in=in_baseline).update(arm="baseline")
    stand_at_step(step, *due_there, *due_here)

    decide_day()

    assert decided(*due_there) == [("ranked", ranked.pk)] * 8
    assert decided(*due_here) == [("journey", step.pk)] * 8
    assert decided(*not_due[:4]) == [("baseline", auto.pk)] * 4
    assert set(decided(*not_due[4:])) <= {("auto", auto.pk), ("held", None), ("auto", None)}
    ways = Counter(way(t) for t in Traveller.objects.filter(customer__in=due_there))
    assert ways == {"e next m": 8}  # waits for a day without the other
    ways = Counter(way(t) for t in Traveller.objects.filter(customer__in=due_here))
    assert ways == {"e next m sent w": 8}


@pytest.mark.parametrize("rank", [1, 3])
def test_a_step_whose_campaign_has_a_rank_takes_its_place_among_the_ranked(rank):
    step = make_step_campaign(control_share=0, rank=rank)
    other = make_offer(rank=2)
    make_offer()
    due, not_due = make_customers(5), make_customers(5)
    make_plan()
    stand_at_step(step, *due)

    decide_day()

    first = step if rank == 1 else other
    assert decided(*due) == [("ranked", first.pk)] * 5
    assert decided(*not_due) == [("ranked", other.pk)] * 5
    expected = "e next m sent w" if rank == 1 else "e next m"
    assert Counter(way(t) for t in Traveller.objects.all()) == {expected: 5}


def test_a_ranked_step_goes_before_one_without_a_rank_that_waits_longer():
    plain, ranked = make_step_campaign(control_share=0), make_step_campaign(control_share=0, rank=9)
    people = make_customers(3)
    make_plan()
    stand_at_step(plain, *people, at=YESTERDAY - timedelta(hours=20))
    stand_at_step(ranked, *people)

    decide_day()

    assert decided(*people) == [("ranked", ranked.pk)] * 3


def test_of_two_steps_the_one_that_waits_longer_goes_first_and_the_other_the_next_day():
    second, first = (make_step_campaign(control_share=0) for _ in range(2))  # not in id order
    people = make_customers(3)
    make_plan()
    stand_at_step(second, *people)
    stand_at_step(first, *people, at=YESTERDAY - timedelta(hours=1))

    for day, campaign in ((DAY, first), (DAY + timedelta(days=1), second)):
        decide_day(day)
        assert decided(*people, day=day) == [("journey", campaign.pk)] * 3
    assert Counter(way(t) for t in Traveller.objects.all()) == {"e next m sent w": 6}

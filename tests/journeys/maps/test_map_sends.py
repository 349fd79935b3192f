"""Messages of journey maps: at once or with the day's run, under the rules that hold for all."""

from datetime import UTC, datetime, time, timedelta

import pytest

from campaigns.models import ArmMembership, FrequencyCap
from journeys.decisions.decide_now import Request, decide_now
from journeys.delivery.deliver_messages import deliver_messages
from journeys.jobs.advance_travellers import RETRY, advance_travellers
from journeys.maps.edit_map import end_map, launch_map, pause_map, save_graph
from journeys.models import Contact, Delivery, ReasonCode, StepPassage, Traveller
from segments.customers.stop_sending import set_sending_stopped
from segments.models import Organisation
from tests.factories import DAY, make_action, make_campaign, make_delivery
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

pytestmark = [pytest.mark.django_db, pytest.mark.long]

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
WAITING = {"when_blocked": "wait", "wait_hours": 30, "then": "exit"}


@pytest.fixture
def anna():
    (customer,) = make_customers(1)
    make_plan()
    return customer


def begin(*customers, at=NOON, control_share: float = 0, **settings) -> Traveller:
    """Entry, a message, a wait of an hour; everyone goes as far as they can at noon."""
    campaign = make_step_campaign(control_share=0)
    graph = draw({"e": ENTRY, "m": send(campaign, **settings), "w": wait(60)}, "e>m m>w")
    journey = launch(graph, at=at, control_share=control_share)
    put_in(journey, *customers, at=at)
    advance_travellers(at, owner="test")
    return Traveller.objects.filter(map=journey).order_by("pk")[0]


def test_a_message_at_once_is_decided_at_once_and_leads_on(anna):
    decide_day()

    traveller = begin(anna, when="at_once")

    assert way(traveller) == "e next m sent w"
    contact = Contact.objects.get()
    assert (contact.customer_id, contact.reserved_at) == (anna.pk, NOON)
    assert StepPassage.objects.get(step="m").contact_id == contact.pk
    assert Delivery.objects.get().contact_id == contact.pk
    assert traveller.due_at == NOON + timedelta(hours=1)


def test_the_maps_control_gets_nothing_takes_the_slot_and_travels_on(anna):
    decide_day()
    people = make_customers(20)
    decide_day(DAY + timedelta(days=1))
    at = NOON + timedelta(days=1)

    begin(*people, at=at, when="at_once", control_share=0.9)

    controls = Traveller.objects.filter(is_control=True)
    withheld = StepPassage.objects.filter(step="m", result="withheld")
    assert 10 < controls.count() == withheld.count()
    ghosts = Contact.objects.filter(is_control=True)
    assert ghosts.count() == controls.count()
    assert set(ghosts.values_list("control_share", flat=True)) == {0.9}
    assert not Delivery.objects.filter(contact__in=ghosts.values("pk")).exists()
    assert Traveller.objects.filter(step="w").count() == 20


def test_a_daily_message_waits_for_the_days_run(anna):
    traveller = begin(anna, at=NOON - timedelta(days=1))
    assert way(traveller) == "e next m"

    run = decide_day(decided_at=NOON)

    assert run.counts["journey"] == 1
    assert way(traveller) == "e next m sent w"
    assert traveller.step_since == NOON


@pytest.mark.parametrize("when", ["at_once", "daily"])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"when_blocked": "skip"}, "e next m skipped w"),
        ({"when_blocked": "exit"}, "e next m blocked blocked"),
        (
            WAITING,
            "e next m",
        ),
    ],
)
def test_a_cap_of_none_stops_the_message_and_the_step_says_what_follows(
    anna, when, settings, expected
):
    FrequencyCap.objects.create(name="None", limit=0, window="day")
    if when == "at_once":
        decide_day()
    traveller = begin(anna, when=when, **settings)
    if when == "daily":
        decide_day(decided_at=NOON + timedelta(hours=1))

    assert way(traveller) == expected
    assert not Contact.objects.exists()
    if settings is WAITING:
        FrequencyCap.objects.all().delete()  # free again, within the time that it waits
        if when == "at_once":
            advance_travellers(NOON + RETRY, owner="test")
        else:
            decide_day(DAY + timedelta(days=1), decided_at=NOON + timedelta(hours=20))
        assert way(traveller) == "e next m sent w"


def decided_before_the_lock(customer) -> Traveller:
    """Their message is decided by nine and leaves at eleven."""
    Organisation.objects.update_or_create(pk=1, defaults={"lock_time": time(11)})
    traveller = begin(customer, at=NOON - timedelta(days=1))
    decide_day()
    assert way(traveller) == "e next m sent w"
    assert not any(deliver_messages(now=NOON - timedelta(hours=2), owner="a").values())
    return traveller


def test_a_message_that_waits_leaves_no_more_once_its_map_has_ended(anna):
    traveller, other = decided_before_the_lock(anna), make_delivery()
    end_map(traveller.map)

    counts = deliver_messages(now=NOON, owner="a")

    assert (counts["sent"], counts["suppressed"]) == (1, 1)
    assert Delivery.objects.get(status="sent") == other  # of no map
    withdrawn = Delivery.objects.get(customer=anna)
    assert (withdrawn.status, withdrawn.attempts) == ("suppressed", 0)
    assert withdrawn.reason_code == ReasonCode.JOURNEY_INACTIVE


def test_a_message_that_waits_is_held_while_its_map_is_paused(anna):
    traveller, other = decided_before_the_lock(anna), make_delivery()
    pause_map(traveller.map)

    counts = deliver_messages(now=NOON, owner="a")

    assert (counts["sent"], counts["new"]) == (1, 1)
    assert Delivery.objects.get(status="sent") == other  # of no map
    assert Delivery.objects.get(customer=anna).reason_code == ReasonCode.JOURNEY_PAUSED
    launch_map(traveller.map, by="anna", at=NOON)
    assert deliver_messages(now=NOON + timedelta(hours=1), owner="a")["sent"] == 1


def test_travellers_on_an_older_version_of_a_running_map_get_their_message(anna):
    traveller = decided_before_the_lock(anna)
    other = launch(draw({"e": ENTRY, "w": wait(60)}, "e>w"))
    put_in(other, anna, at=NOON - timedelta(days=1))
    advance_travellers(NOON - timedelta(hours=2), owner="test")
    end_map(other)  # in which the customer travels, too
    pause_map(traveller.map)
    save_graph(traveller.map, draw({"e": ENTRY, "w": wait(5)}, "e>w"), by="ben", at=NOON)
    assert launch_map(traveller.map, by="ben", at=NOON).active_version.number == 2

    assert deliver_messages(now=NOON, owner="a")["sent"] == 1


def test_the_holdout_travels_and_gets_nothing(anna):
    decide_day()
    ArmMembership.objects.update(arm="holdout")

    traveller = begin(anna, when="at_once")

    assert way(traveller) == "e next m skipped w"
    assert not Contact.objects.exists()


def test_the_holdout_gets_transactional_steps(anna):
    decide_day()
    ArmMembership.objects.update(arm="holdout")
    owed = make_step_campaign(control_share=0, transactional=True)
    journey = launch(draw({"e": ENTRY, "m": send(owed, when="at_once")}, "e>m"), at=NOON)

    put_in(journey, anna, at=NOON)
    advance_travellers(NOON, owner="test")

    assert StepPassage.objects.get(step="m").result == "sent"
    assert Contact.objects.get().transactional


def test_while_sending_is_stopped_the_message_waits_and_is_tried_again(anna):
    decide_day()
    set_sending_stopped(True)
    traveller = begin(anna, when="at_once", **WAITING)
    assert way(traveller) == "e next m"
    set_sending_stopped(False)
    advance_travellers(NOON + timedelta(minutes=59), owner="test")
    assert way(traveller) == "e next m"

    advance_travellers(NOON + RETRY, owner="test")

    assert way(traveller) == "e next m sent w"


def test_an_answer_on_a_page_does_not_take_steps_that_wait(anna):
    banner = make_campaign(control_share=0, rank=1)
    make_action(banner, channel="web", subject="", body="Welcome back")
    decide_day()
    traveller = begin(anna)

    decide_now([anna.pk], at=NOON, request=Request("inbound", channels=("web",)))
    decide_now([anna.pk], at=NOON, request=Request("step"))

    assert way(traveller) == "e next m"


def test_two_messages_in_a_row_go_out_one_after_the_other(anna):
    decide_day()
    first, second = (make_step_campaign(control_share=0, in_addition=True) for _ in range(2))
    settings = {"when": "at_once"}
    graph = draw(
        {"e": ENTRY, "m": send(first, **settings), "n": send(second, **settings)}, "e>m m>n"
    )
    journey = launch(graph, at=NOON)
    put_in(journey, anna, at=NOON)

    advance_travellers(NOON, owner="test")

    assert way(Traveller.objects.get()) == "e next m sent n sent end"
    assert Contact.objects.count() == 2

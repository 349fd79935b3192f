from datetime import timedelta

import pytest

from journeys.learning.measure_outcomes import measure_outcomes
from journeys.models import Outcome
from optiengine.lib.partitions import ensure_partitions
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_contact, make_customer, make_goal
from tests.journeys.engine import make_order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def partitions(db):
    ensure_partitions("journeys_outcome", DAY, DAY + timedelta(days=40))


def days(n: int):
    return DAY + timedelta(days=n)


def test_the_window_begins_with_the_contact_and_lasts_its_days():
    """Contact on 1 March at 9:00, window of 7 days: until 8 March, 9:00, not included."""
    anna = make_customer()
    make_contact(anna, make_action(make_campaign(goal=make_goal(window_days=7))))
    make_order(anna, on=days(0), hour=8.99, cents=1)  # before
    make_order(anna, on=days(0), hour=9, cents=20)
    make_order(anna, on=days(7), hour=8.99, cents=300)
    make_order(anna, on=days(7), hour=9, cents=4000)  # after

    measure_outcomes(days(8))

    outcome = Outcome.objects.get()
    assert (outcome.n_responses, outcome.margin_cents, outcome.measured_on) == (2, 320, days(8))


def test_an_open_window_is_not_measured_and_a_closed_one_only_once():
    make_contact(make_customer(), make_action(make_campaign(goal=make_goal(window_days=7))))

    assert measure_outcomes(days(7)) == 0  # closes at nine on that day
    assert measure_outcomes(days(8)) == 1
    assert measure_outcomes(days(9)) == 0


def test_a_return_takes_its_margin_back_but_is_no_response():
    anna = make_customer()
    make_contact(anna)
    make_order(anna, on=days(1), cents=500)
    refund = make_order(anna, on=days(2), cents=-500)
    type(refund).objects.filter(pk=refund.pk).update(kind="return")

    measure_outcomes(days(10))

    outcome = Outcome.objects.get()
    assert (outcome.n_responses, outcome.margin_cents, outcome.value_cents) == (1, 0, 0)


def test_a_goal_with_a_value_per_event_counts_events():
    anna = make_customer()
    goal = make_goal(event_kind="visit", value_per_event_cents=25)
    make_contact(anna, make_action(make_campaign(goal=goal)))
    for hour in (10, 11, 12):
        visit = make_order(anna, on=days(1), hour=hour)
        type(visit).objects.filter(pk=visit.pk).update(kind="visit", amount_cents=None)

    measure_outcomes(days(10))

    assert Outcome.objects.get().value_cents == 75


def test_the_main_goal_adds_the_change_in_predicted_value():
    anna = make_customer(registered_on=days(-100))
    make_contact(anna)
    build_state(days(0))
    make_order(anna, on=days(1), cents=700)
    build_state(days(9))
    before, after = anna.states.order_by("as_of").values_list("clv_cents", flat=True)

    measure_outcomes(days(9))

    outcome = Outcome.objects.get()
    assert outcome.clv_change_cents == pytest.approx(after - before)
    assert outcome.value_cents == pytest.approx(700 + after - before)


def test_test_and_control_are_measured_alike():
    """Intention to treat: the window hangs on the reservation, not on any delivery."""
    action = make_action()
    for is_control in (True, False):
        customer = make_customer()
        make_contact(customer, action, is_control=is_control)
        make_order(customer, on=days(2), cents=100)

    measure_outcomes(days(10))

    assert list(Outcome.objects.values_list("margin_cents", flat=True)) == [100, 100]

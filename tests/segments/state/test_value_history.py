"""Predicted value after an order, a return and time without either, as the models say it moves."""

from datetime import timedelta

import pytest
from numpy.testing import assert_allclose

from segments.models import ClvModel, CustomerState, Organisation
from segments.state.build_state import build_state
from segments.state.numerics.clv import BetaGeometric, GammaGamma, expected_margin
from segments.state.value_history import Cause, value_history
from tests.factories import make_customer
from tests.segments.stories import AS_OF, days_before, event, store

pytestmark = pytest.mark.django_db

CDNOW_BG = {"r_": 0.243, "alpha_": 4.414, "a_": 0.793, "b_": 2.426, "log_likelihood_": -9582.4}
CDNOW_GG = {"p_": 6.25, "q_": 3.74, "gamma_": 1544.0, "log_likelihood_": 0.0}


def fitted(day, **purchases):
    """The models as of a day: the published ones, so that no fit of a few customers is needed."""
    return ClvModel.objects.create(
        fitted_on=day,
        n_customers=2_357,
        purchases=CDNOW_BG | purchases,
        spend=CDNOW_GG,
        log_likelihood=0,
    )


def worth(x, t_x, T, n_valued, mean_cents):
    """By the numeric functions, which have tests of their own, for 52 weeks at 10 % a year."""
    return expected_margin(
        BetaGeometric.from_fitted(CDNOW_BG),
        GammaGamma.from_fitted(CDNOW_GG),
        [x], [t_x / 7], [T / 7], [mean_cents],
        n_valued=[n_valued],
        horizon_weeks=52,
        weekly_discount=1.1 ** (7 / 365.25) - 1,
    )[0]  # fmt: skip


def test_the_value_moves_with_an_order_a_return_and_silence():
    fitted(AS_OF)
    anna = make_customer()
    store(
        event(anna, "order", days_before(100), amount_cents=2_000),
        event(anna, "order", days_before(40), amount_cents=4_000),
        event(anna, "order", days_before(-1), amount_cents=9_000),
        event(anna, "return", days_before(-3), amount_cents=3_000),
    )
    for later in range(7):
        build_state(AS_OF + timedelta(days=later))

    history = value_history(anna, AS_OF + timedelta(days=6))

    # A state knows of what was before its day, which T ends with: two orders when the first day
    # begins; the third on the day after; the return when the fifth begins.
    assert [
        (step.causes, (step.since - AS_OF).days, (step.until - AS_OF).days)
        for step in history.steps
    ] == [
        ((Cause.QUIET,), 0, 1),
        ((Cause.ORDER,), 1, 2),
        ((Cause.QUIET,), 2, 3),
        ((Cause.RETURN,), 3, 4),
        ((Cause.QUIET,), 4, 6),
    ]
    assert_allclose(
        [cents for _day, cents in history.points],
        [
            worth(1, 60, 99, 2, 3_000),
            worth(1, 60, 100, 2, 3_000),
            worth(2, 101, 101, 3, 5_000),
            worth(2, 101, 102, 3, 5_000),
            worth(2, 101, 103, 3, 4_000),
            worth(2, 101, 104, 3, 4_000),
            worth(2, 101, 105, 3, 4_000),
        ],
    )
    changes = [step.change_cents for step in history.steps]
    assert [change > 0 for change in changes] == [False, True, False, False, False]
    assert 0.5 < history.steps[1].p_alive < 1


def test_what_goes_back_whole_leaves_nothing_of_the_amount_and_no_loss():
    fitted(AS_OF)
    anna, bert = make_customer(), make_customer()
    for customer in (anna, bert):
        store(event(customer, "order", days_before(9), amount_cents=5_000))
    store(event(anna, "return", days_before(2), amount_cents=-7_000))  # with what it cost

    build_state(AS_OF)

    values = dict(CustomerState.objects.values_list("customer_id", "clv_cents"))
    assert 0 < values[anna.pk] < values[bert.pk]
    assert values[anna.pk] == pytest.approx(worth(0, 0, 8, 1, 1))


def test_models_fitted_anew_are_a_cause_of_their_own():
    fitted(AS_OF)
    fitted(AS_OF + timedelta(days=2), r_=0.5)
    anna = make_customer()
    store(event(anna, "order", days_before(10), amount_cents=2_000))
    for later in range(4):
        build_state(AS_OF + timedelta(days=later))

    steps = value_history(anna, AS_OF + timedelta(days=3)).steps

    assert [step.causes for step in steps] == [(Cause.QUIET,), (Cause.REFIT,), (Cause.QUIET,)]
    assert steps[1].change_cents > 0  # buyers come twice as often


def test_one_day_is_no_movement_and_a_day_is_of_the_organisations_zone():
    Organisation.objects.create(pk=1, time_zone="Europe/Berlin")
    fitted(AS_OF)
    anna = make_customer()
    midnight = days_before(0) + timedelta(hours=11)  # of the next day, in Berlin
    store(
        event(anna, "order", days_before(10), amount_cents=2_000),
        event(anna, "order", midnight, amount_cents=2_000),
    )
    build_state(AS_OF)
    assert value_history(anna, AS_OF).steps == []
    for later in (1, 2):
        build_state(AS_OF + timedelta(days=later))

    steps = value_history(anna, AS_OF + timedelta(days=2)).steps

    assert [step.causes for step in steps] == [(Cause.QUIET,), (Cause.ORDER,)]

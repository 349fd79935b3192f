from datetime import timedelta

import numpy as np
import pytest

from journeys.errors import StaleState
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.numerics.uplift import UpliftModel, UpliftStatistics
from journeys.models import Contact, UpliftDay, UpliftTotal
from optiengine.lib.partitions import ensure_partitions
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_contact, make_goal
from tests.journeys.engine import make_customers, make_order

pytestmark = pytest.mark.django_db
PAYDAY = DAY + timedelta(days=8)


@pytest.fixture
def action():
    """An action of which 60 of 80 test members and 10 of 40 controls buy for 1,000 cents."""
    ensure_partitions("journeys_outcome", DAY, DAY)
    action = make_action(
        make_campaign(control_share=1 / 3, goal=make_goal(value_per_event_cents=1000))
    )
    customers = make_customers(120)
    build_state(DAY)
    fit_uplift(DAY)  # features are scaled as on the first day
    for number, customer in enumerate(customers):
        is_control = number % 3 == 0
        make_contact(customer, action, is_control=is_control)
        if (number // 3) % 4 < (1 if is_control else 3):
            make_order(customer, on=DAY + timedelta(days=1))
    build_state(PAYDAY)
    measure_outcomes(PAYDAY)
    return action


def test_learning_counts_test_and_control(action):
    version = fit_uplift(PAYDAY)

    day = UpliftDay.objects.get()
    counts = (day.n_test, day.n_control, day.n_test_responders, day.n_control_responders)
    assert counts == (80, 40, 60, 10)
    assert version.evidence == {str(action.pk): [80, 60, 40, 10]}


def test_the_posterior_lies_between_no_effect_and_the_difference(action):
    """The plain difference is 1000 × (60/80 − 10/40) = 500 cents; shrinkage pulls towards 0."""
    version = fit_uplift(PAYDAY)

    model = UpliftModel.from_bytes(bytes(version.payload))
    X = np.zeros((1, len(version.scaling.feature_set.names) + 1))
    X[0, 0] = 1
    uplift = model.predict(X, model.segment_ids_[:1]).uplift[0, 0]  # all are in one segment
    assert 250 < uplift < 501


def test_learning_a_day_again_replaces_it(action):
    fit_uplift(PAYDAY)
    once = UpliftStatistics.from_bytes(bytes(UpliftTotal.objects.get().statistics))

    fit_uplift(PAYDAY)

    again = UpliftStatistics.from_bytes(bytes(UpliftTotal.objects.get().statistics))
    np.testing.assert_allclose(again.gram, once.gram)
    np.testing.assert_allclose(again.n, [40, 80])


def test_old_days_fade_by_half_in_a_half_life(action):
    fit_uplift(PAYDAY)
    later = PAYDAY + timedelta(days=180)
    build_state(later)

    version = fit_uplift(later)

    np.testing.assert_allclose(version.evidence[str(action.pk)], [40, 30, 20, 5])


def test_contacts_whose_assignment_is_unknown_teach_nothing(action):
    Contact.objects.update(control_share=None, assignment_prob=None)

    assert fit_uplift(PAYDAY).n_contacts == 0


def test_without_the_days_state_there_is_no_learning(db):
    with pytest.raises(StaleState, match="2026-03-01"):
        fit_uplift(DAY)

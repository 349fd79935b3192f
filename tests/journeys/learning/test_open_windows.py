"""Contacts whose windows are open: what they have shown, and how much of it that is likely to be.

The shares of outcomes that have arrived are plain fractions here: the imaginary responses before
any were seen weigh nothing.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from campaigns.models import Action
from journeys.learning import open_windows
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.numerics import delays
from journeys.learning.numerics.uplift import UpliftModel
from journeys.learning.open_windows import open_contacts
from journeys.models import Contact, Outcome
from optiengine.lib.days import day_start
from segments.models import Customer, FeatureSet, Organisation
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_contact, make_goal
from tests.journeys.engine import make_customers, make_order

pytestmark = pytest.mark.django_db
WINDOW = 4


@pytest.fixture(autouse=True)
def plain_shares(monkeypatch):
    monkeypatch.setattr(delays, "PRIOR_RESPONSES", 1e-9)


def days(n: int):
    return DAY + timedelta(days=n)


def make_tested_action() -> Action:
    goal = make_goal(window_days=WINDOW, value_per_event_cents=100)
    return make_action(make_campaign(control_share=0.5, goal=goal))


def contact(action: Action, *, day: int, orders_after: tuple[float, ...] = (), **fields) -> None:
    """A contact at nine with a new customer, who orders so many hours after it."""
    (customer,) = make_customers(1)
    make_contact(customer, action, as_of=days(day), **fields)
    for hours in orders_after:
        make_order(customer, on=days(day), hour=9 + hours)


def seen(as_of) -> list[tuple]:
    """(action, treated, value, responded, exposure) of each open contact."""
    names = ["action_id", "treated", "value_cents", "responded"]
    return [
        (*row, pytest.approx(exposure, abs=1e-6))
        for part in filter(None, [open_contacts(as_of, FeatureSet.objects.get().pk)])
        for *row, exposure in zip(
            *(part.rows[name].tolist() for name in names), part.exposure.tolist(), strict=True
        )
    ]


def test_a_contact_counts_by_the_share_that_has_arrived_by_its_age_for_its_goal_and_arm():
    """Closed windows of the first goal: test 3 orders on the first day and 1 on the third, so
    P(delay <= 1) = 3/4; control 1 on the first and 1 on the fourth: 1/2. Of the second goal: test
    2 on the second day: P(delay <= 1) = 0, P(delay <= 2) = 1.
    """
    first, second = make_tested_action(), make_tested_action()
    contact(first, day=0, orders_after=(1, 2, 23, 49))
    contact(first, day=0, orders_after=(1, 95), is_control=True)
    contact(second, day=0, orders_after=(25, 47))
    contact(first, day=8, orders_after=(1,))
    contact(first, day=8, is_control=True)
    contact(second, day=8)
    contact(second, day=7, orders_after=(25,))
    for day in (0, 7, 8):
        build_state(days(day))

    assert seen(days(10)) == [  # the third of two.day 8 can have shown nothing in its one day
        (second.pk, True, 100, True, 1.0),
        (first.pk, True, 100, True, 0.75),
        (first.pk, False, 0, False, 0.5),
    ]


def test_only_whole_days_since_the_contact_are_looked_at():
    """At midnight the contact of nine o'clock the day before last is 39 hours old: one day."""
    action = make_tested_action()
    contact(action, day=0, orders_after=(1, 25))  # P(delay <= 1) = 1/2
    contact(action, day=8, orders_after=(23.9, 24, 38))
    for day in (0, 8):
        build_state(days(day))

    assert seen(days(10)) == [(action.pk, True, 100, True, 0.5)]


@pytest.mark.parametrize(("hour", "open_on"), [(0, [1, 2, 3]), (9, [2, 3, 4])])
def test_a_contact_is_open_or_measured_and_never_both(hour, open_on):
    """A window of four days from 1 March, 0:00, has closed as 5 March begins; from 9:00 not yet."""
    action = make_tested_action()
    contact(action, day=0, reserved_at=day_start(DAY, "UTC") + timedelta(hours=hour))
    build_state(DAY)
    seen_on = {}

    for day in range(1, 8):
        measure_outcomes(days(day))
        seen_on[day] = (len(seen(days(day))), Outcome.objects.count())

    last = open_on[-1]
    assert seen_on == {d: (int(d in open_on), int(d > last)) for d in range(1, 8)}


def test_a_contact_after_midnight_where_the_company_is_has_shown_nothing():
    """An imported contact of 1 March, 20:00 UTC, was made on 2 March in Tokyo."""
    Organisation.objects.update_or_create(pk=1, defaults={"time_zone": "Asia/Tokyo"})
    contact(make_tested_action(), day=0, reserved_at=datetime(2026, 3, 1, 20, tzinfo=UTC))
    build_state(DAY)

    assert seen(days(1)) == []


def test_contacts_teach_before_their_windows_close_as_they_will_when_closed():
    """Those who order do so within a day, so a day later nothing is missing: what is learned then
    must be what is learned from the same contacts measured. Evidence waits for that.
    """
    Organisation.objects.update_or_create(pk=1, defaults={"half_life_days": 10_000})
    action = make_tested_action()
    for day, n_test_orders in ((0, 12), (7, 20)):
        for number in range(24):
            contact(action, day=day, orders_after=(1,) if number < n_test_orders else ())
            contact(action, day=day, orders_after=(1,) if number < 4 else (), is_control=True)
        build_state(days(day))
        fit_uplift(days(day))  # features are scaled as on the first day

    def learned(day: int):
        build_state(days(day))
        measure_outcomes(days(day))
        version = fit_uplift(days(day))
        model = UpliftModel.from_bytes(bytes(version.payload))
        X = np.eye(1, len(version.scaling.feature_set.names) + 1)
        prediction = model.predict(X, model.segment_ids_[:1])
        return prediction.uplift[0, 0], prediction.sd[0, 0], version.evidence[str(action.pk)]

    before, sd_before, _ = learned(8)  # only the first 48: 100 × (12 − 4) / 24 = 33 cents
    open_uplift, open_sd, open_evidence = learned(9)
    closed_uplift, closed_sd, closed_evidence = learned(12)

    assert open_uplift > before + 5
    assert open_sd < sd_before
    np.testing.assert_allclose([open_uplift, open_sd], [closed_uplift, closed_sd], rtol=1e-3)
    np.testing.assert_allclose(open_evidence, [24, 12, 24, 4], rtol=1e-3)
    np.testing.assert_allclose(closed_evidence, [48, 32, 48, 8], rtol=1e-3)


def test_the_sample_is_the_same_whichever_worker_wrote_its_contacts_first(monkeypatch):
    """Two workers number their contacts in the order in which they happen to finish."""
    monkeypatch.setattr(open_windows, "OPEN_CONTACTS", 10)
    action = make_tested_action()
    customers = make_customers(40)
    build_state(DAY)

    def sampled(order: list[Customer]) -> list[float]:
        Contact.objects.all().delete()
        for customer in order:
            share = (1 + customers.index(customer)) / 100  # by which the customer is known again
            make_contact(customer, action, control_share=share)
        part = open_contacts(days(2), FeatureSet.objects.get().pk)
        assert part
        return part.rows["control_share"].tolist()

    in_order = sampled(customers)
    assert 0 < len(in_order) < 40
    assert sampled(customers[::-1]) == in_order

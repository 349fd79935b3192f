"""Rows as arrays: what a batch holds is what the rows say."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segments.channels import CHANNELS
from segments.models import CustomerState
from segments.state.build_state import build_state
from segments.state.load_batch import load_batch
from tests.factories import make_customer
from tests.segments.stories import AS_OF, days_before, event, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def state():
    customers = [
        make_customer(country="DE", birth_date=date(1990, 3, 5), attributes={"tier": 3}),
        make_customer(consents=["sms", "push"], email="", time_zone="Asia/Tokyo"),
        make_customer(phone="", suppressed=True, registered_on=date(2026, 2, 27)),
        make_customer(erased_at=datetime(2026, 2, 1, tzinfo=UTC), attributes={"tier": "gold"}),
        make_customer(registered_on=date(2027, 1, 1)),  # not there yet
    ]
    store(
        event(customers[0], "order", days_before(3), amount_cents=900),
        event(customers[2], "order", days_before(200), amount_cents=400),
    )
    return build_state(AS_OF)


def test_a_batch_holds_what_the_rows_say(state):
    states = CustomerState.objects.select_related("customer").order_by("customer_id")
    rows = list(states)
    customers = [row.customer for row in rows]

    batch = load_batch(state, customers[0].pk, customers[-1].pk)

    assert len(batch) == 4
    assert batch.feature_names == tuple(state.feature_set.names)
    assert_array_equal(batch.customer_ids, [customer.pk for customer in customers])
    assert_array_equal(batch.features, [row.features for row in rows])
    assert_array_equal(batch.stages, [row.stage for row in rows])
    assert_array_equal(batch.micro_segment_ids, [row.micro_segment_id for row in rows])
    assert_array_equal(batch.clv_cents, [row.clv_cents for row in rows])
    assert_array_equal(batch.p_alive, np.array([row.p_alive for row in rows], float))
    assert_array_equal(batch.time_zones, [customer.time_zone for customer in customers])
    for channel in CHANNELS:
        # Customers who come to us get an answer without a consent.
        consents = [channel == "web" or channel in customer.consents for customer in customers]
        assert_array_equal(batch.consents[channel], consents)
    assert batch.addresses["email"].tolist() == [True, False, True, True]
    assert batch.addresses["sms"].tolist() == [True, True, False, True]
    assert batch.addresses["call"].tolist() == [True, True, False, True]
    assert batch.addresses["push"].all()
    assert batch.addresses["post"].all()
    assert batch.suppressed.tolist() == [False, False, True, True]


def test_columns_of_rules_come_by_the_fields_name(state):
    fields = [
        "feature.recency_days",
        "stage",
        "micro_segment",
        "country",
        "registered_days",
        "days_to_birthday",
        "consent.email",
        "attribute.tier",
    ]

    batch = load_batch(state, 0, 2**40, fields=fields)

    columns = batch.columns
    assert_array_equal(columns["feature.recency_days"], [3, np.nan, 200, np.nan])
    assert columns["stage"].tolist() == ["new", "prospect", "lapsed", "prospect"]
    assert_array_equal(columns["micro_segment"], batch.micro_segment_ids)
    assert columns["country"].tolist() == ["DE", None, None, None]
    assert_array_equal(columns["registered_days"], [np.nan, np.nan, 2, np.nan])
    assert_array_equal(columns["days_to_birthday"], [4, np.nan, np.nan, np.nan])
    assert columns["consent.email"].tolist() == [True, False, True, True]
    assert columns["attribute.tier"].tolist() == ["3", None, None, "gold"]


def test_a_block_without_customers_is_an_empty_batch(state):
    batch = load_batch(state, 2**40, 2**41, fields=["country", "clv_cents"])

    assert len(batch) == 0
    assert batch.features.shape == (0, len(state.feature_set.names))
    assert len(batch.columns["country"]) == len(batch.consents["email"]) == 0


def test_a_field_that_does_not_exist_is_refused(state):
    with pytest.raises(ValueError, match="no field “shoe_size”"):
        load_batch(state, 0, 9, fields=["shoe_size"])

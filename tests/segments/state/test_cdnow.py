"""The published figures of CDNOW, from events to models, through the database."""

from datetime import date

import numpy as np
import pytest
from numpy.testing import assert_allclose

from segments.models import CustomerState
from segments.state.build_state import build_state
from tests.segments.cdnow import store_cdnow

pytestmark = [pytest.mark.django_db, pytest.mark.shared_data]


def test_cdnow_as_events_gives_the_published_parameters():
    # Fader, Hardie & Lee (2005), table 2: 2,357 customers, observed to 30 September 1997.
    customers = store_cdnow()

    build = build_state(date(1997, 10, 1))

    assert build.clv_model.n_customers == len(customers) == 2_357
    fitted = build.clv_model.purchases
    assert_allclose(
        [fitted[name] for name in ("r_", "alpha_", "a_", "b_")],
        [0.243, 4.414, 0.793, 2.426],
        atol=5e-4,
    )
    assert build.clv_model.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    # The same paper's customer 1516 bought 26 times again: P(alive) .9689 on this day.
    most = CustomerState.objects.get(customer=customers["1516"])
    assert most.p_alive == pytest.approx(0.9689, abs=5e-5)
    values = CustomerState.objects.values_list("clv_cents", flat=True)
    assert (np.array(values) > 0).all()

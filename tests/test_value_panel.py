"""The panel of the customer page on how the predicted value moved."""

from datetime import timedelta

import pytest
from django.urls import reverse

from segments.models import ClvModel
from segments.state.build_state import build_state
from tests.factories import make_customer
from tests.segments.state.test_value_history import CDNOW_BG, CDNOW_GG
from tests.segments.stories import AS_OF, days_before, event, store

pytestmark = pytest.mark.django_db


def test_a_customers_page_shows_the_course_and_what_moved_it(admin_client):
    anna = make_customer()
    page = reverse("admin:segments_customer_change", args=[anna.pk])
    assert "At least two days of data are needed." in admin_client.get(page).content.decode()
    ClvModel.objects.create(
        fitted_on=AS_OF, n_customers=9, purchases=CDNOW_BG, spend=CDNOW_GG, log_likelihood=0
    )
    store(
        event(anna, "order", days_before(30), amount_cents=2_000),
        event(anna, "order", days_before(-2), amount_cents=4_000),
        event(anna, "return", days_before(-4), amount_cents=1_000),
    )
    for later in range(6):
        build_state(AS_OF + timedelta(days=later))

    text = admin_client.get(page).content.decode()

    assert '<polyline class="oe-line"' in text
    assert text.count('<circle class="oe-mark order"') == 1
    assert text.count('<circle class="oe-mark return"') == 1
    assert "2 days without an order" in text
    assert "1 day without an order" in text
    assert "+" in text.split("2 days without an order")[0].split("1 day without an order")[1]

"""A decision's page tells of each option only what applies to it."""

import pytest

from journeys.models import Decision
from tests.factories import make_action, make_campaign, make_customer
from tests.journeys.engine import decide_day, make_plan

pytestmark = pytest.mark.django_db


def test_little_evidence_is_said_of_an_action_and_not_of_sending_nothing(admin_client):
    make_plan()
    make_customer()
    make_action(make_campaign())
    decide_day()
    decision = Decision.objects.get()

    page = admin_client.get(f"/admin/journeys/decision/{decision.pk}/change/").content.decode()

    assert page.count("little evidence") == 1

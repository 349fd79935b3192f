"""A consent that cannot be read holds its channel: nobody is decided for it, nothing leaves."""

import pytest

from campaigns.numerics.verdict_codes import Verdict, meaning_of
from journeys.delivery.deliver_messages import deliver_messages
from journeys.jobs.run_day import run_day
from journeys.models import Decision, ReasonCode
from segments.channels import EMAIL
from segments.models import Customer
from tests.factories import DAY, NOW, make_action, make_campaign, make_customer, make_delivery
from tests.journeys.engine import make_customers, make_plan

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_is_stopped_with_its_reason():
    delivery = make_delivery(make_customer(consents=[], consents_unclear=[EMAIL]))
    assert deliver_messages(now=NOW, owner="a")["suppressed"] == 1
    delivery.refresh_from_db()
    assert delivery.reason_code == ReasonCode.CONSENT_UNCLEAR
    assert "unclear" in delivery.reason_text


def test_a_decision_says_that_the_consent_is_unclear():
    make_plan()
    make_customers(3)
    Customer.objects.update(consents=[], consents_unclear=[EMAIL])
    make_action(make_campaign(control_share=0))
    run_day(DAY)
    verdicts = [code for each in Decision.objects.all() for code in each.verdicts]
    assert {meaning_of(code).verdict for code in verdicts} == {Verdict.CONSENT_UNCLEAR}

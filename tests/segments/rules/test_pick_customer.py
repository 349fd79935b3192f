import pytest

from segments.models import TargetGroup
from segments.rules.pick_customer import customer_near
from segments.state.build_state import build_state
from tests.factories import DAY, make_customer

pytestmark = pytest.mark.django_db


def test_customers_of_a_group_follow_each_other_round_the_end():
    first, _other, second, suppressed, third = (
        make_customer(country=country) for country in ("PT", "DE", "PT", "PT", "PT")
    )
    suppressed.suppressed = True
    suppressed.save()
    build_state(DAY)
    rule = {"field": "country", "op": "eq", "value": "PT"}
    group = TargetGroup.objects.create(name="Portugal", rule=rule)

    onwards, back, at = [], [], first
    for _ in range(4):
        onwards.append(at)
        at = customer_near(group, at.pk + 1)
    for _ in range(4):
        back.append(at)
        at = customer_near(group, at.pk - 1, is_backwards=True)

    assert onwards == [first, second, third, first]
    assert back == [second, first, third, second]


def test_everyone_needs_no_computed_day_and_a_group_does():
    customer = make_customer()
    group = TargetGroup.objects.create(name="All", rule={})

    assert customer_near(None, 0) == customer
    assert customer_near(None, customer.pk + 1) == customer
    assert customer_near(group, 0) is None
    build_state(DAY)
    assert customer_near(group, 0) == customer

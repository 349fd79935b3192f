"""A small engine for tests: customers with a state, campaigns, and a day to run."""

from datetime import date, timedelta

from campaigns.models import ArmPlan
from journeys.jobs.run_day import run_day
from journeys.models import DecisionRun
from optiengine.lib.days import day_start
from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, Event
from tests.factories import DAY, make_customer

EVERYONE_OPTIMISED = {"holdout_share": 0, "baseline_share": 0}


def make_customers(n: int, **fields) -> list[Customer]:
    return [make_customer(registered_on=DAY - timedelta(days=100), **fields) for _ in range(n)]


def make_plan(**shares) -> ArmPlan:
    """An arm plan from the beginning of time; everyone is optimised unless said otherwise."""
    return ArmPlan.objects.create(
        starts_on=date(2020, 1, 1), salt="test", **EVERYONE_OPTIMISED | shares
    )


def make_order(customer: Customer, *, on: date, hour: float = 12, cents: int = 1000) -> Event:
    ensure_partitions("segments_event", on, on)
    moment = day_start(on, "UTC") + timedelta(hours=hour)
    return Event.objects.create(
        customer=customer,
        kind="order",
        occurred_at=moment,
        amount_cents=cents,
        source="test",
        external_id=f"{customer.pk} {moment.isoformat()}",
    )


def decide_day(as_of: date = DAY, **options) -> DecisionRun:
    """A day up to its decisions, nothing sent."""
    return run_day(as_of, send=False, **options).run

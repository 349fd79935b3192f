"""What was ordered and given back is one number, whichever part of the product adds it up."""

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from campaigns.models import Arm
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.open_windows import open_contacts
from journeys.models import Outcome
from optiengine.lib.partitions import ensure_partitions
from reports.services.arm_report import arm_report
from reports.services.clv_backtest import HOLDOUT, _collect_holdout
from segments.models import FeatureDefinition, FeatureSet, Organisation
from segments.state.build_state import build_state
from segments.state.customer_facts import FACTS, collect_facts
from segments.state.features import active_features
from tests.factories import (
    DAY,
    NOW,
    make_action,
    make_campaign,
    make_contact,
    make_customer,
    make_goal,
)
from tests.journeys.engine import make_plan
from tests.reports.ledger import make_members
from tests.segments.importing import counts, import_text
from tests.segments.stories import days_before, event, features_of, store

pytestmark = pytest.mark.django_db
WINDOW = 7
CLOSED = DAY + timedelta(days=WINDOW + 1)
RETURNS = ("return", "refund", "chargeback", "reklamation")


def stories(seed, n=40):
    """Of n customers: (day after the message, kind, cents with either sign or unknown) each."""
    rng = np.random.default_rng(seed)
    kinds = ["order", "order", *RETURNS, "visit", "deposit"]

    def cents():
        return None if rng.random() < 0.1 else int(rng.integers(-9_999, 9_999))

    return [
        [(int(rng.integers(0, 5)), str(rng.choice(kinds)), cents()) for _ in range(n_events)]
        for n_events in rng.integers(1, 9, n)
    ]


def margin(events):
    """The slow model: money comes by orders, and whatever is a return takes it away."""
    total = 0
    for _day, kind, cents in events:
        if kind == "order":
            total += cents or 0
        elif kind in RETURNS:
            total -= abs(cents or 0)
    return total


def n_purchases(events):
    return sum(kind == "order" and (cents or 0) >= 0 for _day, kind, cents in events)


def mean_purchase(events):
    """What a day with purchases brings, on average, less what was given back."""
    of_days, given_back = {}, 0
    for day, kind, cents in events:
        if kind == "order" and (cents or 0) >= 0:
            of_days.setdefault(day, []).append(cents)
        elif kind in (*RETURNS, "order"):
            given_back += abs(cents or 0)
    known = [[c for c in amounts if c is not None] for amounts in of_days.values()]
    sums = [sum(amounts) for amounts in known if amounts]
    return max((sum(sums) - given_back) / len(sums), 0) if sums else 0


def given_back(events):
    return -sum(abs(cents or 0) for _day, kind, cents in events if kind == "reklamation")


def tell(customer, events):
    store(
        *(
            event(customer, kind, days_before(-day), amount_cents=cents)
            for day, kind, cents in events
        )
    )


def holdout_sums(until):
    """What the back-test says that came after DAY, by customer."""
    collect_facts(DAY, active_features(), Organisation.current())
    _collect_holdout(DAY, until, "UTC")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT customer_id, actual_cents, purchases FROM {HOLDOUT}")
        sums = {pk: (cents, purchases) for pk, cents, purchases in cursor.fetchall()}
        cursor.execute(f"DROP TABLE {HOLDOUT}, {FACTS}")
    return sums


def mean_cents(day):
    """What the predicted value takes for the mean of a purchase, by customer."""
    collect_facts(day, active_features(), Organisation.current())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT customer_id, mean_cents FROM {FACTS}")
        means = dict(cursor.fetchall())
        cursor.execute(f"DROP TABLE {FACTS}")
    return means


@pytest.mark.parametrize("seed", range(3))
def test_every_sum_of_money_is_that_of_the_slow_model(seed):
    all_stories = stories(seed)
    Organisation.objects.update_or_create(pk=1, defaults={"return_kinds": list(RETURNS[1:])})
    ensure_partitions("journeys_outcome", DAY, CLOSED)
    FeatureDefinition.objects.create(
        name="complaints", label="Complaints", aggregate="sum", event_kind="reklamation"
    )
    plan = make_plan()
    plan.starts_on = DAY
    plan.save()
    action = make_action(make_campaign(goal=make_goal(window_days=WINDOW), control_share=0.5))
    customers = [make_customer() for _ in all_stories]
    make_members(plan, Arm.OPTIMISED, customers)
    for customer, events in zip(customers, all_stories, strict=True):
        make_contact(customer, action, is_control=True)
        tell(customer, events)
    expected = [margin(events) for events in all_stories]
    purchases = [n_purchases(events) for events in all_stories]
    build_state(DAY)
    open_day = DAY + timedelta(days=WINDOW - 1)
    build_state(open_day)
    so_far = open_contacts(open_day, FeatureSet.objects.get().pk)
    build = build_state(CLOSED)
    measure_outcomes(CLOSED)

    features = [features_of(customer.states.get(as_of=CLOSED), build) for customer in customers]
    outcomes = [Outcome.objects.get(contact__customer=customer) for customer in customers]
    sums, means = holdout_sums(CLOSED), mean_cents(CLOSED)
    report = arm_report(as_of=CLOSED, since=DAY).groups[Arm.OPTIMISED]

    assert [f["margin_90d_cents"] for f in features] == expected
    assert [f["margin_365d_cents"] for f in features] == expected
    assert [f["complaints"] for f in features] == [given_back(events) for events in all_stories]
    assert [f["orders_total"] for f in features] == purchases
    assert [o.margin_cents for o in outcomes] == expected
    assert [o.n_responses for o in outcomes] == purchases
    assert [means[c.pk] for c in customers] == pytest.approx(
        [mean_purchase(events) for events in all_stories]
    )
    assert [sums.get(c.pk, (0, 0))[0] for c in customers] == expected
    assert report.value.total == pytest.approx(sum(expected))
    assert report.orders.total == sum(purchases)
    values = so_far.rows["value_cents"] - so_far.exposure * so_far.rows["clv_change_cents"]
    assert sorted(values.tolist()) == pytest.approx(sorted(expected))


@pytest.mark.parametrize(
    ("kind", "cents"), [("return", 30), ("return", -30), ("refund", 30), ("order", -30)]
)
def test_an_order_of_100_less_30_given_back_is_70_whatever_the_file_wrote(kind, cents):
    """A credit note, an order below zero, is neither a purchase nor a conversion."""
    ensure_partitions("journeys_outcome", DAY, CLOSED)
    anna = make_customer()
    make_contact(anna, make_action(make_campaign(goal=make_goal(window_days=WINDOW))))
    tell(anna, [(1, "order", 10_000), (3, kind, cents * 100)])

    build = build_state(CLOSED)
    measure_outcomes(CLOSED)

    features = features_of(anna.states.get(as_of=CLOSED), build)
    outcome = Outcome.objects.get()
    assert features["margin_90d_cents"] == outcome.margin_cents == 7_000
    assert features["orders_total"] == outcome.n_responses == 1
    assert features["recency_days"] == (CLOSED - DAY).days - 1
    assert features["mean_order_cents"] == 10_000


FILE = """customer,date,kind,amount,id
A,{d1},order,100,1
A,{d2},return,30,2
B,{d1},order,100,3
B,{d2},return,-30,4
C,{d1},order,100,5
C,{d2},order,-30,6
D,{d1},order,100,7
D,{d2},refund,30,8
"""


def test_a_file_with_returns_in_two_signs_is_70_in_features_and_outcomes(tmp_path):
    ensure_partitions("journeys_outcome", DAY, CLOSED)
    action = make_action(make_campaign(goal=make_goal(window_days=WINDOW)))
    customers = [make_customer(external_id=name) for name in "ABCD"]
    for customer in customers:
        make_contact(customer, action)
    days = {"d1": DAY + timedelta(days=1), "d2": DAY + timedelta(days=2)}
    job = import_text(
        tmp_path, FILE.format(**days), kind="events", source="shop", at=NOW + timedelta(days=5)
    )
    assert counts(job)[1] == 8

    build = build_state(CLOSED)
    measure_outcomes(CLOSED)

    states = [features_of(c.states.get(as_of=CLOSED), build) for c in customers]
    assert [state["margin_90d_cents"] for state in states] == [7_000] * 4
    assert list(Outcome.objects.values_list("margin_cents", flat=True)) == [7_000] * 4


def test_no_query_of_its_own_knows_what_a_return_is():
    """IS_RETURN and its relatives are the only ones: a new report must ask them."""
    places = [
        str(path)
        for app in ("segments", "campaigns", "journeys", "reports")
        for path in Path(app).rglob("*.py")
        if "migrations" not in path.parts
        and re.search(r"kind\s*(=|IN|<>|!=)\s*\(?'[^)\n]*return'", path.read_text())
    ]
    assert places == ["segments/event_money.py"]


def test_a_kind_that_the_engine_knows_cannot_be_a_return():
    organisation = Organisation.current()
    organisation.return_kinds = ["Refund ", "visit"]

    with pytest.raises(ValidationError, match="visit cannot be a return"):
        organisation.full_clean()

    organisation.return_kinds = ["Refund ", "return", ""]
    organisation.clean()
    assert organisation.return_kinds == ["refund"]

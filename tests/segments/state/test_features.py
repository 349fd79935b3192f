"""Features as of a day, counted by hand."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from segments.feature_catalogue import BUILT_IN
from segments.models import Customer, CustomerState, FeatureDefinition, FeatureSet, Organisation
from segments.state.build_state import build_state
from segments.state.features import FeatureError, feature_values
from tests.factories import make_customer
from tests.segments.stories import AS_OF, days_before, event, features_of, store

pytestmark = pytest.mark.django_db

# 2026-03-01 begins at 23:00 UTC of the day before in Berlin, and 30 days before it, in winter, too.
BERLIN_START = datetime(2026, 2, 28, 23, tzinfo=UTC)


def built_features(customer, *, as_of=AS_OF):
    build = build_state(as_of)
    return features_of(CustomerState.objects.get(customer=customer, as_of=as_of), build)


def test_a_customers_story_gives_the_features_counted_by_hand():
    anna = make_customer(registered_on=date(2025, 2, 1), birth_date=date(1986, 3, 2))
    store(
        event(anna, "order", days_before(400), amount_cents=10_000),
        event(anna, "order", days_before(100), amount_cents=2_000),
        event(anna, "order", days_before(20), amount_cents=3_000),
        event(anna, "return", days_before(10), amount_cents=500),
        event(anna, "visit", days_before(3)),
        event(anna, "visit", days_before(31)),
        event(anna, "open", days_before(89)),
        event(anna, "click", days_before(91)),
    )

    assert built_features(anna) == {
        "recency_days": 20,
        "orders_total": 3,
        "orders_30d": 1,
        "orders_90d": 1,
        "orders_365d": 2,
        "margin_90d_cents": 2_500,  # 3,000 less the 500 that went back
        "margin_365d_cents": 4_500,
        "mean_order_cents": 5_000,
        "tenure_days": 400,  # the first order; registration came later
        "visits_30d": 1,
        "days_since_visit": 3,
        "opens_90d": 1,
        "clicks_90d": 0,
        "age_years": 39,  # forty tomorrow
    }


@pytest.mark.parametrize("amount_cents", [500, -500])
def test_a_return_lessens_the_margin_with_either_sign(amount_cents):
    anna = make_customer()
    store(
        event(anna, "order", days_before(5), amount_cents=2_000),
        event(anna, "return", days_before(4), amount_cents=amount_cents),
    )

    assert built_features(anna)["margin_90d_cents"] == 1_500


def test_a_window_ends_before_the_day_and_holds_whole_days_of_the_organisations_zone():
    Organisation.objects.create(pk=1, time_zone="Europe/Berlin")
    second = timedelta(seconds=1)
    window_start = BERLIN_START - timedelta(days=30)
    early, first, last, late = (make_customer() for _ in range(4))
    store(
        event(early, "visit", window_start - second),
        event(first, "visit", window_start),
        event(last, "visit", BERLIN_START - second),
        event(late, "visit", BERLIN_START),
    )

    build = build_state(AS_OF)

    row_of = {
        state.customer_id: features_of(state, build)
        for state in CustomerState.objects.filter(as_of=AS_OF)
    }
    visits = [row_of[c.pk]["visits_30d"] for c in (early, first, last, late)]
    days = [row_of[c.pk]["days_since_visit"] for c in (early, first, last, late)]
    assert visits == [0, 1, 1, 0]
    assert days[:3] == [31, 30, 1]
    assert np.isnan(days[3])


def test_what_happens_on_the_day_itself_is_not_known_when_it_begins():
    anna = make_customer()
    store(event(anna, "order", days_before(5), amount_cents=1_000))
    before = built_features(anna)
    store(event(anna, "order", days_before(0), amount_cents=9_000))

    assert built_features(anna) == pytest.approx(before, nan_ok=True)


def test_what_never_happened_is_zero_times_and_an_unknown_number_of_days_ago():
    stranger = make_customer()

    features = built_features(stranger)

    unknown = {name for name, value in features.items() if np.isnan(value)}
    assert unknown == {
        "recency_days", "mean_order_cents", "tenure_days", "days_since_visit", "age_years",
    }  # fmt: skip
    assert {features[name] for name in features.keys() - unknown} == {0}


def test_who_registers_later_is_not_there_yet():
    today = make_customer(registered_on=AS_OF)
    make_customer(registered_on=AS_OF + timedelta(days=1))

    assert built_features(today)["tenure_days"] == 0
    assert CustomerState.objects.filter(as_of=AS_OF).count() == 1


def test_features_that_users_define_follow_the_built_in_ones_by_name():
    define = FeatureDefinition.objects.create
    define(
        name="shoe_orders",
        label="Shoe orders",
        aggregate="count",
        event_kind="order",
        window_days=90,
        property_name="category",
        property_value="it's 100% shoes",
    )
    define(name="all_points", label="Points", aggregate="sum", event_kind="points")
    define(
        name="coupon_days",
        label="Days since a coupon",
        aggregate="days_since",
        event_kind="order",
        property_name="coupon",
    )
    define(name="off", label="Off", aggregate="count", event_kind="order", is_active=False)
    anna = make_customer()
    shoes = {"category": "it's 100% shoes"}
    store(
        event(anna, "order", days_before(90), properties=shoes),
        event(anna, "order", days_before(91), properties=shoes),
        event(anna, "order", days_before(7), properties={"category": "hats", "coupon": None}),
        event(anna, "order", days_before(6)),
        event(anna, "points", days_before(800), amount_cents=30),
        event(anna, "points", days_before(1), amount_cents=-10),
        event(anna, "points", days_before(1)),
    )

    features = built_features(anna)

    assert list(features)[len(BUILT_IN) :] == ["all_points", "coupon_days", "shoe_orders"]
    assert [features[name] for name in ("all_points", "coupon_days", "shoe_orders")] == [20, 7, 1]


@pytest.mark.parametrize(
    ("born", "years"),
    [
        (date(2000, 3, 1), 26),  # today
        (date(2000, 3, 2), 25),
        (date(2004, 2, 29), 22),
        (AS_OF, 0),
        (AS_OF + timedelta(days=1), np.nan),
        (date(1905, 3, 2), 120),
        (date(1905, 3, 1), np.nan),
        (date(1604, 3, 1), np.nan),  # a birthday without a year
        (date(1900, 1, 1), np.nan),  # what forms put where nothing was said
        (None, np.nan),
    ],
)
def test_an_age_in_whole_years_or_none_where_none_can_be(born, years):
    anna = make_customer(birth_date=born)

    assert built_features(anna)["age_years"] == pytest.approx(years, nan_ok=True)


@pytest.mark.parametrize(
    ("attribute", "number", "is_gold"),
    [
        (3, 3, 0),
        (-2.5, -2.5, 0),
        ("12.50", 12.5, 0),
        (True, 1, 0),
        ("False", 0, 0),
        ("gold", np.nan, 1),
        ("Gold", np.nan, 0),
        ("", np.nan, np.nan),
        (None, np.nan, np.nan),
        (["gold"], np.nan, np.nan),
        (10**400, np.nan, 0),  # beyond what a float holds
        ("1e400", np.nan, 0),
        ("NaN", np.nan, 0),
    ],
)
def test_an_attribute_is_a_number_a_truth_value_or_one_value_of_several(attribute, number, is_gold):
    define = FeatureDefinition.objects.create
    define(name="level", label="Level", aggregate="attribute", property_name="the 'level'")
    define(
        name="level_gold",
        label="Gold",
        aggregate="attribute",
        property_name="the 'level'",
        property_value="gold",
    )
    anna = make_customer(attributes={"the 'level'": attribute})
    nobody = make_customer()

    build = build_state(AS_OF)

    values = [
        features_of(CustomerState.objects.get(customer=customer), build)
        for customer in (anna, nobody)
    ]
    assert [values[0]["level"], values[0]["level_gold"]] == pytest.approx(
        [number, is_gold], nan_ok=True
    )
    assert np.isnan([values[1]["level"], values[1]["level_gold"]]).all()


def test_an_attribute_that_changes_later_leaves_the_days_that_were_built():
    FeatureDefinition.objects.create(
        name="level", label="Level", aggregate="attribute", property_name="level"
    )
    anna = make_customer(attributes={"level": 1})
    first = build_state(AS_OF)
    Customer.objects.update(attributes={"level": 2})

    second = build_state(AS_OF + timedelta(days=1))

    states = CustomerState.objects.filter(customer=anna).order_by("as_of")
    levels = [
        features_of(state, b)["level"] for state, b in zip(states, (first, second), strict=True)
    ]
    assert levels == [1, 2]


@pytest.mark.parametrize(
    "fields",
    [
        {"aggregate": "attribute"},
        {"aggregate": "attribute", "property_name": "level", "event_kind": "order"},
        {"aggregate": "attribute", "property_name": "level", "window_days": 30},
        {"aggregate": "count", "property_name": "level"},
    ],
)
def test_a_feature_is_of_events_or_of_an_attribute(fields):
    with pytest.raises(
        ValidationError,
        match="enter its name as the property and leave event kind",
    ):
        FeatureDefinition(name="level", label="Level", **fields).full_clean()


def test_a_feature_set_is_shared_by_days_and_a_new_feature_makes_another():
    make_customer()
    first, second = build_state(AS_OF), build_state(AS_OF + timedelta(days=1))
    FeatureDefinition.objects.create(
        name="calls", label="Calls", aggregate="count", event_kind="call"
    )
    third = build_state(AS_OF + timedelta(days=2))

    assert first.feature_set == second.feature_set != third.feature_set
    assert FeatureSet.objects.count() == 2


def test_a_users_feature_cannot_take_the_name_of_a_built_in_one():
    definition = FeatureDefinition(
        name="visits_30d", label="Mine", aggregate="count", event_kind="visit"
    )
    with pytest.raises(ValidationError, match="A built-in feature already has this name"):
        definition.full_clean()
    definition.save()

    with pytest.raises(FeatureError, match="“visits_30d” has the same name as a built-in feature"):
        build_state(AS_OF)


def test_a_page_shows_features_by_their_labels_even_when_the_definition_is_gone():
    definition = FeatureDefinition.objects.create(
        name="calls", label="Calls to us", aggregate="count", event_kind="call"
    )
    anna = make_customer()
    store(event(anna, "call", days_before(2)))
    build_state(AS_OF)
    state = CustomerState.objects.get()

    assert feature_values(state)[-1] == ("Calls to us", 1)
    assert feature_values(state)[1] == ("Orders", 0)
    definition.delete()
    assert feature_values(state)[-1] == ("calls", 1)

"""The state of a day: stages, values, segments, moves, and building it again."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from journeys.models import DecisionRun
from segments.models import (
    ClvModel,
    Customer,
    CustomerState,
    FeatureDefinition,
    MicroSegment,
    Organisation,
    Segmentation,
    SegmentMove,
    Stage,
    StateBuild,
)
from segments.state.build_state import build_state
from tests.factories import NOW, make_customer
from tests.segments.stories import AS_OF, days_before, event, store

pytestmark = [pytest.mark.django_db, pytest.mark.long]

DAY = timedelta(days=1)
COLUMNS = ("customer_id", "stage", "micro_segment_id", "clv_cents", "p_alive", "features")


def rows(as_of):
    states = CustomerState.objects.filter(as_of=as_of).order_by("customer_id").values_list(*COLUMNS)
    return [tuple(map(repr, row)) for row in states]  # NaN equals itself as text


def two_kinds_of_buyers(n=40):
    """n who buy often and little, n who buy seldom and much, and n who stopped, of both kinds.

    The first two kinds go on buying for four weeks after AS_OF.
    """
    rng = np.random.default_rng(1)
    frequent, seldom, gone = ([make_customer() for _ in range(n)] for _ in range(3))
    events = []

    def buys(customer, *, last, first, gap_days, cents):
        mean_cents = cents * rng.lognormal(0, 0.3)
        day = last
        while day < first:
            amount = int(mean_cents * rng.lognormal(0, 0.1))
            events.append(event(customer, "order", days_before(int(day)), amount_cents=amount))
            day += 1 + rng.exponential(gap_days)

    for customer in frequent:
        buys(customer, last=-28 + rng.exponential(12), first=360, gap_days=12, cents=2_000)
    for customer in seldom:
        buys(customer, last=-28 + rng.exponential(60), first=360, gap_days=60, cents=12_000)
    for index, customer in enumerate(gone):
        last = rng.uniform(200, 350)
        buys(customer, last=last, first=360, gap_days=(12, 100)[index % 2], cents=5_000)
    store(*events)
    return frequent, seldom


@pytest.mark.parametrize(
    ("order_days", "stage"),
    [
        ([], Stage.PROSPECT),
        ([1], Stage.NEW),
        ([30], Stage.NEW),
        ([31], Stage.ACTIVE),
        ([31, 2], Stage.ACTIVE),
        ([90], Stage.ACTIVE),
        ([91], Stage.AT_RISK),
        ([180], Stage.AT_RISK),
        ([181], Stage.LAPSED),
        ([500, 320], Stage.LAPSED),
        ([270, 90], Stage.ACTIVE),  # a gap of 180 days is not yet a lapse
        ([271, 90], Stage.REACTIVATED),
        ([272, 91], Stage.AT_RISK),
        ([400, 50, 10], Stage.ACTIVE),  # back for good
    ],
)
def test_the_stage_follows_from_the_days_since_orders(order_days, stage):
    anna = make_customer()  # new 30, at risk 90, lapsed 180 days: the defaults
    if order_days:
        store(*(event(anna, "order", days_before(day), amount_cents=1) for day in order_days))

    build_state(AS_OF)

    assert CustomerState.objects.get().stage == stage


def test_the_organisation_sets_the_stages_borders():
    Organisation.objects.create(pk=1, new_days=3, at_risk_days=5, lapsed_days=8)
    customers = [make_customer() for _ in range(4)]
    for customer, day in zip(customers, (3, 5, 8, 9), strict=True):
        store(event(customer, "order", days_before(day)))

    build_state(AS_OF)

    stages = CustomerState.objects.order_by("customer_id").values_list("stage", flat=True)
    assert list(stages) == [Stage.NEW, Stage.ACTIVE, Stage.AT_RISK, Stage.LAPSED]


def test_every_customer_is_in_exactly_one_living_segment_of_the_own_stage():
    two_kinds_of_buyers()
    for day in (None, 1, 100, 300):
        customer = make_customer()
        if day:
            store(event(customer, "order", days_before(day), amount_cents=700))

    build = build_state(AS_OF)

    states = CustomerState.objects.filter(as_of=AS_OF).select_related("micro_segment")
    assert build.n_customers == len(states) == len({state.customer_id for state in states}) == 124
    for state in states:
        assert state.micro_segment.stage == state.stage
        assert state.micro_segment.retired_on is None
    assert set(MicroSegment.objects.values_list("stage", flat=True)) == set(Stage.values)


def test_customers_who_behave_differently_get_different_segments_and_keep_them_over_a_refit():
    frequent, seldom = two_kinds_of_buyers(n=80)
    build = build_state(AS_OF)

    def segment_of_most(customers, as_of):
        states = CustomerState.objects.filter(as_of=as_of, customer__in=customers, stage="active")
        counts = Counter(states.values_list("micro_segment", flat=True))
        ((segment, n_customers),) = counts.most_common(1)
        assert n_customers > 0.9 * counts.total()
        return segment

    of_frequent, of_seldom = (segment_of_most(kind, AS_OF) for kind in (frequent, seldom))
    assert of_frequent != of_seldom
    assert "frequent" in MicroSegment.objects.get(pk=of_frequent).name
    later = AS_OF + 28 * DAY
    rebuilt = build_state(later)

    assert build.segmentation != rebuilt.segmentation
    assert segment_of_most(frequent, later) == of_frequent
    assert segment_of_most(seldom, later) == of_seldom
    assert not MicroSegment.objects.exclude(retired_on=None).exists()


def test_a_segment_whose_customers_are_gone_is_retired_and_its_id_not_given_away():
    frequent, _ = two_kinds_of_buyers(n=80)
    build_state(AS_OF)
    before = set(MicroSegment.objects.filter(stage="active").values_list("pk", flat=True))
    later = AS_OF + 28 * DAY
    Customer.objects.filter(pk__in=[customer.pk for customer in frequent]).delete()
    build_state(later)

    active = MicroSegment.objects.filter(stage="active")
    assert len(before) == 2
    assert active.filter(retired_on=None).count() == 1
    assert set(active.filter(retired_on=later).values_list("pk", flat=True)) <= before


def test_between_refits_the_fits_stay_as_they_are():
    two_kinds_of_buyers()

    first, last = build_state(AS_OF), build_state(AS_OF + 27 * DAY)

    assert first.segmentation == last.segmentation
    assert first.clv_model == last.clv_model is not None


def test_a_move_is_kept_with_its_day():
    anna, ben = make_customer(), make_customer()
    store(
        event(anna, "order", days_before(90), amount_cents=500),
        event(ben, "order", days_before(40), amount_cents=500),
    )
    build_state(AS_OF)
    build_state(AS_OF + DAY)

    moves = SegmentMove.objects.order_by("moved_on", "customer_id")
    first_of_anna, first_of_ben, at_risk = moves
    assert [first_of_anna.origin, first_of_ben.origin] == [None, None]
    assert (at_risk.customer, at_risk.moved_on) == (anna, AS_OF + DAY)
    assert at_risk.origin == first_of_anna.target
    assert at_risk.target.stage == Stage.AT_RISK


def test_batches_change_nothing_and_tell_how_far_they_are(monkeypatch):
    two_kinds_of_buyers(n=40)
    store(event(make_customer(), "order", days_before(50)))  # of an unknown amount
    build_state(AS_OF)
    states = CustomerState.objects.order_by("customer_id")
    segments, values = (list(states.values_list(name, flat=True)) for name in COLUMNS[2:4])
    steps = []
    monkeypatch.setattr("segments.state.build_state.BATCH", 50)

    build = build_state(AS_OF, progress=lambda *done_of: steps.append(done_of))

    assert build.clv_model is not None
    assert steps == [(50, 121), (100, 121), (121, 121)]
    assert list(states.values_list("micro_segment_id", flat=True)) == segments
    assert list(states.values_list("clv_cents", flat=True)) == pytest.approx(values, rel=1e-12)


def test_building_a_day_again_with_nothing_new_changes_nothing():
    two_kinds_of_buyers()
    build_state(AS_OF)
    build_state(AS_OF + DAY)
    before = rows(AS_OF), rows(AS_OF + DAY), SegmentMove.objects.count()

    build_state(AS_OF)

    assert (rows(AS_OF), rows(AS_OF + DAY), SegmentMove.objects.count()) == before
    assert StateBuild.objects.count() == 2
    assert (ClvModel.objects.count(), Segmentation.objects.count()) == (1, 1)


def test_building_a_day_again_takes_in_late_events_and_mends_the_moves_of_the_next_day():
    anna = make_customer()
    store(event(anna, "order", days_before(40), amount_cents=500))
    build_state(AS_OF)
    build_state(AS_OF + DAY)
    store(event(make_customer(), "order", days_before(100)))  # came late, by a file
    build_state(AS_OF)

    assert CustomerState.objects.filter(as_of=AS_OF).count() == 2
    assert list(SegmentMove.objects.values_list("moved_on", flat=True)) == [AS_OF, AS_OF]
    assert SegmentMove.objects.filter(moved_on=AS_OF + DAY).count() == 0


def test_a_day_that_decisions_rest_on_stays_as_it_was():
    anna = make_customer()
    build = build_state(AS_OF)
    DecisionRun.objects.create(as_of=AS_OF, decided_at=NOW, seed=1, state=build)
    before = rows(AS_OF)
    store(event(anna, "order", days_before(3), amount_cents=500))

    assert build_state(AS_OF) == build
    assert rows(AS_OF) == before


def test_a_small_base_is_valued_by_what_buyers_brought():
    Organisation.objects.create(pk=1, clv_horizon_weeks=52, yearly_discount=0)
    anna, ben, carl = (make_customer() for _ in range(3))
    store(
        event(anna, "order", days_before(10), amount_cents=7_300),
        event(ben, "order", days_before(200), amount_cents=3_650),
        event(ben, "order", days_before(400), amount_cents=99_999),  # more than a year ago
    )

    build = build_state(AS_OF)

    by_customer = {state.customer_id: state for state in CustomerState.objects.all()}
    # 5,475 cents in 365 days are 15 a day, over 52 weeks of 7 days.
    assert build.clv_model is None
    assert by_customer[anna.pk].clv_cents == pytest.approx(15 * 364)
    assert by_customer[ben.pk].clv_cents == pytest.approx(15 * 364)
    assert by_customer[carl.pk].clv_cents == 0
    assert by_customer[anna.pk].p_alive is None


def test_the_command_says_what_is_wrong_with_a_feature():
    FeatureDefinition.objects.create(
        name="orders_30d", label="Mine", aggregate="count", event_kind="order"
    )

    with pytest.raises(CommandError, match="“orders_30d” has the same name as a built-in feature"):
        call_command("build_state", "--as-of", "2026-03-01")


def test_the_command_prints_the_day(capsys):
    make_customer()

    call_command("build_state", "--as-of", "2026-03-01", "--days", "2")

    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed["as_of"] == "2026-03-02"
    assert (printed["n_customers"], printed["n_prospect"]) == ("1", "1")

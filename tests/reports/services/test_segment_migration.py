"""The matrix of moves, counted by hand from the history, and its values."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.testing import assert_allclose

from journeys.merges.merge_customers import merge_customers, undo_merge
from optiengine.lib.partitions import ensure_partitions
from reports.errors import ReportError
from reports.numerics.migration import horizon_value
from reports.services import segment_migration as service
from reports.services.segment_migration import segment_migration
from segments.models import (
    Customer,
    CustomerState,
    FeatureSet,
    MicroSegment,
    Organisation,
    Segmentation,
    SegmentMove,
    StateBuild,
)
from tests.factories import make_customer
from tests.segments.stories import event, store

pytestmark = pytest.mark.django_db

FIRST = date(2026, 1, 10)
BERLIN = ZoneInfo("Europe/Berlin")


def day(number):
    return FIRST + timedelta(days=number)


def at(number, hour=12):
    return datetime.combine(day(number), datetime.min.time(), BERLIN) + timedelta(hours=hour)


def build(number):
    features, _ = FeatureSet.objects.get_or_create(names=["a"], defaults={"created_on": FIRST})
    segmentation = Segmentation.objects.create(fitted_on=FIRST, feature_set=features, clusters={})
    return StateBuild.objects.create(
        as_of=day(number), feature_set=features, segmentation=segmentation, n_customers=0
    )


def segment(stage, name="all"):
    return MicroSegment.objects.create(stage=stage, name=name, created_on=FIRST)


def history(customer, *moves):
    """moves : (day, segment), in order."""
    origin = None
    for number, target in moves:
        SegmentMove.objects.create(
            customer=customer, origin=origin, target=target, moved_on=day(number)
        )
        origin = target


@pytest.fixture
def organisation():
    return Organisation.objects.create(pk=1, time_zone="Europe/Berlin", clv_horizon_weeks=8)


def test_moves_between_two_days_and_margins_are_those_of_the_stories(organisation):
    active, lapsed = segment("active"), segment("lapsed")
    anna, bert, cleo, dora, emil = (make_customer() for _ in range(5))
    history(anna, (0, active))
    # As on the days, not between.
    history(bert, (0, active), (5, lapsed), (9, active), (27, lapsed))
    history(cleo, (0, lapsed), (40, active))
    history(dora, (30, active))  # new in the second period
    history(emil, (0, active))
    Customer.objects.filter(pk=emil.pk).update(erased_at=at(30))  # left in the second
    build(56)
    store(
        event(anna, "order", at(0, 0), amount_cents=1_000),
        event(anna, "return", at(27, 23.9), amount_cents=300),
        event(bert, "order", at(28, 0), amount_cents=5_000),  # when already lapsed
        event(cleo, "order", at(55, 23.9), amount_cents=40),
        event(cleo, "order", at(56, 0), amount_cents=9_999),  # after the last day's begin
        event(dora, "order", at(31), amount_cents=777),  # nowhere when the period began
        event(anna, "visit", at(3)),
    )

    report = segment_migration(as_of=day(60))

    assert report.days == [day(0), day(28), day(56)]
    assert [row.segment for row in report.rows] == [active, lapsed]
    # Active: anna, bert, emil, then anna and emil; lapsed: cleo, then bert and cleo.
    assert report.counts.tolist() == [[3, 1, 1], [1, 2, 0]]
    assert [row.n_observed for row in report.rows] == [5, 3]
    assert [row.n_new for row in report.rows] == [1, 0]
    assert report.has_left
    # One segment a stage: its own mean is its stage's, and one customer's worth is added to rows.
    assert_allclose([row.margin_cents for row in report.rows], [700 / 5, 5_040 / 3])
    assert report.chain.strength == 1
    assert all(row.is_thin for row in report.rows)
    # Eight weeks are two periods.
    discount = 1.1 ** (-28 / 365.25)
    by_hand = horizon_value(
        report.chain.transition, report.chain.margin_cents * discount**0.5, discount, 2
    )
    assert_allclose([row.chain.estimate for row in report.rows], by_hand)
    assert all(row.chain.low < row.chain.estimate < row.chain.high for row in report.rows)


def test_a_merged_record_moves_as_itself_before_and_as_the_other_after(organisation):
    active, lapsed = segment("active"), segment("lapsed")
    kept, alias, back = (make_customer() for _ in range(3))
    history(kept, (0, active))
    history(alias, (0, lapsed))
    history(back, (0, lapsed))
    build(84)
    merge_customers(kept, alias, at=at(40), by=None)
    undo_merge(merge_customers(kept, back, at=at(45), by=None), at=at(50), by=None)
    store(
        event(alias, "order", at(5), amount_cents=1_000),
        event(kept, "order", at(30), amount_cents=20),
        event(alias, "order", at(31), amount_cents=300),  # in the period that ends merged
        event(alias, "order", at(60), amount_cents=4),
    )

    report = segment_migration(as_of=day(84))

    assert [row.segment for row in report.rows] == [active, lapsed]
    # Active: kept three times; lapsed: alias once, the one who was separated again three times.
    assert report.counts.tolist() == [[3, 0, 0], [0, 4, 0]]
    assert_allclose([row.margin_cents for row in report.rows], [324 / 3, 1_000 / 4])
    assert not report.has_left


def test_the_models_values_are_shown(organisation):
    active = segment("active")
    state = build(28)
    ensure_partitions("segments_customerstate", state.as_of, state.as_of)
    for clv_cents in (100, 300):
        anna = make_customer()
        history(anna, (0, active))
        CustomerState.objects.create(
            as_of=state.as_of, customer=anna, stage="active", micro_segment=active,
            features=[0], clv_cents=clv_cents,
        )  # fmt: skip
    store(event(anna, "order", at(1), amount_cents=600))

    (row,) = segment_migration(as_of=day(28)).rows

    assert (row.n_now, row.model_cents, row.margin_cents) == (2, 200, 300)
    # Nobody moves, so two periods of 300 each, discounted from their middles.
    g = 1.1 ** (-28 / 365.25)
    assert row.chain.estimate == pytest.approx(300 * g**0.5 * (1 + g))
    assert row.difference.estimate == pytest.approx(row.chain.estimate - 200)
    assert row.lifetime_cents == pytest.approx(300 * g**0.5 / (1 - g))


def test_the_report_begins_on_the_requested_day(organisation):
    history(make_customer(), (0, segment("active")))
    build(100)

    report = segment_migration(as_of=day(100), since=day(50), period_days=7)

    assert report.days[0] == day(51)
    assert len(report.days) == 8
    assert report.rows[0].n_observed == 7


def test_a_sample_of_many_customers_says_so(organisation, monkeypatch):
    active = segment("active")
    for _ in range(40):
        history(make_customer(), (0, active))
    build(28)
    monkeypatch.setattr(service, "MOST_CUSTOMERS", 10)

    report = segment_migration(as_of=day(28))

    assert report.sampled == 4
    assert 0 < report.rows[0].n_observed < 40


def test_what_there_is_not_is_said(organisation):
    with pytest.raises(ReportError, match="There is no customer data yet, so there are no moves"):
        segment_migration(as_of=day(0))
    history(make_customer(), (0, segment("active")))
    build(27)
    with pytest.raises(ReportError, match="no full period of 28 days"):
        segment_migration(as_of=day(27))


def test_lines_hold_no_nan(organisation):
    history(make_customer(), (0, segment("active")), (28, segment("lapsed")))
    build(28)

    lines = list(segment_migration(as_of=day(28)).lines())

    assert [line["segment"] for line in lines] == ["all", "all"]
    assert lines[0]["to lapsed: all"] > 0.5
    assert all(not isinstance(v, float) or np.isfinite(v) for line in lines for v in line.values())

"""The back-test of customer value, from events: CDNOW's published figures, and what is refused."""

import json
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from numpy.testing import assert_allclose

from journeys.merges.merge_customers import merge_customers
from reports.errors import ReportError
from reports.services.clv_backtest import clv_backtest
from segments.models import ClvModel, CustomerState, Organisation
from tests.factories import make_customer
from tests.segments.cdnow import store_cdnow
from tests.segments.stories import days_before, event, store

pytestmark = pytest.mark.django_db

BEGIN, END = date(2026, 1, 1), date(2026, 3, 2)
AUTUMN, SUMMER = date(1997, 10, 1), date(1998, 7, 1)  # after weeks 39 and 78


@pytest.mark.shared_data
def test_cdnow_by_frequency_is_as_published(capsys):
    # Fader, Hardie & Lee (2005), figure 6: weeks 40 to 78, by repeat purchases in weeks 1 to 39.
    store_cdnow()

    report = clv_backtest(as_of=AUTUMN, until=SUMMER)

    assert report.weeks == 39
    assert report.n_customers == sum(group.n for group in report.deciles) == 2_357
    assert [group.label for group in report.frequencies] == [*"0123456", "7+"]
    assert_allclose(
        [group.actual_purchases.mean for group in report.frequencies],
        [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359],
        atol=5e-4,
    )
    assert_allclose(
        [group.predicted_purchases for group in report.frequencies],
        [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157],
        atol=2e-3,
    )
    # Of the file: 1,882 days with a purchase, for 70,976.39 dollars in all.
    assert report.purchases.actual_total == 1_882
    assert report.value.actual_total == pytest.approx(7_097_639)
    # Nothing is left behind.
    assert not ClvModel.objects.exists()
    assert not CustomerState.objects.exists()

    call_command("clv_backtest", "--as-of", str(AUTUMN), "--until", str(SUMMER), "--json")
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["n_customers"] == 2_357
    assert figures["purchases"]["actual_total"] == 1_882
    assert [row["group"] for row in figures["groups"]] == [
        *map(str, range(1, 11)), *"0123456", "7+",
    ]  # fmt: skip
    call_command("clv_backtest", "--as-of", str(AUTUMN), "--until", str(SUMMER))
    assert "repeats 7+" in capsys.readouterr().out


def make_buyers(n=80):
    """Customers with one to five orders of different sizes in 2025, none after."""
    customers = [make_customer() for _ in range(n)]
    orders = [
        event(
            customer,
            "order",
            days_before(5 + 31 * index + number % 23, as_of=BEGIN),
            amount_cents=1_000 + 137 * (number % 11) + 50 * index,
        )
        for number, customer in enumerate(customers)
        for index in range(1 + number % 5)
    ]
    store(*orders)
    return customers


def test_what_came_is_margin_on_the_days_between_and_counts_days_with_an_order():
    anna, bert, cleo, *_ = make_buyers()
    midnight = days_before(0, as_of=BEGIN) - timedelta(hours=12)
    second = timedelta(seconds=1)
    store(
        event(anna, "order", midnight, amount_cents=500),
        event(anna, "order", midnight + timedelta(hours=20), amount_cents=300),
        event(anna, "return", days_before(-30, as_of=BEGIN), amount_cents=200),
        event(bert, "order", midnight + timedelta(days=60) - second, amount_cents=None),
        event(cleo, "order", midnight + timedelta(days=60), amount_cents=9_999),  # END: too late
        event(make_customer(), "order", days_before(-9, as_of=BEGIN), amount_cents=7_777),  # new
    )

    report = clv_backtest(as_of=BEGIN, until=END)

    assert report.n_customers == 80
    assert report.purchases.actual_total == 2  # two baskets of one day are one purchase
    assert report.value.actual_total == 600
    assert report.n_unvalued == 1
    lines = [line for line in report.lines() if line["by"] == "decile"]
    predicted = sum(line["n_customers"] * line["predicted_cents"] for line in lines)
    assert predicted == pytest.approx(report.value.predicted_total)


def test_records_that_are_one_person_by_now_are_one_customer_all_along():
    anna, bert, cleo, *_ = make_buyers()
    store(
        event(anna, "order", days_before(-9, as_of=BEGIN), amount_cents=500),
        event(bert, "order", days_before(-9, as_of=BEGIN), amount_cents=300),
        event(bert, "order", days_before(-12, as_of=BEGIN), amount_cents=100),
        event(cleo, "visit", days_before(-60, as_of=BEGIN)),
    )
    merge_customers(anna, bert, at=days_before(-20, as_of=BEGIN), by=None)

    report = clv_backtest(as_of=BEGIN, until=END)

    assert report.n_customers == 79
    assert report.purchases.actual_total == 2  # two of them on one day
    assert report.value.actual_total == 900


def test_the_day_is_of_the_organisations_zone():
    Organisation.objects.create(pk=1, time_zone="Europe/Berlin")
    anna, *_ = make_buyers()
    midnight = days_before(0, as_of=BEGIN) - timedelta(hours=12)
    store(
        event(anna, "order", midnight - timedelta(minutes=30), amount_cents=500),
        event(anna, "order", midnight - timedelta(minutes=90), amount_cents=70),  # last year there
        event(anna, "visit", days_before(0, as_of=END)),
    )

    assert clv_backtest(as_of=BEGIN, until=END).value.actual_total == 500


def test_what_cannot_be_compared_is_said():
    with pytest.raises(ReportError, match="no events yet"):
        clv_backtest(as_of=BEGIN, until=END)
    store(event(make_customer(), "order", days_before(1, as_of=END), amount_cents=1_000))
    with pytest.raises(ReportError, match=f"before {BEGIN} are too few or too similar"):
        clv_backtest(as_of=BEGIN, until=END)
    with pytest.raises(ReportError, match="Events are only known up to"):
        clv_backtest(as_of=BEGIN, until=END + timedelta(days=1))
    with pytest.raises(
        ReportError, match=f"The end, {BEGIN}, must be after the day of the prediction, {BEGIN}"
    ):
        clv_backtest(as_of=BEGIN, until=BEGIN)
    with pytest.raises(
        CommandError, match=f"The end, {BEGIN}, must be after the day of the prediction, {BEGIN}"
    ):
        call_command("clv_backtest", "--as-of", str(BEGIN), "--until", str(BEGIN))

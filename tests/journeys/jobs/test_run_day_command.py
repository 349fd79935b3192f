"""Which days the command takes without asking: those that can have been meant."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command

from journeys.decisions.queue_run import NEAR_DAYS
from journeys.models import DecisionRun
from segments.models import Organisation
from tests.factories import DAY, NOW
from tests.journeys.engine import make_customers, make_plan

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    make_customers(2)
    make_plan()
    with patch("django.utils.timezone.now", return_value=NOW):
        yield


def run(as_of=None, **options):
    day = {} if as_of is None else {"as_of": as_of}
    call_command("run_day", no_send=True, json=True, **day, **options)


def days_run():
    return list(DecisionRun.objects.daily().order_by("as_of").values_list("as_of", flat=True))


def test_a_day_that_has_not_begun_is_refused():
    with pytest.raises(CommandError, match="2026-03-02 has not begun: today is 2026-03-01"):
        run(DAY + timedelta(days=1), yes=True)

    assert days_run() == []


def test_the_last_of_several_days_must_have_begun():
    with pytest.raises(CommandError, match="2026-03-02 has not begun"):
        run(DAY - timedelta(days=1), days=3)

    assert days_run() == []


def test_today_is_the_organisations():
    Organisation.objects.update_or_create(pk=1, defaults={"time_zone": "Pacific/Kiritimati"})
    evening = NOW.replace(hour=11)  # there it is the 2nd, 1 a.m.
    with patch("django.utils.timezone.now", return_value=evening):
        run()

    assert days_run() == [DAY + timedelta(days=1)]


@pytest.mark.parametrize("days", [-1, NEAR_DAYS + 1])
def test_a_day_far_from_the_last_one_needs_a_yes(days):
    last = DAY - timedelta(days=20)
    run(last, yes=True)

    with pytest.raises(CommandError, match=r"last day that was run, 2026-02-09\. .*--yes"):
        run(last + timedelta(days=days))
    assert days_run() == [last]

    run(last + timedelta(days=days), yes=True)
    assert len(days_run()) == 2


def test_days_one_after_another_and_a_day_once_more_are_never_far():
    first = DAY - timedelta(days=3)
    run(first)
    run(first + timedelta(days=1), days=3)
    run(first + timedelta(days=1))

    assert days_run() == [first + timedelta(days=n) for n in range(4)]


def test_a_first_day_long_ago_needs_a_yes():
    with pytest.raises(CommandError, match="2025-03-01 is far from today, 2026-03-01"):
        run(DAY.replace(year=2025))

"""On which days a campaign runs."""

from datetime import date, timedelta

import pytest

from campaigns.models import Campaign
from tests.factories import make_campaign


def monthly(*days, **fields):
    return Campaign(
        recurrence="monthly", recurs_on=list(days), starts_on=date(2026, 1, 1), **fields
    )


def days_of(campaign, year):
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    return [day for day in days if day.year == year and campaign.runs_on(day)]


def test_the_31st_is_the_last_day_of_shorter_months():
    ends = [day.day for day in days_of(monthly(31), 2026)]

    assert ends == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


@pytest.mark.parametrize(("day", "february"), [(28, 28), (29, 29), (30, 29), (31, 29)])
def test_february_of_a_leap_year_has_29_days(day, february):
    assert [on.day for on in days_of(monthly(day), 2028) if on.month == 2] == [february]


def test_two_days_that_fall_together_are_one():
    assert [on.day for on in days_of(monthly(29, 30, 31), 2026) if on.month == 2] == [28]


def test_a_campaign_may_skip_the_months_that_lack_its_day():
    skipping = monthly(31, skips_short_months=True)

    assert [day.month for day in days_of(skipping, 2026)] == [1, 3, 5, 7, 8, 10, 12]
    assert date(2026, 2, 28) not in days_of(skipping, 2026)


def test_the_page_names_the_coming_days():
    campaign = monthly(15, 31, ends_on=date(2026, 3, 20))

    assert list(campaign.monthly_days(date(2026, 1, 16))) == [
        date(2026, 1, 31), date(2026, 2, 15), date(2026, 2, 28), date(2026, 3, 15),
    ]  # fmt: skip


@pytest.mark.django_db
def test_what_february_means_is_said_next_to_the_field(admin_client):
    campaign = make_campaign(recurrence="monthly", recurs_on=[31], starts_on=date(2099, 1, 1))

    page = admin_client.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").content.decode()

    assert "31 Jan 2099, 28 Feb 2099, 31 Mar 2099" in page
    assert "in February the 28th or 29th" in page

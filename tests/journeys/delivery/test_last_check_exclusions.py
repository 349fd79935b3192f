"""The check before the hand-over knows both directions of an exclusion: by hand, on a calendar."""

from datetime import UTC, datetime

import pytest

from campaigns.models import Exclusion, Tag
from journeys.delivery.load_limits import load_limits
from journeys.delivery.numerics.last_check import Contacted, Limit, Waiting, hold
from segments.models import Organisation
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db

# 21:00 on 28 February in New York, whose third day ends with 2 March: five hours behind UTC.
SENT_AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
ENDS_AT = datetime(2026, 3, 3, 5, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def new_york():
    Organisation.current()
    Organisation.objects.update(time_zone="America/New_York")


@pytest.fixture
def named():
    return make_campaign(name="Named")


@pytest.fixture
def tag():
    return Tag.objects.create(name="offers")


def held(waiting: tuple, sent: tuple, at: datetime = LATER) -> datetime | None:
    """Until when; each message is (campaign id, tags)."""
    message = Waiting(
        *(waiting[0], "email", waiting[1]),
        takes_slot=True,
        counted=True,
        transactional=False,
        exempt_from_caps=False,
        ignores_durations=False,
        ignores_durations_of=(),
        country="",
        zones=("UTC",),
    )
    contacted = [Contacted(SENT_AT, sent[0], "email", sent[1], True, True, False)]
    limit_hold = hold(load_limits(), message, contacted, at=at)
    assert limit_hold is None or (limit_hold.limit, limit_hold.name) == (Limit.EXCLUSION, "Rest")
    return limit_hold.until if limit_hold else None


@pytest.mark.parametrize("both_ways", [True, False])
def test_a_campaign_and_a_tag(named, tag, both_ways):
    Exclusion.objects.create(
        name="Rest", campaign=named, excluded_tag=tag, days=3, both_ways=both_ways
    )
    of_campaign, offer, neither = (named.pk, ()), (98, (tag.pk,)), (99, ())

    assert held(offer, sent=of_campaign) == ENDS_AT
    assert held(of_campaign, sent=offer) == (ENDS_AT if both_ways else None)
    assert held(of_campaign, sent=of_campaign) is held(offer, sent=offer) is None
    assert (
        held(neither, sent=of_campaign)
        is held(neither, sent=offer)
        is held(of_campaign, sent=neither)
        is None
    )
    assert held(offer, sent=of_campaign, at=ENDS_AT) is None


def test_two_tags(tag):
    other = Tag.objects.create(name="news")
    Exclusion.objects.create(name="Rest", tag=tag, excluded_tag=other, days=3, both_ways=True)
    offer, news, both = (97, (tag.pk,)), (98, (other.pk,)), (99, (tag.pk, other.pk))

    assert held(offer, sent=news) == held(news, sent=offer) == held(both, sent=both) == ENDS_AT
    assert held(offer, sent=offer) is held(news, sent=news) is None

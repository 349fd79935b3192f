"""Exclusions that work both ways, and durations that outlast their campaigns, by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import Exclusion, Tag
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Verdict
from campaigns.services.describe_verdict import VerdictWords
from campaigns.services.load_rulebook import load_rulebook
from tests.campaigns.numerics.test_verdicts import NOW, history, verdicts
from tests.factories import make_action, make_campaign

pytestmark = pytest.mark.django_db

TODAY = NOW.date()


@pytest.fixture
def three():
    """One campaign that is named, two more; the second has the tag."""
    tag = Tag.objects.create(pk=5, name="offers")
    made = [make_campaign(name=name, rank=n, repeat_after_days=0)
            for n, name in enumerate(["Named", "Tagged", "Neither"], start=1)]  # fmt: skip
    for campaign in made:
        make_action(campaign)
    made[1].tags.add(tag)
    return made


def shut_out(rules: Rulebook, **contact) -> list[bool]:
    """For Named, Tagged and Neither, after one contact."""
    return [code >= Verdict.EXCLUDED for code in verdicts(rules, history(contact))]


def days_ago(n: int) -> datetime:
    """At the day's end: an exclusion counts days, not hours."""
    return NOW.replace(hour=23) - timedelta(days=n) if n else NOW


@pytest.mark.parametrize("ago", [0, 1, 2, 3])
@pytest.mark.parametrize("both_ways", [True, False])
def test_both_ways_is_each_by_the_other_for_as_many_days(three, both_ways, ago):
    named, tagged, neither = three
    Exclusion.objects.create(
        name="Rest", campaign=named, excluded_tag_id=5, days=3, both_ways=both_ways
    )
    rules = load_rulebook(TODAY)
    at, is_running = days_ago(ago), ago < 3  # the day of the contact and two more

    assert shut_out(rules, campaign=named.pk, at=at) == [False, is_running, False]
    back = both_ways and is_running
    assert shut_out(rules, campaign=tagged.pk, tags=(5,), at=at) == [back, False, False]
    # Tags count as they were: what had the tag then, and none that has it only now.
    assert shut_out(rules, campaign=neither.pk, tags=(5,), at=at) == [back, False, False]
    assert shut_out(rules, campaign=tagged.pk, at=at) == [False, False, False]


def test_both_ways_within_a_tag_and_from_a_tag_to_a_campaign(three):
    named, tagged, neither = three
    named.tags.add(5)
    Exclusion.objects.create(name="One", tag_id=5, excluded_tag_id=5, days=3, both_ways=True)
    rules = load_rulebook(TODAY)
    assert shut_out(rules, campaign=named.pk, tags=(5,), at=NOW) == [True, True, False]

    Exclusion.objects.update(excluded_tag=None, excluded_campaign=neither)
    rules = load_rulebook(TODAY)
    assert shut_out(rules, campaign=neither.pk, at=NOW) == [True, True, False]
    assert shut_out(rules, campaign=tagged.pk, tags=(5,), at=NOW) == [False, False, True]


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_a_duration_that_outlasts_its_campaign_is_described_as_a_duration(three, status):
    named, *_others = three
    named.status, named.duration_days = status, 9
    named.save()

    rules = load_rulebook(TODAY)
    codes = verdicts(rules, history({"campaign": named.pk, "at": days_ago(8)}))

    assert [VerdictWords(rules)(action, code) for action, code in enumerate(codes)] == [
        "The cool-down of “Named” lasts 9 days."
    ] * 2
    assert Rulebook.from_json(rules.to_json()) == rules
    later = verdicts(rules, history({"campaign": named.pk, "at": days_ago(9)}))
    assert later == [Verdict.ALLOWED] * 2
    assert datetime(2026, 3, 2, 23, tzinfo=UTC) == days_ago(9)

"""What limits count, for many at once and one by one: the same answers."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.numerics.action_flags import ActionFlags
from campaigns.numerics.cap_windows import calendar_days, calendar_days_left, window_of
from campaigns.numerics.counting import (
    belongs_to,
    counts_towards,
    days_left,
    gap_ends_at,
    is_excluded,
    is_in_window,
    is_regular,
    is_stopped_by,
    is_under_gap,
    leaves_window_at,
    respects_duration,
    starts_duration,
    starts_exclusion,
)
from campaigns.numerics.rulebook_entries import (
    ActionEntry,
    CampaignEntry,
    CapEntry,
    ExclusionEntry,
    GapEntry,
)
from optiengine.lib.moments import utc64
from tests.campaigns.numerics.test_verdicts import campaign, cap


@dataclass(frozen=True)
class One:
    """A single message: an action of a campaign."""

    entry: CampaignEntry
    channel: str

    def __getattr__(self, name):
        return getattr(self.entry, name)

    @property
    def counted(self) -> bool:
        return not self.entry.not_counted_by_caps

    def through(self, channel: str) -> bool:
        return channel in ("", self.channel)


flags = st.booleans()
entries = st.builds(
    campaign,
    st.integers(1, 4),
    tags=st.sampled_from([(), (5,), (6,), (5, 6)]),
    in_addition=flags,
    transactional=flags,
    exempt_from_caps=flags,
    not_counted_by_caps=flags,
    ignores_durations=flags,
    ignores_durations_of=st.sampled_from([(), (1,), (1, 2)]),
)
messages = st.lists(st.tuples(entries, st.sampled_from(["email", "sms"])), min_size=1, max_size=5)


@given(
    messages=messages,
    channel=st.sampled_from(["", "email", "sms"]),
    tag=st.sampled_from([None, 5, 6]),
    source=st.sampled_from([(1, None), (2, None), (None, 5)]),
    limit=st.sampled_from([None, 0, 2]),
    counts_transactional=flags,
)
def test_flags_of_many_are_those_of_each(
    messages, channel, tag, source, limit, counts_transactional
):
    cap_entry = CapEntry(
        "cap", channel, tag, limit, "days", 7, counts_transactional=counts_transactional
    )
    gap, exclusion = GapEntry("gap", channel, 5), ExclusionEntry("x", *source, (), 3)
    ones = [One(entry, by) for entry, by in messages]
    many = ActionFlags(
        tuple(entry for entry, _by in messages),
        tuple(ActionEntry(i, i, "a", by, 1.0) for i, (_entry, by) in enumerate(messages)),
    )
    for ask in (
        is_regular,
        lambda who: counts_towards(cap_entry, who),
        lambda who: is_stopped_by(cap_entry, who),
        lambda who: is_under_gap(gap, who),
        lambda who: starts_exclusion(exclusion, who),
        lambda who: is_excluded(belongs_to(*source, who), who),
        lambda who: starts_duration(1, who),
        lambda who: respects_duration(1, who),
    ):
        flags_of_each = [ask(single) for single in ones]
        assert ask(many).tolist() == flags_of_each
        assert all(type(flag) is bool for flag in flags_of_each)


AT = datetime(2026, 3, 11, 9, tzinfo=UTC)


@pytest.mark.parametrize("hours", [0, 5, 23, 24, 25, 72])
def test_moments_of_many_are_those_of_each(hours):
    moment = AT - timedelta(hours=hours)
    many = np.array([utc64(moment)])
    rolling, calendar = cap(1, "hours", 24), cap(1, "day")
    gap = GapEntry("gap", "", 24)

    assert leaves_window_at(rolling, many)[0] == utc64(leaves_window_at(rolling, moment))
    assert gap_ends_at(gap, many)[0] == utc64(gap_ends_at(gap, moment))
    assert days_left(3, np.array([2])).tolist() == [days_left(3, 2)] == [1]
    for entry in (rolling, calendar):
        start = window_of(entry, "UTC", AT)[0]
        assert is_in_window(entry, many, utc64(start))[0] == is_in_window(entry, moment, start)
    # A rolling window and its end say the same; so does a gap of as many hours.
    inside = is_in_window(rolling, moment, window_of(rolling, "UTC", AT)[0])
    assert inside == (leaves_window_at(rolling, moment) > AT) == (gap_ends_at(gap, moment) > AT)


@given(
    st.sampled_from(["day", "week", "month"]),
    st.integers(1, 7),
    st.dates(date(2000, 1, 1), date(2040, 1, 1)),
)
def test_calendar_windows_follow_one_another(window, week_starts_on, day):
    entry = cap(1, window, week_starts_on=week_starts_on)
    first, next_first = calendar_days(entry, day)

    assert first <= day < next_first
    assert calendar_days(entry, first) == (first, next_first)
    assert calendar_days(entry, next_first - timedelta(days=1)) == (first, next_first)
    assert calendar_days(entry, next_first)[0] == next_first
    assert (next_first - first).days <= entry.days
    if window == "week":
        assert first.isoweekday() == week_starts_on
    if window == "month":
        assert first.day == next_first.day == 1


def test_a_window_ends_at_the_customers_midnight():
    # Clocks in Berlin go forward on 29 March 2026, a Sunday.
    start, end = window_of(cap(1, "day"), "Europe/Berlin", datetime(2026, 3, 29, 7, tzinfo=UTC))

    assert (start, end) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    zones = np.array(["Europe/Berlin", "Pacific/Auckland"])
    late = datetime(2026, 3, 29, 21, tzinfo=UTC)  # still Sunday there, Monday here
    assert calendar_days_left(cap(1, "week"), zones, late).tolist() == [1, 7]


def test_a_day_that_a_zone_left_out_ends_when_it_would_have_begun():
    # Apia went from 29 to 31 December 2011.
    window = window_of(cap(1, "day"), "Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=UTC))

    assert window == (
        datetime(2011, 12, 29, 10, tzinfo=UTC),
        datetime(2011, 12, 30, 10, tzinfo=UTC),
    )

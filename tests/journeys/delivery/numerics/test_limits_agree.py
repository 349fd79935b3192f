"""The run, the look-ahead and the last check say the same of the same history."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.numerics.foresight import NEVER
from campaigns.numerics.history import History
from campaigns.numerics.releases import cap_free_in, free_in, gap_free_in
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapEntry, ExclusionEntry, GapEntry
from campaigns.numerics.verdict_codes import Verdict
from campaigns.numerics.verdicts import limit_verdicts
from journeys.delivery.numerics.last_check import (
    Contacted,
    Hold,
    Limit,
    Limits,
    ShutOut,
    Waiting,
    hold,
)
from tests.campaigns.numerics.test_verdicts import book, campaign, history

pytestmark = pytest.mark.long

DAY = timedelta(days=1)
ZONES = ("UTC", "Pacific/Auckland", "America/Los_Angeles", "Europe/Berlin", "America/Sao_Paulo")
CHANNELS, TAGS, CAMPAIGNS = ("email", "sms"), (5, 6), (1, 2, 3)
MOMENTS = (  # an ordinary day; days on which clocks change; the first of a month
    datetime(2026, 3, 11, 9, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2018, 11, 4, 3, tzinfo=UTC),
    datetime(2026, 6, 1, 0, tzinfo=UTC),
)
flags = st.booleans()
tags = st.sets(st.sampled_from(TAGS)).map(lambda drawn: tuple(sorted(drawn)))


@dataclass(frozen=True)
class Case:
    """A customer, who got something before, and the rules."""

    at: datetime
    customer_zone: str
    organisation_zone: str
    book: Rulebook
    exclusions: tuple[ShutOut, ...]  # as the last check has them
    contacts: tuple[Contacted, ...]

    def local(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.organisation_zone)).date()

    def history(self, at: datetime) -> History:
        rows = [{"campaign": contact.campaign_id, **vars(contact)} for contact in self.contacts]
        days = [max((self.local(at) - self.local(contact.at)).days, 0) for contact in self.contacts]
        return replace(history(*rows), days_ago=np.array(days, dtype=np.int64))

    def by_run(self, at: datetime) -> list[int]:
        """The verdict on each action."""
        codes = np.zeros((1, len(self.book.actions)), dtype=np.int16)
        zones = np.array([self.customer_zone])
        return limit_verdicts(self.book, codes, self.history(at), zones, at=at)[0].tolist()

    def by_look_ahead(self, action: int) -> int:
        """Days until the action is free."""
        past, zones = self.history(self.at), np.array([self.customer_zone])
        days = [int(free_in(self.book, action, past, 1)[0])]
        for cap, stops in zip(
            self.book.caps, self.book.masks.stopped_by_cap[:, action], strict=True
        ):
            days.append(int(cap_free_in(cap, past, zones, self.at)[0][0]) if stops else 0)
        for gap, waits in zip(self.book.gaps, self.book.masks.under_gap[:, action], strict=True):
            days.append(int(gap_free_in(gap, past, 1, self.at)[0]) if waits else 0)
        return max(days)

    def by_last_check(self, action: int, at: datetime) -> Hold | None:
        row = self.book.actions[action]
        entry = self.book.campaigns[row.campaign]
        durations = tuple(
            ShutOut(Limit.DURATION, c.name, c.duration_days, source_campaign=c.id)
            for c in self.book.campaigns
            if c.duration_days
        )
        limits = Limits(
            caps=self.book.caps,
            gaps=self.book.gaps,
            shut_outs=(*self.exclusions, *durations),
            time_zone=self.organisation_zone,
        )
        waiting = Waiting(
            campaign_id=entry.id,
            channel=row.channel,
            tags=entry.tags,
            takes_slot=not entry.in_addition,
            counted=not entry.not_counted_by_caps,
            transactional=entry.transactional,
            exempt_from_caps=entry.exempt_from_caps,
            ignores_durations=entry.ignores_durations,
            ignores_durations_of=entry.ignores_durations_of,
            country="",
            zones=(self.customer_zone,),
        )
        return hold(limits, waiting, self.contacts, at=at)


caps = st.builds(
    CapEntry,
    name=st.just("cap"),
    channel=st.sampled_from(("", *CHANNELS)),
    tag=st.sampled_from((None, *TAGS)),
    limit=st.sampled_from((None, 0, 1, 1, 2, 3)),
    window=st.sampled_from(("hours", "days", "day", "week", "month")),
    length=st.integers(1, 40),
    week_starts_on=st.integers(1, 7),
    counts_transactional=flags,
)
gaps = st.builds(
    GapEntry, name=st.just("gap"), channel=st.sampled_from(("", *CHANNELS)),
    hours=st.integers(1, 100),
)  # fmt: skip
either_end = st.one_of(
    st.sampled_from(CAMPAIGNS).map(lambda pk: (pk, None)),
    st.sampled_from(TAGS).map(lambda tag: (None, tag)),
)


@st.composite
def campaigns(draw, id: int):
    transactional = draw(flags)
    return campaign(
        id,
        tags=draw(tags),
        duration_days=draw(st.sampled_from((0, 0, 1, 4))),
        ignores_durations=draw(flags),
        ignores_durations_of=draw(st.sets(st.sampled_from(CAMPAIGNS)).map(tuple)),
        transactional=transactional,
        in_addition=transactional or draw(flags),
        exempt_from_caps=draw(flags),
        not_counted_by_caps=draw(flags),
    )


@st.composite
def contacts(draw, at: datetime) -> Contacted:
    # Whole hours and days ago are where windows and gaps begin.
    ago = draw(
        st.one_of(
            st.integers(0, 45).map(lambda n: n * DAY),
            st.integers(0, 120).map(lambda n: timedelta(hours=n)),
            st.integers(0, 60_000).map(lambda n: timedelta(minutes=n)),
        )
    )
    return Contacted(
        at=at - ago,
        campaign_id=draw(st.sampled_from((*CAMPAIGNS, 9))),
        channel=draw(st.sampled_from(CHANNELS)),
        tags=draw(tags),
        takes_slot=draw(flags),
        counted=draw(flags),
        transactional=draw(flags),
    )


@st.composite
def cases(draw) -> Case:
    at = draw(st.sampled_from(MOMENTS)) + timedelta(hours=draw(st.integers(0, 30)))
    entries = [draw(campaigns(pk)) for pk in CAMPAIGNS]
    pairs = draw(st.lists(st.tuples(either_end, either_end, st.integers(0, 9)), max_size=2))
    rules = book(
        *entries,
        channels=tuple(draw(st.sampled_from(CHANNELS)) for _ in CAMPAIGNS),
        caps=tuple(draw(st.lists(caps, max_size=2))),
        gaps=tuple(draw(st.lists(gaps, max_size=2))),
        exclusions=tuple(
            ExclusionEntry(
                name="exclusion",
                source_campaign=source[0],
                source_tag=source[1],
                targets=tuple(
                    index
                    for index, entry in enumerate(entries)
                    if entry.id == target[0] or target[1] in entry.tags
                ),
                days=days,
            )
            for source, target, days in pairs
        ),
    )
    return Case(
        at=at,
        customer_zone=draw(st.sampled_from(ZONES)),
        organisation_zone=draw(st.sampled_from(ZONES)),
        book=rules,
        exclusions=tuple(
            ShutOut(Limit.EXCLUSION, "exclusion", days, *source, *target)
            for source, target, days in pairs
        ),
        contacts=tuple(draw(st.lists(contacts(at), max_size=6))),
    )


@settings(max_examples=300, deadline=None)
@given(cases())
def test_run_look_ahead_and_last_check_agree_on_what_is_held(case):
    codes = case.by_run(case.at)
    for action in range(len(case.book.actions)):
        is_held = codes[action] != Verdict.ALLOWED
        assert (case.by_last_check(action, case.at) is not None) == is_held
        assert (case.by_look_ahead(action) > 0) == is_held


@settings(max_examples=300, deadline=None)
@given(cases())
def test_a_message_is_free_at_the_moment_that_the_last_check_names_and_not_before(case):
    for action in range(len(case.book.actions)):
        held = case.by_last_check(action, case.at)
        days = case.by_look_ahead(action)
        if held is None:
            continue
        if held.until is None:  # a cap of zero
            assert days == NEVER
            continue
        assert case.by_run(held.until)[action] == Verdict.ALLOWED
        assert case.by_run(held.until - timedelta(microseconds=1))[action] != Verdict.ALLOWED
        # The look-ahead asks at the decision's time of day, give or take a clock change.
        hours = (held.until - case.at) / timedelta(hours=1)
        assert min(days, NEVER) * 24 >= min(hours - 25, NEVER * 24)
        assert days <= hours / 24 + 2

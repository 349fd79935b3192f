"""Limits, each by hand on a calendar: who is blocked, by which rule, from which moment on."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from campaigns.numerics.cap_windows import window_starts
from campaigns.numerics.history import History
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import (
    ActionEntry,
    CampaignEntry,
    CapEntry,
    ExclusionEntry,
    FollowUpEntry,
)
from campaigns.numerics.verdict_codes import Verdict
from campaigns.numerics.verdicts import Facts, fact_verdicts, limit_verdicts

NOW = datetime(2026, 3, 11, 9, tzinfo=UTC)  # a Wednesday


def campaign(id: int, **fields) -> CampaignEntry:
    defaults: dict[str, Any] = {
        "id": id,
        "name": f"Campaign {id}",
        "rank": None,
        "rule": {},
        "event_kind": "order",
        "window_days": 7,
        "tags": (),
        "control_share": 0.1,
        "in_addition": False,
        "repeat_after_days": 0,
        "duration_days": 0,
        "ignores_durations": False,
        "runs_today": True,
        "next_in_days": 1,
    }
    return CampaignEntry(**defaults | fields)


def book(*campaigns: CampaignEntry, channels: tuple[str, ...] = (), **limits) -> Rulebook:
    """A rulebook with one action per campaign, by e-mail unless said otherwise."""
    channels = channels or ("email",) * len(campaigns)
    actions = tuple(
        ActionEntry(id=10 + i, campaign=i, name="a", channel=channel, cost_cents=1.0)
        for i, channel in enumerate(channels)
    )
    return Rulebook(campaigns=campaigns, actions=actions, **limits)


def history(*contacts: dict) -> History:
    """Contacts of customer 0: campaign, at, and what differs from an e-mail without tags."""
    rows = [
        {
            "channel": "email",
            "tags": (),
            "takes_slot": True,
            "counted": True,
            "transactional": False,
            "responded": False,
            **contact,
        }
        for contact in contacts
    ]
    return History(
        customer=np.zeros(len(rows), dtype=np.int64),
        campaign_id=np.array([row["campaign"] for row in rows], dtype=np.int64),
        by_channel={
            channel: np.array([row["channel"] == channel for row in rows], dtype=bool)
            for channel in ("email", "sms")
        },
        by_tag={tag: np.array([tag in row["tags"] for row in rows], dtype=bool) for tag in (5, 6)},
        takes_slot=np.array([row["takes_slot"] for row in rows], dtype=bool),
        counted=np.array([row["counted"] for row in rows], dtype=bool),
        transactional=np.array([row["transactional"] for row in rows], dtype=bool),
        days_ago=np.array([(NOW.date() - row["at"].date()).days for row in rows], dtype=np.int64),
        reserved_at=np.array(
            [np.datetime64(row["at"].replace(tzinfo=None), "us") for row in rows],
            dtype="datetime64[us]",
        ),
        responded=np.array([row["responded"] for row in rows], dtype=bool),
    )


def verdicts(rules: Rulebook, past: History, *, zone: str = "UTC") -> list[int]:
    """The codes of customer 0."""
    codes = np.zeros((1, len(rules.actions)), dtype=np.int16)
    return limit_verdicts(rules, codes, past, np.array([zone]), at=NOW)[0].tolist()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cap(limit: int | None, window: str, length: int = 1, *, channel: str = "", **fields):
    return CapEntry("cap", channel, fields.pop("tag", None), limit, window, length, **fields)


@pytest.mark.parametrize(
    ("limits", "contacts", "expected"),
    [
        # Two in seven rolling days, of which one lies just outside: 168 hours are not inside.
        ((cap(2, "days", 7),), ["2026-03-04T09:00", "2026-03-10T09:00"], Verdict.ALLOWED),
        ((cap(2, "days", 7),), ["2026-03-04T09:01", "2026-03-10T09:00"], Verdict.CAPPED),
        ((cap(1, "hours", 24),), ["2026-03-10T09:00"], Verdict.ALLOWED),
        ((cap(1, "hours", 24),), ["2026-03-10T09:01"], Verdict.CAPPED),
        # A calendar day begins at midnight and includes it.
        ((cap(1, "day"),), ["2026-03-10T23:59"], Verdict.ALLOWED),
        ((cap(1, "day"),), ["2026-03-11T00:00"], Verdict.CAPPED),
        # A calendar week begins on Monday, 9 March.
        ((cap(1, "week"),), ["2026-03-08T23:59"], Verdict.ALLOWED),
        ((cap(1, "week"),), ["2026-03-09T00:00"], Verdict.CAPPED),
        ((cap(1, "month"),), ["2026-02-28T23:59"], Verdict.ALLOWED),
        ((cap(1, "month"),), ["2026-03-01T00:00"], Verdict.CAPPED),
        ((cap(0, "day"),), [], Verdict.CAPPED),
        # The strictest wins, and the one that hits is named: here the second.
        ((cap(9, "month"), cap(1, "day")), ["2026-03-11T01:00"], Verdict.CAPPED + 1),
    ],
)
def test_a_cap_counts_what_lies_in_its_window(limits, contacts, expected):
    rules = book(campaign(1), caps=limits)

    assert verdicts(rules, history(*({"campaign": 7, "at": at(c)} for c in contacts))) == [expected]


def test_a_calendar_day_is_the_customers_own():
    # 9:00 in UTC on the 11th; a contact on the 10th at 20:00 UTC was on the 11th in Auckland
    # (9:00 local, UTC+13) and on the 10th in Los Angeles.
    rules = book(campaign(1), caps=(cap(1, "day"),))
    past = history({"campaign": 7, "at": at("2026-03-10T20:00")})

    assert verdicts(rules, past, zone="Pacific/Auckland") == [Verdict.CAPPED]
    assert verdicts(rules, past, zone="America/Los_Angeles") == [Verdict.ALLOWED]


def test_a_calendar_day_after_a_clock_change_begins_at_its_midnight():
    # Clocks in Berlin went forward on 29 March 2026 at 2:00: that midnight was 23:00 UTC of the
    # 28th, the next one 22:00 UTC of the 29th.
    zones = np.array(["Europe/Berlin"])

    of_change = window_starts(cap(1, "day"), zones, datetime(2026, 3, 29, 7, tzinfo=UTC))
    day_after = window_starts(cap(1, "day"), zones, datetime(2026, 3, 30, 7, tzinfo=UTC))

    assert of_change[0] == np.datetime64("2026-03-28T23:00")
    assert day_after[0] == np.datetime64("2026-03-29T22:00")


def test_a_channel_cap_and_a_tag_cap_touch_only_their_own():
    rules = book(
        campaign(1, tags=(5,)),
        campaign(2),
        channels=("email", "sms"),
        caps=(cap(1, "days", 7, channel="sms"), cap(1, "days", 7, tag=5)),
    )
    by_sms = history({"campaign": 7, "at": at("2026-03-10T09:00"), "channel": "sms"})
    tagged = history({"campaign": 7, "at": at("2026-03-10T09:00"), "tags": (5,)})

    assert verdicts(rules, by_sms) == [Verdict.ALLOWED, Verdict.CAPPED]
    assert verdicts(rules, tagged) == [Verdict.CAPPED + 1, Verdict.ALLOWED]


def test_what_is_sent_in_addition_is_neither_capped_nor_counted():
    rules = book(campaign(1, in_addition=True), campaign(2), caps=(cap(1, "days", 7),))
    slot = history({"campaign": 7, "at": at("2026-03-10T09:00")})
    beside = history({"campaign": 7, "at": at("2026-03-10T09:00"), "takes_slot": False})

    assert verdicts(rules, slot) == [Verdict.ALLOWED, Verdict.CAPPED]
    assert verdicts(rules, beside) == [Verdict.ALLOWED, Verdict.ALLOWED]


def test_the_same_campaign_comes_again_after_its_days():
    rules = book(campaign(1, repeat_after_days=3), campaign(2, repeat_after_days=None))
    past = history(
        {"campaign": 1, "at": at("2026-03-08T09:00")}, {"campaign": 2, "at": at("2025-01-01T09:00")}
    )
    yesterday = history({"campaign": 1, "at": at("2026-03-09T23:00")})

    assert verdicts(rules, past) == [Verdict.ALLOWED, Verdict.REPEATED_TOO_SOON]
    assert verdicts(rules, yesterday)[0] == Verdict.REPEATED_TOO_SOON


def test_an_exclusion_shuts_out_for_its_days_and_names_itself():
    rules = book(
        campaign(1),
        campaign(2),
        exclusions=(
            ExclusionEntry("other", 99, None, (0, 1), 30),
            ExclusionEntry("by tag", None, 5, (1,), 2),
        ),
    )
    recent = history({"campaign": 7, "at": at("2026-03-10T09:00"), "tags": (5,)})
    older = history({"campaign": 7, "at": at("2026-03-09T09:00"), "tags": (5,)})

    assert verdicts(rules, recent) == [Verdict.ALLOWED, Verdict.EXCLUDED + 1]
    assert verdicts(rules, older) == [Verdict.ALLOWED, Verdict.ALLOWED]


def test_a_running_campaign_keeps_others_away_but_not_those_that_ignore_it():
    rules = book(campaign(1, duration_days=3), campaign(2), campaign(3, ignores_durations=True))
    past = history({"campaign": 1, "at": at("2026-03-09T09:00")})

    assert verdicts(rules, past) == [Verdict.ALLOWED, Verdict.DURATION, Verdict.ALLOWED]


def test_a_series_opens_for_its_days_and_once_per_contact():
    step = FollowUpEntry(source_id=1, target=1, after_days=2, within_days=3, outcome="all")
    rules = book(campaign(1), campaign(2), follow_ups=(step,))

    def series(*contacts):
        return verdicts(rules, history(*contacts))[1]

    assert series() == Verdict.SERIES_NOT_OPEN
    assert series({"campaign": 1, "at": at("2026-03-10T09:00")}) == Verdict.SERIES_NOT_OPEN
    assert series({"campaign": 1, "at": at("2026-03-09T09:00")}) == Verdict.ALLOWED
    assert series({"campaign": 1, "at": at("2026-03-06T09:00")}) == Verdict.SERIES_NOT_OPEN
    used = (
        {"campaign": 1, "at": at("2026-03-08T09:00")},
        {"campaign": 2, "at": at("2026-03-10T09:00")},
    )
    assert series(*used) == Verdict.SERIES_NOT_OPEN


def test_a_series_for_responders_waits_for_the_response():
    step = FollowUpEntry(source_id=1, target=1, after_days=1, within_days=9, outcome="responders")
    rules = book(campaign(1), campaign(2), follow_ups=(step,))
    contact = {"campaign": 1, "at": at("2026-03-09T09:00")}

    assert verdicts(rules, history(contact))[1] == Verdict.SERIES_NOT_OPEN
    assert verdicts(rules, history({**contact, "responded": True}))[1] == Verdict.ALLOWED


def facts(n: int = 1, **columns) -> Facts:
    yes, no = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    return Facts(
        columns=columns,
        held_out=no,
        suppressed=no,
        consents={"email": yes, "sms": no},
        addresses={"email": yes, "sms": yes},
        time_zones=np.full(n, "UTC", dtype=object),
    )


def test_the_first_reason_is_the_one_that_is_kept():
    rules = book(
        campaign(1),
        campaign(2, rule={"field": "country", "op": "eq", "value": "PT"}, runs_today=False),
        campaign(3, runs_today=False),
        channels=("sms", "email", "email"),
    )

    codes = fact_verdicts(rules, facts(country=np.array(["DE"], dtype=object)))

    assert codes[0].tolist() == [
        Verdict.NO_CONSENT,
        Verdict.NOT_IN_TARGET_GROUP,
        Verdict.NOT_SCHEDULED,
    ]


def test_a_rulebook_survives_being_stored():
    rules = book(
        campaign(1, tags=(3, 4), repeat_after_days=None),
        caps=(cap(2, "week", tag=3),),
        exclusions=(ExclusionEntry("x", 1, None, (0,), 4),),
        follow_ups=(FollowUpEntry(1, 0, 1, 5, "all"),),
    )

    assert Rulebook.from_json(rules.to_json()) == rules

"""What caps, gaps, exclusions and flags mean, by hand; and all together against a slow model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from campaigns.models import FrequencyCap, Tag
from campaigns.numerics.cap_windows import window_starts
from campaigns.numerics.foresight import NEVER
from campaigns.numerics.history import History
from campaigns.numerics.history_needs import history_days
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapEntry, ExclusionEntry, FollowUpEntry, GapEntry
from campaigns.numerics.verdict_codes import Verdict
from campaigns.numerics.verdicts import limit_verdicts
from campaigns.services.describe_limit import cap_in_words
from tests.campaigns.numerics.test_verdicts import NOW, at, book, campaign, cap, history, verdicts

YESTERDAY = at("2026-03-10T09:00")  # NOW is Wednesday, 11 March 2026, 9:00 UTC


def test_an_empty_cap_is_none_and_a_cap_of_zero_allows_none():
    past = history(*({"campaign": 7, "at": YESTERDAY} for _ in range(3)))

    assert verdicts(book(campaign(1), caps=(cap(None, "days", 7),)), past) == [Verdict.ALLOWED]
    assert verdicts(book(campaign(1), caps=(cap(0, "days", 7),)), history()) == [Verdict.CAPPED]
    assert verdicts(book(campaign(1), caps=(cap(0, "month"),)), history()) == [Verdict.CAPPED]


def test_of_several_caps_the_strictest_wins_and_names_itself():
    caps = (cap(None, "day"), cap(5, "month"), cap(2, "days", 7), cap(3, "days", 7))
    past = history(*({"campaign": 7, "at": YESTERDAY} for _ in range(2)))

    assert verdicts(book(campaign(1), caps=caps), past) == [Verdict.CAPPED + 2]


@pytest.mark.parametrize(
    ("starts_on", "contact", "expected"),
    [
        # Wednesday the 11th: a week from Sunday began on the 8th, from Thursday on the 5th.
        (7, "2026-03-07T23:59", Verdict.ALLOWED),
        (7, "2026-03-08T00:00", Verdict.CAPPED),
        (4, "2026-03-04T23:59", Verdict.ALLOWED),
        (4, "2026-03-05T00:00", Verdict.CAPPED),
        # From Wednesday it began today.
        (3, "2026-03-10T23:59", Verdict.ALLOWED),
        (3, "2026-03-11T00:00", Verdict.CAPPED),
    ],
)
def test_a_calendar_week_begins_on_the_caps_own_day(starts_on, contact, expected):
    rules = book(campaign(1), caps=(cap(1, "week", week_starts_on=starts_on),))

    assert verdicts(rules, history({"campaign": 7, "at": at(contact)})) == [expected]


def test_a_calendar_day_begins_with_its_first_moment_where_midnight_is_left_out():
    # Sao Paulo, 4 November 2018: the day began at 1:00, which is 3:00 UTC.
    zones = np.array(["America/Sao_Paulo"])

    start = window_starts(cap(1, "day"), zones, datetime(2018, 11, 4, 12, tzinfo=UTC))

    assert start[0] == np.datetime64("2018-11-04T03:00")


def test_a_contact_planned_for_later_is_inside_every_window_and_gap():
    later = history({"campaign": 7, "at": at("2026-04-02T09:00")})

    for window in ("hours", "days", "day", "week", "month"):
        rules = book(campaign(1), caps=(cap(1, window),))
        assert verdicts(rules, later) == [Verdict.CAPPED]
    assert verdicts(book(campaign(1), gaps=(GapEntry("gap", "", 1),)), later) == [Verdict.GAP]


def test_exempt_and_not_counted_are_two_flags():
    exempt = campaign(1, exempt_from_caps=True)
    uncounted = campaign(2, not_counted_by_caps=True)
    rules = book(exempt, uncounted, campaign(3), caps=(cap(1, "days", 7),))
    of_exempt = history({"campaign": 1, "at": YESTERDAY})
    of_uncounted = history({"campaign": 2, "at": YESTERDAY, "counted": False})

    # What is exempt is never held back, but counts; what is not counted is held back all the same.
    assert verdicts(rules, of_exempt) == [Verdict.ALLOWED, Verdict.CAPPED, Verdict.CAPPED]
    assert verdicts(rules, of_uncounted) == [Verdict.ALLOWED] * 3


def test_a_contact_counts_as_its_campaign_was_then():
    # The campaign is counted now, but was not; and the other way round.
    now_counted = book(campaign(1), campaign(2), caps=(cap(1, "days", 7),))
    now_uncounted = book(
        campaign(1, not_counted_by_caps=True), campaign(2), caps=(cap(1, "days", 7),)
    )
    contact = {"campaign": 1, "at": YESTERDAY}

    assert verdicts(now_counted, history({**contact, "counted": False}))[1] == Verdict.ALLOWED
    assert verdicts(now_uncounted, history(contact))[1] == Verdict.CAPPED


def test_transactional_messages_are_outside_of_all_limits():
    receipt = campaign(1, transactional=True, in_addition=True, tags=(5,), duration_days=9)
    rules = book(
        receipt,
        campaign(2, tags=(5,)),
        caps=(cap(1, "days", 7),),
        gaps=(GapEntry("gap", "", 48),),
        exclusions=(
            ExclusionEntry("from it", 1, None, (1,), 9),
            ExclusionEntry("from its tag", None, 5, (1,), 9),
            ExclusionEntry("of it", 2, None, (0,), 9),
        ),
    )
    sent = {"campaign": 1, "at": YESTERDAY, "tags": (5,), "transactional": True}
    other = {"campaign": 2, "at": YESTERDAY, "tags": (5,)}

    assert verdicts(rules, history({**sent, "takes_slot": False})) == [Verdict.ALLOWED] * 2
    assert verdicts(rules, history(other)) == [Verdict.ALLOWED, Verdict.EXCLUDED + 1]


def test_transactional_messages_are_counted_by_caps_that_say_so_and_never_stopped():
    receipt = campaign(1, transactional=True, in_addition=True)
    rules = book(receipt, campaign(2), caps=(cap(1, "days", 7, counts_transactional=True),))
    sent = {"campaign": 1, "at": YESTERDAY, "transactional": True, "takes_slot": False}

    assert verdicts(rules, history(sent)) == [Verdict.ALLOWED, Verdict.CAPPED]
    assert verdicts(rules, history({**sent, "counted": False})) == [Verdict.ALLOWED] * 2


def test_a_duration_is_ignored_by_those_that_name_it():
    rules = book(
        campaign(1, duration_days=3),
        campaign(2, duration_days=3),
        campaign(3, ignores_durations_of=(1,)),
    )

    assert verdicts(rules, history({"campaign": 1, "at": YESTERDAY})) == [
        Verdict.ALLOWED,
        Verdict.DURATION,
        Verdict.ALLOWED,
    ]
    assert verdicts(rules, history({"campaign": 2, "at": YESTERDAY})) == [
        Verdict.DURATION + 1,
        Verdict.ALLOWED,
        Verdict.DURATION + 1,
    ]


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ({"at": "2026-03-10T09:01"}, [Verdict.GAP, Verdict.GAP]),  # 23 hours and 59 minutes
        ({"at": "2026-03-10T09:00"}, [Verdict.ALLOWED, Verdict.GAP + 1]),  # 24 hours
        ({"at": "2026-03-09T09:01"}, [Verdict.ALLOWED, Verdict.GAP + 1]),
        ({"at": "2026-03-09T09:00"}, [Verdict.ALLOWED, Verdict.ALLOWED]),  # 48 hours
        ({"at": "2026-03-10T08:00", "channel": "email"}, [Verdict.ALLOWED, Verdict.ALLOWED]),
        ({"at": "2026-03-10T10:00", "counted": False}, [Verdict.GAP, Verdict.GAP]),
        ({"at": "2026-03-10T10:00", "takes_slot": False}, [Verdict.ALLOWED, Verdict.ALLOWED]),
    ],
)
def test_a_gap_keeps_its_hours_between_contacts(contact, expected):
    gaps = (GapEntry("any two", "", 24), GapEntry("texts", "sms", 48))
    rules = book(campaign(1), campaign(2), channels=("email", "sms"), gaps=gaps)
    past = history({"campaign": 7, "channel": "sms", **contact, "at": at(contact["at"])})

    assert verdicts(rules, past) == expected


def test_an_exempt_campaign_waits_for_gaps_and_one_in_addition_does_not():
    rules = book(
        campaign(1, exempt_from_caps=True),
        campaign(2, in_addition=True),
        gaps=(GapEntry("gap", "", 48),),
    )

    assert verdicts(rules, history({"campaign": 7, "at": YESTERDAY})) == [
        Verdict.GAP,
        Verdict.ALLOWED,
    ]


def test_a_rulebook_stored_before_these_limits_has_none_of_them():
    stored = book(campaign(1), campaign(2, duration_days=3), caps=(cap(1, "week"),)).to_json()
    for name in ("gaps", "quiet_hours"):
        del stored[name]
    for row in stored["caps"]:
        del row["week_starts_on"], row["counts_transactional"]
    for row in stored["campaigns"]:
        for name in ("transactional", "exempt_from_caps", "not_counted_by_caps"):
            del row[name]
        del row["ignores_durations_of"]
    rules = Rulebook.from_json(stored)

    assert rules.gaps == rules.quiet_hours == ()
    assert verdicts(rules, history({"campaign": 2, "at": YESTERDAY})) == [
        Verdict.DURATION + 1,
        Verdict.CAPPED,
    ]


def test_a_gap_counts_in_days_as_a_block():
    # 24 hours keep the next day at the same time free, 25 do not.
    rules = book(campaign(1), campaign(2), gaps=(GapEntry("gap", "", 24),))
    longer = replace(rules, gaps=(GapEntry("gap", "", 25),))

    assert rules.blocking.days[0, 1] == 1
    assert longer.blocking.days[0, 1] == 2
    assert longer.longest_block_days == 2


def test_a_cap_that_is_none_keeps_nobody_waiting():
    rules = book(campaign(1), campaign(2), caps=(cap(None, "days", NEVER),))

    assert rules.blocking.blocks == ((), ())
    assert rules.longest_block_days == 0
    assert history_days(rules) == 1


# The slow model: one customer, one action, one contact after the other, in plain Python.


def counts(rules: Rulebook, limit: CapEntry, contact: dict) -> bool:
    if limit.channel not in ("", contact["channel"]) or not contact["counted"]:
        return False
    if limit.tag is not None and limit.tag not in contact["tags"]:
        return False
    return limit.counts_transactional if contact["transactional"] else contact["takes_slot"]


def is_inside(limit: CapEntry, contact: dict, zone: str) -> bool:
    if limit.window in ("hours", "days"):
        return NOW - contact["at"] < timedelta(**{limit.window: limit.length})
    then, now = (moment.astimezone(ZoneInfo(zone)) for moment in (contact["at"], NOW))
    if contact["at"] > NOW:
        return True
    if limit.window == "month":
        return (then.year, then.month) == (now.year, now.month)
    if limit.window == "day":
        return then.date() == now.date()
    day = now.date()
    while day.isoweekday() != limit.week_starts_on:
        day -= timedelta(days=1)
    return then.date() >= day


def slow_verdict(rules: Rulebook, action, contacts: list[dict], zone: str) -> int:
    campaign_entry = rules.campaigns[action.campaign]
    for contact in contacts:
        if contact["campaign"] == campaign_entry.id and (
            campaign_entry.repeat_after_days is None
            or contact["days_ago"] < campaign_entry.repeat_after_days
        ):
            return Verdict.REPEATED_TOO_SOON
    if campaign_entry.transactional:
        return Verdict.ALLOWED
    others = [contact for contact in contacts if not contact["transactional"]]
    for i, exclusion in enumerate(rules.exclusions):
        for contact in others:
            by = (
                contact["campaign"] == exclusion.source_campaign
                if exclusion.source_campaign is not None
                else exclusion.source_tag in contact["tags"]
            )
            hits = by and contact["days_ago"] < exclusion.days
            if hits and action.campaign in exclusion.targets:
                return Verdict.EXCLUDED + i
    if campaign_entry.in_addition:
        return Verdict.ALLOWED
    slots = [contact for contact in others if contact["takes_slot"]]
    for i, running in enumerate(rules.campaigns):
        ignored = (
            campaign_entry.ignores_durations or running.id in campaign_entry.ignores_durations_of
        )
        for contact in slots if running.duration_days else ():
            runs = contact["campaign"] == running.id and contact["days_ago"] < running.duration_days
            if runs and running.id != campaign_entry.id and not ignored:
                return Verdict.DURATION + i
    for i, limit in enumerate(rules.caps):
        if limit.limit is None or campaign_entry.exempt_from_caps:
            continue
        if limit.channel not in ("", action.channel) or limit.tag not in (
            None,
            *campaign_entry.tags,
        ):
            continue
        inside = [c for c in contacts if counts(rules, limit, c) and is_inside(limit, c, zone)]
        if len(inside) >= limit.limit:
            return Verdict.CAPPED + i
    for i, gap in enumerate(rules.gaps):
        for contact in slots:
            apart = NOW - contact["at"] < timedelta(hours=gap.hours)
            if apart and {gap.channel} <= {"", contact["channel"]} & {"", action.channel}:
                return Verdict.GAP + i
    return Verdict.ALLOWED


@pytest.mark.parametrize("seed", range(30))
def test_limits_are_those_of_a_slow_model(seed):
    rng = np.random.default_rng(seed)
    n_campaigns, n_customers = 6, 8
    flip = lambda p: bool(rng.random() < p)  # noqa: E731

    def entry(index: int):
        transactional = flip(0.15)
        return campaign(
            index + 1,
            tags=tuple(t for t in (5, 6) if flip(0.4)),
            repeat_after_days=None if flip(0.1) else int(rng.integers(0, 4)),
            duration_days=int(rng.choice([0, 0, 2, 5])),
            ignores_durations=flip(0.2),
            ignores_durations_of=tuple(c for c in range(1, 7) if flip(0.2)),
            transactional=transactional,
            in_addition=transactional or flip(0.15),
            exempt_from_caps=flip(0.2),
            not_counted_by_caps=flip(0.2),
        )

    rules = book(
        *map(entry, range(n_campaigns)),
        channels=tuple(rng.choice(["email", "sms"], n_campaigns).tolist()),
        caps=tuple(
            cap(
                None if flip(0.15) else int(rng.integers(0, 4)),
                str(rng.choice(["hours", "days", "day", "week", "month"])),
                int(rng.integers(1, 60)),
                channel=str(rng.choice(["", "sms"])),
                tag=5 if flip(0.3) else None,
                week_starts_on=int(rng.integers(1, 8)),
                counts_transactional=flip(0.5),
            )
            for _ in range(4)
        ),
        gaps=tuple(
            GapEntry("gap", str(rng.choice(["", "email", "sms"])), int(rng.integers(1, 72)))
            for _ in range(2)
        ),
        exclusions=(
            ExclusionEntry("a", 2, None, (0, 3, 4), int(rng.integers(1, 6))),
            ExclusionEntry("b", None, 6, (1, 2, 5), int(rng.integers(1, 6))),
        ),
    )
    zones = rng.choice(["UTC", "Pacific/Auckland", "America/Los_Angeles"], n_customers)
    contacts = []
    for _ in range(25):
        sent_at = NOW - timedelta(minutes=int(rng.integers(-3 * 1440, 40 * 1440)))
        contacts.append(
            {
                "customer": int(rng.integers(n_customers)),
                "campaign": int(rng.integers(1, n_campaigns + 2)),
                "channel": str(rng.choice(["email", "sms"])),
                "tags": tuple(t for t in (5, 6) if flip(0.4)),
                "takes_slot": flip(0.8),
                "counted": flip(0.8),
                "transactional": flip(0.2),
                "at": sent_at,
                "days_ago": (NOW.date() - sent_at.date()).days,
            }
        )
    past = history(*contacts)
    past = replace(past, customer=np.array([contact["customer"] for contact in contacts]))
    codes = np.zeros((n_customers, n_campaigns), dtype=np.int16)

    computed = limit_verdicts(rules, codes, past, zones, at=NOW)

    for customer in range(n_customers):
        of_customer = [contact for contact in contacts if contact["customer"] == customer]
        expected = [slow_verdict(rules, a, of_customer, zones[customer]) for a in rules.actions]
        assert computed[customer].tolist() == expected


def test_a_series_opens_by_a_transactional_message():
    step = FollowUpEntry(source_id=1, target=1, after_days=1, within_days=5, outcome="all")
    rules = book(campaign(1, transactional=True, in_addition=True), campaign(2), follow_ups=(step,))
    past: History = history(
        {"campaign": 1, "at": YESTERDAY, "transactional": True, "takes_slot": False}
    )

    assert verdicts(rules, past) == [Verdict.ALLOWED, Verdict.ALLOWED]


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({}, "2 in 7 rolling days (24 hours each): all messages"),
        ({"channel": "sms"}, "2 in 7 rolling days (24 hours each): SMS"),
        ({"tag": Tag(name="offers")}, "2 in 7 rolling days (24 hours each): tag “offers”"),
    ],
)
def test_a_cap_is_listed_with_what_it_counts(scope, words):
    assert cap_in_words(FrequencyCap(limit=2, **scope)) == words

"""When limits release a customer, against asking the limits themselves on every day to come."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from campaigns.numerics.foresight import NEVER
from campaigns.numerics.history import History
from campaigns.numerics.releases import cap_free_in, free_in, gap_free_in
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapEntry, ExclusionEntry, GapEntry
from campaigns.numerics.verdict_codes import Verdict
from campaigns.numerics.verdicts import limit_verdicts
from tests.campaigns.numerics.test_verdicts import NOW, book, campaign

N, A, DAYS = 6, 4, 40
ZONES = np.array(["UTC", "Pacific/Auckland", "America/Los_Angeles"] * 2)


def random_book(rng) -> Rulebook:
    owed = rng.random(A) < 0.1
    entries = [
        campaign(
            c,
            transactional=bool(owed[c]),
            exempt_from_caps=bool(rng.random() < 0.2),
            not_counted_by_caps=bool(rng.random() < 0.2),
            ignores_durations_of=tuple(np.flatnonzero(rng.random(A) < 0.2).tolist()),
            tags=tuple({5, 6} & set(rng.integers(4, 8, 2).tolist())),
            repeat_after_days=int(rng.integers(0, 12)),
            duration_days=int(rng.choice([0, 0, 4])),
            ignores_durations=bool(rng.random() < 0.3),
            in_addition=bool(owed[c] or rng.random() < 0.1),
        )
        for c in range(A)
    ]
    windows = rng.choice(["days", "hours", "day", "week", "month"], 2)
    lengths = {"days": int(rng.integers(1, 15)), "hours": int(rng.integers(1, 100))}
    caps = tuple(
        CapEntry(
            "cap",
            str(rng.choice(["", "sms"])),
            5 if rng.random() < 0.3 else None,
            None if rng.random() < 0.1 else int(rng.integers(0, 4)),
            str(window),
            lengths.get(str(window), 1),
            week_starts_on=int(rng.integers(1, 8)),
            counts_transactional=bool(rng.random() < 0.5),
        )
        for window in windows
    )
    caps = tuple(replace(cap, channel="") if cap.tag else cap for cap in caps)
    exclusions = (
        ExclusionEntry("by campaign", int(rng.integers(A)), None, (0, 1), int(rng.integers(1, 9))),
        ExclusionEntry("by tag", None, 6, (1, 2), int(rng.integers(1, 9))),
    )
    channels = tuple(str(channel) for channel in rng.choice(["email", "sms"], A))
    gaps = tuple(
        GapEntry("gap", str(rng.choice(["", "sms"])), int(rng.integers(1, 120))) for _ in range(2)
    )
    return book(*entries, channels=channels, caps=caps, exclusions=exclusions, gaps=gaps)


def past_of(rules: Rulebook, customer, action, days_ago) -> History:
    entries = [rules.campaigns[a] for a in action]
    channel = np.array([rules.actions[a].channel for a in action], dtype="<U5")
    return History(
        customer=customer,
        campaign_id=np.array([entry.id for entry in entries], dtype=np.int64),
        by_channel={"sms": channel == "sms"},
        by_tag={t: np.array([t in e.tags for e in entries], dtype=bool) for t in (5, 6)},
        takes_slot=np.array([not entry.in_addition for entry in entries], dtype=bool),
        counted=np.array([not entry.not_counted_by_caps for entry in entries], dtype=bool),
        transactional=np.array([entry.transactional for entry in entries], dtype=bool),
        days_ago=days_ago,
        reserved_at=np.datetime64(NOW.replace(tzinfo=None), "us")
        - days_ago.astype("timedelta64[D]"),
        responded=np.zeros(len(action), dtype=bool),
    )


def first_days(rules: Rulebook, past: History) -> np.ndarray:
    """(N, A) the first day from today on that limits allow, computed day by day."""
    first = np.full((N, A), NEVER)
    for day in reversed(range(DAYS)):
        then = replace(past, days_ago=past.days_ago + day)
        at = NOW + timedelta(days=day)
        codes = limit_verdicts(rules, np.zeros((N, A), dtype=np.int16), then, ZONES, at=at)
        first[codes == Verdict.ALLOWED] = day
    return first


@pytest.mark.parametrize("seed", range(25))
def test_releases_are_those_that_the_limits_give_day_by_day(seed):
    rng = np.random.default_rng(seed)
    rules = random_book(rng)
    h = 15
    drawn = rng.integers(0, N, h), rng.integers(0, A, h), rng.integers(1, 20, h)
    past = past_of(rules, *drawn)
    caps = [cap_free_in(cap, past, ZONES, NOW) for cap in rules.caps]
    gaps = [gap_free_in(gap, past, N, NOW) for gap in rules.gaps]

    def free_from(u: int) -> np.ndarray:
        free = free_in(rules, u, past, N)
        for (now, _one_more), scope in zip(caps, rules.masks.stopped_by_cap, strict=True):
            free = np.maximum(free, now) if scope[u] else free
        for days, scope in zip(gaps, rules.masks.under_gap, strict=True):
            free = np.maximum(free, days) if scope[u] else free
        return free

    expected = first_days(rules, past)
    for u in range(A):
        assert free_from(u).tolist() == expected[:, u].tolist()

    # And after one more contact by `a` today, for the campaigns of others.
    for a in range(A):
        more = (np.arange(N), np.full(N, a), np.zeros(N, dtype=np.int64))
        with_one = past_of(rules, *map(np.concatenate, zip(drawn, more, strict=True)))
        expected = first_days(rules, with_one)
        for u in set(range(A)) - {a}:
            held = free_from(u)
            for block in rules.blocking.blocks[u]:
                if a in block.by:
                    held = np.maximum(held, block.days)
                    for cap in block.caps:
                        held = np.maximum(held, caps[cap][1])
            assert np.maximum(held, 0).tolist() == expected[:, u].tolist()

"""Stored codes: every one that can be written is read back as what it was."""

import numpy as np
import pytest

from campaigns.numerics.foresight import NEVER
from campaigns.numerics.verdict_codes import (
    Meaning,
    Verdict,
    facts_of_codes,
    is_allowed_by_facts,
    is_kind,
    is_upcoming,
    limit_code,
    meaning_of,
    upcoming_codes,
    upcoming_days,
)

KINDS = (Verdict.CAPPED, Verdict.EXCLUDED, Verdict.DURATION, Verdict.OVER_BUDGET, Verdict.GAP)
ALONE = [verdict for verdict in Verdict if verdict < Verdict.CAPPED]


def codes(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int16)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [  # as they are in the databases of old runs
        (0, Meaning(Verdict.ALLOWED)),
        (11, Meaning(Verdict.NOT_IN_TARGET_GROUP)),
        (1003, Meaning(Verdict.CAPPED, index=3)),
        (2000, Meaning(Verdict.EXCLUDED, index=0)),
        (3012, Meaning(Verdict.DURATION, index=12)),
        (4001, Meaning(Verdict.OVER_BUDGET, index=1)),
        (5999, Meaning(Verdict.GAP, index=999)),
        (10_300, Meaning(Verdict.UPCOMING, days_until=3)),
        (19_001, Meaning(Verdict.UPCOMING, days_until=90, days_open=1)),
    ],
)
def test_a_code_keeps_its_meaning(code, meaning):
    assert meaning_of(code) == meaning


def test_a_verdict_without_details_is_its_own_code():
    for verdict in ALONE:
        assert meaning_of(int(verdict)) == Meaning(verdict)


def test_a_limit_is_read_back_with_its_place():
    for kind in KINDS:
        for index in range(1000):
            code = limit_code(kind, index)
            assert meaning_of(code) == Meaning(kind, index=index)
            assert [k for k in KINDS if is_kind(codes(code), k)[0]] == [kind]


def test_days_to_come_are_read_back():
    first, last = np.meshgrid(np.arange(1, NEVER), np.arange(1, NEVER))
    first, last = first[first <= last], last[first <= last]

    written = upcoming_codes(first, last)

    assert written.dtype == np.int16
    assert is_upcoming(written).all()
    for read_back, expected in zip(upcoming_days(written), (first, last), strict=True):
        assert read_back.tolist() == expected.tolist()
    for code, start, end in zip(written.tolist(), first.tolist(), last.tolist(), strict=True):
        expected = Meaning(Verdict.UPCOMING, days_until=start, days_open=end - start)
        assert meaning_of(code) == expected


def test_what_only_contacts_of_before_or_ranks_hold_back_is_possible_today_by_the_facts():
    by_past = codes(0, 12, 20, 30, 1000, 2003, 3001, 4000, 5002)
    by_facts = codes(1, 3, 10, 11, 13, 14, 16, 18)

    assert is_allowed_by_facts(by_past).all()
    assert facts_of_codes(by_past).tolist() == [0] * len(by_past)
    assert not is_allowed_by_facts(by_facts).any()
    assert facts_of_codes(by_facts).tolist() == by_facts.tolist()
    first, last = upcoming_days(np.concatenate([by_past, by_facts]))
    assert first.tolist() == [0] * len(by_past) + [NEVER] * len(by_facts)
    assert (last == NEVER).all()


def test_what_is_to_come_is_a_fact():
    code = upcoming_codes(np.array([2]), np.array([5]))

    assert facts_of_codes(code).tolist() == code.tolist()
    assert facts_of_codes(code).dtype == np.int16

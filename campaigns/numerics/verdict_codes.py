"""Why an action is allowed or not, as a small integer: how it is written and read.

Decisions store these codes, and old runs are replayed from them, so a code never changes meaning.

    below 1000         only the verdict
    1000 to 9999       the kind of limit in thousands, and which one of the rulebook: 1003 is cap 3
    10 000 and above   UPCOMING + 100 * days until it becomes possible + days that it then stays so
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.counting import Mask
from campaigns.numerics.foresight import NEVER

Codes = NDArray[np.int16]
Days = NDArray[np.int64]

KIND = 1000  # a limit's code is its kind and, below this, its place in the rulebook
DAY = 100  # of UPCOMING: first day in hundreds, above the foresight's


class Verdict(IntEnum):
    ALLOWED = 0
    HOLDOUT = 1
    SUPPRESSED = 2
    NO_CONSENT = 3
    NO_ADDRESS = 4
    ADDRESS_SUPPRESSED = 5
    TOPIC_DECLINED = 6
    CONSENT_UNCLEAR = 7  # the newest statement about the channel could not be read
    NOT_SCHEDULED = 10
    NOT_IN_TARGET_GROUP = 11
    SERIES_NOT_OPEN = 12
    MIX_SET_BY_HAND = 13
    STEP_NOT_DUE = 14  # of a journey map: the customer is not waiting for it
    NOT_TRIGGERED = 15  # no event that it answers
    NOT_ASKED = 16  # in real time: for other channels or campaigns; a day's run: only on request
    STALE_FEATURES = 17  # the day's state was missing, and it is not to run anyway
    UNKNOWN_FEATURE = 18  # the state does not hold one that the target group asks for
    REPEATED_TOO_SOON = 20
    SHARED_ADDRESS = 21  # somebody else with the address got the day's message through the channel
    MERGED = 22  # into another record of the same person, who is decided for under that one
    OUTRANKED = 30
    # Kinds of limits: see `limit_code`.
    CAPPED = 1000
    EXCLUDED = 2000
    DURATION = 3000  # its place is that of the campaign whose duration is running
    OVER_BUDGET = 4000  # too little left of a budget or volume limit
    GAP = 5000
    UPCOMING = 10_000  # see `upcoming_codes`


# What comes from earlier contacts and from ranks; all else follows from facts about the customer.
NOT_FACTS = (
    Verdict.SERIES_NOT_OPEN,
    Verdict.REPEATED_TOO_SOON,
    Verdict.SHARED_ADDRESS,
    Verdict.MERGED,
    Verdict.OUTRANKED,
)


@dataclass(frozen=True)
class Meaning:
    """A code in its parts."""

    verdict: Verdict
    index: int = 0  # of the limit among those of its kind in the rulebook
    days_until: int = 0  # UPCOMING: days until it becomes possible, 1 is tomorrow
    days_open: int = 0  # UPCOMING: days that it then stays so, after the first


def meaning_of(code: int) -> Meaning:
    if code >= Verdict.UPCOMING:
        days_until, days_open = divmod(code - Verdict.UPCOMING, DAY)
        return Meaning(Verdict.UPCOMING, days_until=days_until, days_open=days_open)
    if code >= KIND:
        return Meaning(Verdict(code // KIND * KIND), index=code % KIND)
    return Meaning(Verdict(code))


def limit_code(kind: Verdict, index: int) -> int:
    """The code of a limit. index : among those of its kind in the rulebook, from 0."""
    return kind + index


def upcoming_codes(first: Days, last: Days) -> Codes:
    """The codes of what becomes possible on a first day and stays so until a last one.

    Days from today, within the foresight.
    """
    return (Verdict.UPCOMING + DAY * first + last - first).astype(np.int16)


def upcoming_days(codes: Codes) -> tuple[Days, Days]:
    """From which day on, and until which, both included, an action is possible by the facts.

    Days from today, 0 is today; NEVER in both where it is not, or not within the foresight.
    """
    first, stays = np.divmod(codes.astype(np.int64) - Verdict.UPCOMING, DAY)
    upcoming = is_upcoming(codes)
    first = np.where(upcoming, first, np.where(is_allowed_by_facts(codes), 0, NEVER))
    return first, np.where(upcoming, first + stays, NEVER)


def is_upcoming(codes: Codes) -> Mask:
    return codes >= Verdict.UPCOMING


def is_kind(codes: Codes, kind: Verdict) -> Mask:
    """Whether a limit of a kind was in the way, whichever one."""
    return codes // KIND == kind // KIND


def is_allowed_by_facts(codes: Codes) -> Mask:
    """Whether nothing but limits, contacts of before and ranks is in the way, if anything is."""
    by_limit = (codes >= KIND) & ~is_upcoming(codes)
    return (codes == Verdict.ALLOWED) | by_limit | np.isin(codes, NOT_FACTS)


def facts_of_codes(codes: Codes) -> Codes:
    """The codes by facts: without what limits, contacts of before and ranks said."""
    return np.where(is_allowed_by_facts(codes), np.int16(Verdict.ALLOWED), codes)


def block(codes: Codes, where: Mask, code: int) -> None:
    """Write `code` where nothing blocked before: the first reason is the one that is kept."""
    codes[(codes == Verdict.ALLOWED) & where] = code

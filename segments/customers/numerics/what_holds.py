"""Which of all the statements about one channel or topic holds, and why.

The newest by the time it was said; of several at one time a no, before what could not be read,
before a yes. What the customer withdrew in person is brought back only by a later statement that
may do so. What could not be read holds the channel until a later statement can be.

The database derives the same for many customers at once: segments.customers.derive_consents.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Said:
    """One statement, as far as it decides what holds."""

    said_at: datetime
    says_yes: bool | None  # None: it could not be read
    by_customer: bool = False
    brings_back: bool = False  # a yes that counts although the customer withdrew before


class Why(StrEnum):
    NOTHING_SAID = "nothing said"
    NEWEST = "newest"
    NO_AT_THE_SAME_TIME = "no at the same time"
    WITHDRAWN_BY_CUSTOMER = "withdrawn by the customer"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Holding:
    """What holds. allowed : None where that is unclear. said : the statement that decides."""

    allowed: bool | None
    why: Why
    said: Said | None = None


# What people write where they have no proof.
NO_PROOF = frozenset(
    {"", "-", "--", "–", "—", "?", ".", "n/a", "na", "n.a.", "nan", "nil", "none", "null"}
    | {"unknown", "unbekannt", "inconnu", "desconocido", "desconhecido", "missing", "tbd"}
)


def is_proof(text: str) -> bool:
    """Whether a text says anything about how a consent was given."""
    return text.strip().lower() not in NO_PROOF


def brings_back(
    *, says_yes: bool | None, by_customer: bool, has_own_time: bool, has_proof: bool
) -> bool:
    """Whether a statement ends a withdrawal by the customer that was said before it.

    has_own_time : it says when it was said; else its time is that of its arrival or of its file.
    """
    return bool(says_yes) and has_own_time and (by_customer or has_proof)


def what_holds(statements: Iterable[Said]) -> Holding:
    """Of statements about one channel or topic, in any order."""
    statements = list(statements)
    if not statements:
        return Holding(allowed=False, why=Why.NOTHING_SAID)
    withdrawals = [s for s in statements if s.says_yes is False and s.by_customer]
    if withdrawals:
        withdrawal = max(withdrawals, key=lambda s: s.said_at)
        if not any(s.brings_back and s.said_at > withdrawal.said_at for s in statements):
            return Holding(allowed=False, why=Why.WITHDRAWN_BY_CUSTOMER, said=withdrawal)
    newest = max(statements, key=lambda s: (s.said_at, _caution(s)))
    if newest.says_yes is None:
        return Holding(allowed=None, why=Why.UNREADABLE, said=newest)
    overrules = newest.says_yes is False and any(
        s.said_at == newest.said_at and s.says_yes for s in statements
    )
    why = Why.NO_AT_THE_SAME_TIME if overrules else Why.NEWEST
    return Holding(allowed=newest.says_yes, why=why, said=newest)


def _caution(said: Said) -> int:
    return {True: 0, None: 1, False: 2}[said.says_yes]

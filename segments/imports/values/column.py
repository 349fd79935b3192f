"""How a column of cells is read: what it says as a whole, then each distinct spelling once.

A reader turns the ways in which people write a value into the one that the database reads
(*respelling*). It looks at all distinct cells of a column first, because what one cell leaves open
(is 03/04 in March or in April?) another one settles.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

UNKNOWN = ""  # the spelling of a cell that says that the value is not known
# What people write for it where a date, a country and the like is asked.
UNKNOWN_WORDS = {
    *("-", "--", "–", "—", "?", "(not set)", "(no value)", "not known", "not set", "not specified"),
    *("n/a", "n.a.", "na", "nan", "nil", "none", "null", "unknown", "unspecified", "unbekannt"),
    *("inconnu", "inconnue", "desconocido", "desconhecido", "sconosciuto", "onbekend", "nieznany"),
}


@dataclass(frozen=True)
class Unclear:
    """Why a cell cannot be read, where there is more to say than that it is no value."""

    code: str
    values: dict[str, str] = field(default_factory=dict)


Spelling = str | Unclear | None  # None: no value


class Reader:
    """Reads one column. Subclasses say how; this one leaves every cell as it is."""

    def look(self, cells: Sequence[str], counts: Sequence[int]) -> None:
        """See distinct cells of the column and how often each occurs. May be called repeatedly."""

    def wants_plain(self) -> bool:
        """Whether cells that need no respelling could settle something; called after the look."""
        return False

    def look_at_plain(self, n: int) -> None:
        """See how many such cells there are."""

    def question(self) -> str:
        """What the column leaves open and only a person can say: a code, or nothing."""
        return ""

    def understanding(self) -> str:
        """How the column is read, where there was a choice: a code, or nothing."""
        return ""

    def spell(self, cells: Sequence[str]) -> list[Spelling]:
        """The spellings of distinct cells that the database reads."""
        return [self.spell_one(cell) for cell in cells]

    def spell_one(self, cell: str) -> Spelling:
        return cell


def says_unknown(cell: str) -> bool:
    return cell.strip().casefold() in UNKNOWN_WORDS


def majority(first: int, second: int) -> int:
    """Which of two contradicting kinds of evidence holds: 1, 2, or 0 for neither.

    One cell in a hundred may be a mistake; more than that is a second way of writing.
    """
    if first * 100 < second:
        return 2
    return 1 if second * 100 < first else 0

"""Customers who share addresses: what reached one of them by an address counts for the others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes, Verdict, block
from segments.channels import address_field


@dataclass(frozen=True)
class Sharing:
    """Of a batch of n customers: with whom each of them shares which address.

    others : by row, pairs of an address's field and another customer's id; only rows with some.
    """

    n: int
    others: Mapping[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    row_of: Mapping[int, int] = field(default_factory=dict)  # of ids that are in the batch

    @classmethod
    def of(
        cls, groups: Iterable[tuple[str, Sequence[int]]], customer_ids: NDArray[np.int64]
    ) -> "Sharing":
        """groups : an address's field and the ids of all who share it."""
        rows = {int(pk): row for row, pk in enumerate(customer_ids.tolist())}
        others: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for written_to, ids in groups:
            for pk in ids:
                if pk in rows:
                    others[rows[pk]] += [(written_to, other) for other in ids if other != pk]
        kept = {row: tuple(pairs) for row, pairs in others.items()}
        inside = {pk: row for pk, row in rows.items() if row in kept}
        return cls(len(customer_ids), kept, inside)

    @property
    def other_ids(self) -> list[int]:
        """Everybody with whom somebody of the batch shares an address."""
        return sorted({pk for pairs in self.others.values() for _field, pk in pairs})

    def waves(self) -> list[NDArray[np.int64]]:
        """Rows in the order in which they are decided: of those who share an address one by one,
        the smallest id first; everybody else, and each first one, at once."""
        wave = np.zeros(self.n, dtype=np.int64)
        for row in sorted(self.others):
            before = [self.row_of[pk] for _field, pk in self.others[row] if pk in self.row_of]
            earlier = [wave[other] for other in before if other < row]
            wave[row] = 1 + max(earlier, default=-1)
        return [np.flatnonzero(wave == number) for number in range(int(wave.max(initial=0)) + 1)]


class MailboxesOfToday:
    """Through which channels the batch's customers got the message of the day's slot so far."""

    def __init__(self, book: Rulebook, sharing: Sharing) -> None:
        self.book, self.sharing = book, sharing
        self.is_regular = book.flags.takes_slot & ~book.flags.transactional
        self.used: dict[int, str] = {}  # by row

    def note(self, rows: NDArray[np.int64], actions: NDArray[np.int64]) -> None:
        """actions : (len(rows),) of the slot; below 0 is none. Withheld ones are noted, too."""
        for row, action in zip(rows.tolist(), actions.tolist(), strict=True):
            if row in self.sharing.others and action >= 0 and self.is_regular[action]:
                self.used[row] = self.book.actions[action].channel

    def block(self, codes: Codes, rows: NDArray[np.int64]) -> None:
        """One message a day through a mailbox: what those before got blocks its channel."""
        for row in rows.tolist():
            channels = set()
            for written_to, pk in self.sharing.others.get(row, ()):
                channel = self.used.get(self.sharing.row_of.get(pk, -1), "")
                if channel and address_field(channel) == written_to:
                    channels.add(channel)
            if channels:
                block_shared(self.book, codes, row, channels)


def block_shared(book: Rulebook, codes: Codes, row: int, channels: Iterable[str]) -> None:
    """No message of the day's slot for a row through channels by which the mailbox got one."""
    where = np.zeros(len(book.actions), dtype=bool)
    for channel in channels:
        where |= book.flags.through(channel)
    where &= book.flags.takes_slot & ~book.flags.transactional
    verdicts = codes[row]
    block(verdicts, where, Verdict.SHARED_ADDRESS)
    codes[row] = verdicts

"""Changes to a rulebook, one class each: what if these had been the rules?

Campaigns and actions keep their places, so that what was computed per action still fits. A
change that does not concern a rulebook, because its campaign was not in it, leaves it as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Protocol

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CampaignEntry, CapEntry, ExclusionEntry


class Change(Protocol):
    def apply(self, book: Rulebook) -> Rulebook: ...


def changed(book: Rulebook, changes: Iterable[Change]) -> Rulebook:
    """The rulebook with all changes, in their order."""
    return reduce(lambda done, change: change.apply(done), changes, book)


@dataclass(frozen=True)
class Written:
    """A change with the text of the request."""

    text: str
    change: Change

    def apply(self, book: Rulebook) -> Rulebook:
        return self.change.apply(book)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class SetRank:
    campaign_id: int
    rank: int | None  # None is Auto

    def apply(self, book: Rulebook) -> Rulebook:
        return _with_campaign(book, self.campaign_id, rank=self.rank)


@dataclass(frozen=True)
class Pause:
    """The campaign is not sent, opens no more, and its earlier contacts no longer last."""

    campaign_id: int

    def apply(self, book: Rulebook) -> Rulebook:
        paused = _with_campaign(
            book,
            self.campaign_id,
            runs_today=False,
            next_in_days=None,
            runs_in_days=(),
            duration_days=0,
        )
        steps = (s for s in book.follow_ups if book.campaigns[s.target].id != self.campaign_id)
        return replace(paused, follow_ups=tuple(steps))


@dataclass(frozen=True)
class Retarget:
    campaign_id: int
    rule: dict[str, Any]  # of the new target group; {} is everyone

    def apply(self, book: Rulebook) -> Rulebook:
        return _with_campaign(book, self.campaign_id, rule=self.rule)


@dataclass(frozen=True)
class SetCap:
    """Another limit, and perhaps another window, for the caps of a name."""

    name: str
    limit: int
    window: str | None = None  # None keeps window and length
    length: int = 1

    def apply(self, book: Rulebook) -> Rulebook:
        return replace(book, caps=tuple(map(self._set, book.caps)))

    def _set(self, cap: CapEntry) -> CapEntry:
        if cap.name != self.name:
            return cap
        if self.window is None:
            return replace(cap, limit=self.limit)
        return replace(cap, limit=self.limit, window=self.window, length=self.length)


@dataclass(frozen=True)
class AddCap:
    cap: CapEntry

    def apply(self, book: Rulebook) -> Rulebook:
        return replace(book, caps=(*book.caps, self.cap))


@dataclass(frozen=True)
class DropCap:
    name: str

    def apply(self, book: Rulebook) -> Rulebook:
        return replace(book, caps=tuple(cap for cap in book.caps if cap.name != self.name))


@dataclass(frozen=True)
class Exclude:
    """A contact by one campaign shuts out another for some days."""

    campaign_id: int
    excluded_id: int
    days: int

    def apply(self, book: Rulebook) -> Rulebook:
        targets = tuple(i for i, c in enumerate(book.campaigns) if c.id == self.excluded_id)
        if not targets:
            return book
        entry = ExclusionEntry("what if", self.campaign_id, None, targets, self.days)
        return replace(book, exclusions=(*book.exclusions, entry))


@dataclass(frozen=True)
class DropExclusion:
    name: str

    def apply(self, book: Rulebook) -> Rulebook:
        kept = tuple(entry for entry in book.exclusions if entry.name != self.name)
        return replace(book, exclusions=kept)


def _with_campaign(book: Rulebook, campaign_id: int, **fields: Any) -> Rulebook:
    def one(entry: CampaignEntry) -> CampaignEntry:
        return replace(entry, **fields) if entry.id == campaign_id else entry

    return replace(book, campaigns=tuple(map(one, book.campaigns)))

"""What a limit counts, whom it holds back and until when: the one definition of each.

The run and its look-ahead ask about many contacts or actions at once, the check before sending asks
about one message of one customer. Both ask these functions: arrays of flags
give an array, plain flags a plain result.

Moments are in UTC, `datetime` or `datetime64`; days are whole calendar days of the organisation.
"""

from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook_entries import CapEntry, GapEntry

Mask = NDArray[np.bool_]
Flag = TypeVar("Flag", bool, Mask)
FlagOut = TypeVar("FlagOut", bool, Mask, covariant=True)
Moment = TypeVar("Moment", datetime, NDArray[np.datetime64])
Days = TypeVar("Days", int, NDArray[np.int64])


class Marketing(Protocol[FlagOut]):
    """Of which campaign something is, and whether limits concern it at all."""

    @property
    def takes_slot(self) -> FlagOut: ...  # False: sent alongside the day's campaign

    @property
    def transactional(self) -> FlagOut: ...

    def of_campaign(self, campaign_id: int) -> FlagOut: ...

    def tagged(self, tag: int | None) -> FlagOut: ...  # None: with whatever tags


class Message(Marketing[FlagOut], Protocol[FlagOut]):
    def through(self, channel: str) -> FlagOut: ...  # "": by any channel


class Contact(Message[FlagOut], Protocol[FlagOut]):
    """What a customer got, sent or withheld, with the flags and tags it had when decided."""

    @property
    def counted(self) -> FlagOut: ...  # False: its campaign is not counted by caps


class CanIgnoreDurations(Marketing[FlagOut], Protocol[FlagOut]):
    @property
    def ignores_durations(self) -> FlagOut: ...

    def ignores_duration_of(self, campaign_id: int) -> FlagOut: ...


class Candidate(Message[FlagOut], CanIgnoreDurations[FlagOut], Protocol[FlagOut]):
    """What may be sent now, with the flags and tags it has."""

    @property
    def exempt_from_caps(self) -> FlagOut: ...


class Source(Protocol):
    """What an exclusion starts from: a campaign's contacts, else those with a tag."""

    @property
    def source_campaign(self) -> int | None: ...

    @property
    def source_tag(self) -> int | None: ...


def negated(flag: Flag) -> Flag:
    return flag ^ True


def is_regular(message: Marketing[Flag]) -> Flag:
    """It takes the slot of the day: neither transactional nor alongside the day's campaign."""
    return message.takes_slot & negated(message.transactional)


# Frequency caps


def in_scope(cap: CapEntry, message: Message[Flag]) -> Flag:
    return message.through(cap.channel) & message.tagged(cap.tag)


def counts_towards(cap: CapEntry, contact: Contact[Flag]) -> Flag:
    """Whether a contact uses up a cap's limit while it is in the window."""
    kind = is_regular(contact) | (contact.transactional & cap.counts_transactional)
    return contact.counted & kind & in_scope(cap, contact)


def is_stopped_by(cap: CapEntry, message: Candidate[Flag]) -> Flag:
    """Whether a cap holds a message back once it is full."""
    is_bound = is_regular(message) & negated(message.exempt_from_caps)
    return is_bound & in_scope(cap, message) & (cap.limit is not None)


def is_in_window(cap: CapEntry, moment: Any, start: Any) -> Any:
    """Whether a contact at a moment is in the window that began at `start`.

    A contact exactly as old as a rolling window is not; the first moment of a calendar window is.
    One planned for later is in every window.
    """
    return moment > start if cap.is_rolling else moment >= start


def leaves_window_at(cap: CapEntry, moment: Moment) -> Moment:
    """When a contact no longer counts towards a rolling cap."""
    return _later(moment, cap.span)


# Minimum gaps


def is_under_gap(gap: GapEntry, message: Message[Flag]) -> Flag:
    """Whether a contact starts the gap; and whether a message waits for it: the same ones."""
    return is_regular(message) & message.through(gap.channel)


def gap_ends_at(gap: GapEntry, moment: Moment) -> Moment:
    """When a gap that a contact started is over: from then on messages may leave."""
    return _later(moment, gap.span)


# Exclusions and durations (cool-downs)


def belongs_to(campaign_id: int | None, tag: int | None, message: Marketing[Flag]) -> Flag:
    """Whether it is of the campaign or, where none is named, has the tag."""
    return message.tagged(tag) if campaign_id is None else message.of_campaign(campaign_id)


def starts_exclusion(exclusion: Source, contact: Marketing[Flag]) -> Flag:
    is_source = belongs_to(exclusion.source_campaign, exclusion.source_tag, contact)
    return is_source & negated(contact.transactional)


def is_excluded(is_target: Flag, message: Marketing[Flag]) -> Flag:
    """Whether an exclusion shuts out a message. is_target : see `belongs_to`."""
    return is_target & negated(message.transactional)


def starts_duration(campaign_id: int, contact: Marketing[Flag]) -> Flag:
    """Whether a campaign's duration runs from a contact."""
    return is_regular(contact) & contact.of_campaign(campaign_id)


def respects_duration(campaign_id: int, message: CanIgnoreDurations[Flag]) -> Flag:
    """Whether a message waits while a campaign's duration runs; its own never waits."""
    ignores = message.ignores_durations | message.ignores_duration_of(campaign_id)
    return is_regular(message) & negated(message.of_campaign(campaign_id)) & negated(ignores)


def days_left(days: Days | int, days_ago: Days) -> Days:
    """Days until an exclusion or duration, or a repetition, no longer holds; from 0 on it does not.

    days : that it lasts, the contact's own day among them. days_ago : of the contact, 0 is today.
    """
    return days - days_ago


def _later(moment: Moment, span: timedelta) -> Moment:
    return moment + (span if isinstance(moment, datetime) else np.timedelta64(span))

"""Rules that contradict each other, found without looking at any customer.

What is called certain follows only from the rules, whatever customers do, as far ahead as schedules
are known. Not considered: whether anybody is in a target group, and who gave which consent.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.capacity import use_of
from campaigns.numerics.counting import is_regular, starts_exclusion
from campaigns.numerics.foresight import FORESIGHT_DAYS
from campaigns.numerics.quiet_hours import next_open
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CALENDAR_DAYS, SCHEDULE
from segments.channels import inbound_channels
from segments.rules.numerics.rule import FEATURE
from segments.rules.numerics.rule_proof import both, in_stage, is_contradiction, is_within

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)  # a week in which no clock changes
CLOCK_CHANGE = 1  # hours by which a day may be longer
LONGEST = {window: days * 24 + CLOCK_CHANGE for window, days in CALENDAR_DAYS.items()}  # hours


@dataclass(frozen=True)
class ShutOut:
    """A campaign keeps another away, and is back before that one gets its turn."""

    source: int  # index of a campaign
    exclusion: int | None  # index; None: by the source's own duration
    days: int  # that the other is shut out after a contact
    again: int  # days after which the source comes back
    is_certain: bool  # it goes first, and whatever holds it back holds the other back, too
    is_for_all: bool  # it reaches all whom the other could
    stages: tuple[str, ...]  # else: the stages in which it does


def actions_of(book: Rulebook, campaign: int) -> NDArray[np.int64]:
    """Indices of the actions that the campaign may use."""
    return np.flatnonzero((book.campaign_of == campaign) & ~book.closed_by_mix)


def zero_cap(book: Rulebook, action: int) -> int | None:
    """The first cap that allows no contact by this action."""
    caps = (
        i
        for i, cap in enumerate(book.caps)
        if cap.limit == 0 and book.masks.stopped_by_cap[i, action]
    )
    return next(caps, None)


def is_always_quiet(
    book: Rulebook, channel: str, country: str, zones: tuple[str, ...] = ("UTC",)
) -> bool:
    """Whether quiet hours cover the whole week, for customers who may be in any of these zones.

    One zone represents all: they have the same days.
    """
    return next_open(book.quiet_hours, channel, country, zones, MONDAY) is None


def unreachable_caps(book: Rulebook) -> Iterator[tuple[int, int, int]]:
    """(gap, cap, most): so few contacts fit into the cap's window that it never fills."""
    for c, cap in enumerate(book.caps):
        hours = LONGEST.get(cap.window) or cap.hours
        for g, gap in enumerate(book.gaps):
            most = -(-hours // gap.hours)
            is_spaced = gap.channel in ("", cap.channel) and not cap.counts_transactional
            if is_spaced and cap.limit is not None and most < cap.limit:
                yield g, c, most


def dead_steps(book: Rulebook) -> Iterator[tuple[int, int]]:
    """(follow-up, days): its source's own contact shuts it out until it is possible no more."""
    index = {campaign.id: i for i, campaign in enumerate(book.campaigns)}
    for step_index, step in enumerate(book.follow_ups):
        source = index.get(step.source_id)
        if source is None:
            continue
        days = _days_away(book, source, step.target)
        if source == step.target:
            repeat = book.campaigns[source].repeat_after_days
            days = max(days, FORESIGHT_DAYS if repeat is None else repeat)
        if days >= step.after_days + step.within_days:
            yield step_index, days


def _days_away(book: Rulebook, source: int, target: int) -> int:
    """Days, that of the source's contact among them, on which no action of the target is possible.

    Exclusions and durations count such days. Gaps and caps count hours: two day's runs are whole
    days apart, or an hour less or more; else the contact may be a day's first and the turn of the
    target another day's last.
    """
    cells = np.ix_(actions_of(book, source), actions_of(book, target))
    if not book.blocking.hours_by_one_contact[cells].size:
        return 0
    hours = book.blocking.hours_by_one_contact[cells] - CLOCK_CHANGE
    is_by_runs = _only_by_runs(book, source) and _only_by_runs(book, target)
    days = -(-hours // 24) if is_by_runs else hours // 24
    return int(np.maximum(book.blocking.excluded_days[cells], days).min())


def _only_by_runs(book: Rulebook, campaign: int) -> bool:
    """Whether it is decided in the day's run and at no other moment."""
    channels = {book.actions[a].channel for a in actions_of(book, campaign).tolist()}
    return book.campaigns[campaign].opened_by == SCHEDULE and channels.isdisjoint(
        inbound_channels()
    )


def shut_outs(
    book: Rulebook,
    target: int,
    sources: Collection[int],
    stages: Collection[str],
    topics: Collection[int] = (),
) -> Iterator[ShutOut]:
    """Campaigns ranked before the target that are back before an exclusion or duration has ended.

    One that is Auto or goes later is not among them: nobody knows that it is sent each time.
    target, sources : indices of campaigns. stages : of the life cycle, all there are.
    topics : tags that a customer may have declined.
    """
    theirs = actions_of(book, target)
    if not len(theirs):
        return
    rule = book.rules[target]
    for source in sources:
        if book.campaigns[source].rank is None or source >= target:
            continue  # a rulebook's campaigns are in their order
        exclusion, days = _longest_block(book, source, theirs)
        again = _back_after(book, source, days)
        if again is None:
            continue
        reached = book.rules[source]
        is_for_all = is_within(rule, reached)
        within: tuple[str, ...] = ()
        if not is_for_all:
            if is_contradiction(both(rule, reached)):
                continue
            parts = [(stage, both(rule, in_stage(stage))) for stage in stages]
            alive = [(stage, part) for stage, part in parts if not is_contradiction(part)]
            within = tuple(stage for stage, part in alive if is_within(part, reached))
            is_for_all = len(alive) == len(within)
        yield ShutOut(
            source=source,
            exclusion=exclusion,
            days=days,
            again=again,
            is_certain=_goes_first(book, source, target, topics),
            is_for_all=is_for_all,
            stages=within,
        )


def _longest_block(
    book: Rulebook, source: int, theirs: NDArray[np.int64]
) -> tuple[int | None, int]:
    """The exclusion, None for the duration, that keeps all these actions away for longest."""
    longest: tuple[int | None, int] = None, 0
    entry = book.campaigns[source]
    if is_regular(entry) and book.masks.respects_duration[source, theirs].all():
        longest = None, entry.duration_days
    for index, exclusion in enumerate(book.exclusions):
        if not book.masks.excluded[index, theirs].all() or exclusion.days <= longest[1]:
            continue
        if starts_exclusion(exclusion, entry):
            longest = index, exclusion.days
    return longest


def _back_after(book: Rulebook, source: int, days: int) -> int | None:
    """Days until a campaign comes to a customer again, at the latest; None if after `days`."""
    entry = book.campaigns[source]
    is_step = any(step.target == source for step in book.follow_ups)
    if not days or is_step or entry.opened_by != SCHEDULE or entry.repeat_after_days is None:
        return None
    actions = np.flatnonzero(book.campaign_of == source)
    wait = max(entry.repeat_after_days, 1, *_own_exclusions(book, source, actions))
    runs = [0] * entry.runs_today + list(entry.runs_in_days)
    longest = 0
    for day in runs:
        if day + days > FORESIGHT_DAYS:
            break
        back = next((later for later in runs if later >= day + wait), None)
        if back is None or back - day > days:
            return None
        longest = max(longest, back - day)
    return longest or None


def _own_exclusions(book: Rulebook, source: int, actions: NDArray[np.int64]) -> list[int]:
    """Days for which a campaign shuts out itself, by a tag of its own."""
    entry = book.campaigns[source]
    return [
        exclusion.days
        for index, exclusion in enumerate(book.exclusions)
        if book.masks.excluded[index, actions].any() and starts_exclusion(exclusion, entry)
    ]


def _goes_first(book: Rulebook, source: int, target: int, topics: Collection[int]) -> bool:
    """Whether the target can never be sent while the source could, nor when it cannot.

    Apart from its rank: the source starts no later, runs every day, also on one whose data is
    missing if the target does, and whenever the target is decided: an event may come before the
    source had its turn. It reaches everyone whom the target's channels reach and who did not
    decline a topic of its own, asks for no feature that the target does without, and no limit
    holds it back that would let the target go.
    """
    first, second = book.campaigns[source], book.campaigns[target]
    of_first, of_second = actions_of(book, source), actions_of(book, target)
    channels = {book.actions[a].channel for a in of_first.tolist()}
    last = max((*second.runs_in_days, 0))
    return (
        not (first.in_addition or second.in_addition)
        and second.opened_by == SCHEDULE
        and (first.run_anyway or not second.run_anyway)
        and set(first.tags) & set(topics) <= set(second.tags)
        and _features(book, source) <= _features(book, target)
        and first.runs_today
        and first.runs_in_days[:last] == tuple(range(1, last + 1))
        and {book.actions[a].channel for a in of_second.tolist()} <= channels
        and not use_of(book)[:, of_first].any()
        and all(
            _holds_both(scopes[kept], of_first, of_second)
            for scopes, kept in (
                (book.masks.stopped_by_cap, slice(None)),
                (book.masks.under_gap, slice(None)),
                # What the target itself would shut out does not matter: it never comes.
                (book.masks.excluded, [e.source_campaign != second.id for e in book.exclusions]),
                (book.masks.respects_duration, [c.id != second.id for c in book.campaigns]),
            )
        )
    )


def _features(book: Rulebook, campaign: int) -> set[str]:
    """Those that its target group names: of one that a day's state lacks, it reaches nobody."""
    return {field for field in book.rules[campaign].fields() if field.startswith(FEATURE)}


def _holds_both(
    scopes: NDArray[np.bool_], of_first: NDArray[np.int64], of_second: NDArray[np.int64]
) -> bool:
    """Whether each limit that stops any of mine stops all of theirs."""
    return not (scopes[:, of_first].any(axis=1) & ~scopes[:, of_second].all(axis=1)).any()

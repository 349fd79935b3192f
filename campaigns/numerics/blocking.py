"""For how long a contact by one action keeps another action away."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.counting import Mask
from campaigns.numerics.foresight import NEVER
from campaigns.numerics.limit_masks import LimitMasks

Spans = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """How a contact today by any of some actions keeps another action from being sent."""

    by: NDArray[np.int64]  # indices of actions
    days: int  # whatever came before
    caps: tuple[int, ...]  # that it counts against, as the other does: indices


@dataclass(frozen=True)
class Blocking:
    """(A, A) each: by a contact of the row's action, for the column's."""

    masks: LimitMasks

    @cached_property
    def excluded_days(self) -> Spans:
        """Calendar days, the contact's among them, by exclusions and durations."""
        masks, campaigns = self.masks, self.masks.flags.campaigns
        lasting = [entry.days for entry in masks.exclusions]
        durations = [campaign.duration_days for campaign in campaigns]
        return np.maximum(
            self._longest(masks.starts_exclusion, masks.excluded, lasting),
            self._longest(masks.starts_duration, masks.respects_duration, durations),
        )

    @cached_property
    def _gap_hours(self) -> Spans:
        gaps = self.masks.under_gap
        return self._longest(gaps, gaps, [gap.hours for gap in self.masks.gaps])

    @cached_property
    def days(self) -> Spans:
        """Days by exclusions, durations and gaps, whatever came before; NEVER at most.

        The campaign's own repetition is not in it, nor are caps, which count what came before.
        """
        return np.minimum(np.maximum(self.excluded_days, -(-self._gap_hours // 24)), NEVER)

    @cached_property
    def hours_by_one_contact(self) -> Spans:
        """Hours by gaps, and by rolling caps of one, which a single contact fills."""
        caps = self.masks.caps
        filled = [cap.hours if cap.limit == 1 and cap.is_rolling else 0 for cap in caps]
        by_caps = self._longest(self.masks.counted_by_cap, self.masks.stopped_by_cap, filled)
        return np.maximum(self._gap_hours, by_caps)

    @cached_property
    def days_by_one_contact(self) -> Spans:
        """What `days` says, and rolling caps of one."""
        return np.maximum(self.days, -(-self.hours_by_one_contact // 24))

    @cached_property
    def blocks(self) -> tuple[tuple[Block, ...], ...]:
        """For each action, how the others block it: those that do it alike together."""
        campaign_of = self.masks.flags.campaign_of
        blocks = []
        for action in range(len(campaign_of)):
            counted = self.masks.counted_by_cap & self.masks.stopped_by_cap[:, [action]]
            how = np.vstack([self.days[:, action], counted]).T
            how[campaign_of == campaign_of[action]] = 0  # only others block a campaign
            kinds = np.unique(how[how.any(axis=1)], axis=0)
            blocks.append(
                tuple(
                    Block(
                        by=np.flatnonzero((how == kind).all(axis=1)),
                        days=int(kind[0]),
                        caps=tuple(np.flatnonzero(kind[1:]).tolist()),
                    )
                    for kind in kinds
                )
            )
        return tuple(blocks)

    def _longest(self, by: Mask, of: Mask, spans: Iterable[int]) -> Spans:
        """The longest span of the limits that a contact starts and the other action is under.

        by, of : (limits, A). spans : of each limit; 0 where it keeps nothing away.
        """
        longest = np.zeros((by.shape[1],) * 2, dtype=np.int64)
        for starts, waits, span in zip(by, of, spans, strict=True):
            if span:
                longest = np.maximum(longest, np.where(np.outer(starts, waits), span, 0))
        return longest

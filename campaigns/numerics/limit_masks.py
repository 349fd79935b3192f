"""Which actions each limit of a rulebook concerns."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from campaigns.numerics.action_flags import ActionFlags
from campaigns.numerics.counting import (
    Mask,
    counts_towards,
    is_excluded,
    is_stopped_by,
    is_under_gap,
    respects_duration,
    starts_duration,
    starts_exclusion,
)
from campaigns.numerics.rulebook_entries import CapEntry, ExclusionEntry, GapEntry


@dataclass(frozen=True)
class LimitMasks:
    """A row for each limit, a column for each of the A actions."""

    flags: ActionFlags
    caps: tuple[CapEntry, ...]
    gaps: tuple[GapEntry, ...]
    exclusions: tuple[ExclusionEntry, ...]

    @cached_property
    def stopped_by_cap(self) -> Mask:
        """(caps, A) what each cap holds back when it is full."""
        return self._rows(is_stopped_by(cap, self.flags) for cap in self.caps)

    @cached_property
    def counted_by_cap(self) -> Mask:
        """(caps, A) whose contacts use up each cap's limit."""
        return self._rows(counts_towards(cap, self.flags) for cap in self.caps)

    @cached_property
    def under_gap(self) -> Mask:
        """(gaps, A) what starts each gap and waits for it."""
        return self._rows(is_under_gap(gap, self.flags) for gap in self.gaps)

    @cached_property
    def starts_exclusion(self) -> Mask:
        """(exclusions, A) whose contacts start each exclusion."""
        return self._rows(starts_exclusion(entry, self.flags) for entry in self.exclusions)

    @cached_property
    def excluded(self) -> Mask:
        """(exclusions, A) what each exclusion shuts out."""
        targets = (np.isin(self.flags.campaign_of, entry.targets) for entry in self.exclusions)
        return self._rows(is_excluded(target, self.flags) for target in targets)

    @cached_property
    def starts_duration(self) -> Mask:
        """(campaigns, A) the campaign's own actions, where its duration runs from them."""
        return self._rows(starts_duration(c.id, self.flags) for c in self.flags.campaigns)

    @cached_property
    def respects_duration(self) -> Mask:
        """(campaigns, A) what waits while each campaign's duration runs."""
        return self._rows(respects_duration(c.id, self.flags) for c in self.flags.campaigns)

    def _rows(self, masks: Iterable[Mask]) -> Mask:
        """(limits, A), also where there are none."""
        return np.array(list(masks), dtype=bool).reshape(-1, len(self.flags))

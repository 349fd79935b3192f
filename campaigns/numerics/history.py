"""What customers got before, as arrays, and how far back a rulebook needs to know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.counting import Mask


@dataclass(frozen=True)
class History:
    """What the customers got before: h contacts, sent or withheld, in any order."""

    customer: NDArray[np.int64]  # (h,) row of the batch
    campaign_id: NDArray[np.int64]  # (h,)
    by_channel: Mapping[str, Mask]  # (h,) each, of the channels that limits name
    by_tag: Mapping[int, Mask]  # (h,) each, of the tags that limits name: as it was
    takes_slot: Mask  # (h,) False for those sent alongside the day's campaign
    counted: Mask  # (h,) False where the campaign was not counted by caps
    transactional: Mask  # (h,) outside of limits, but for caps that ask for them
    days_ago: NDArray[np.int64]  # (h,) calendar days of the organisation, 0 for those to come
    reserved_at: NDArray[np.datetime64]  # (h,) planned moment in UTC, microseconds
    responded: Mask  # (h,) so far; used where a series depends on it
    # (h,) False for what others with the same address got: it counts only where a limit names the
    # channel, and of no campaign. None: all are the customers' own.
    is_own: Mask | None = None
    # By channel, (n,): another customer with the address got the message of today's slot.
    reached_today: Mapping[str, Mask] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.customer)

    def of_campaign(self, campaign_id: int) -> Mask:
        return self.campaign_id == campaign_id

    def tagged(self, tag: int | None) -> Mask:
        return self._all if tag is None else self.by_tag[tag]

    def through(self, channel: str) -> Mask:
        return self.by_channel[channel] if channel else self.own

    @property
    def own(self) -> Mask:
        return self._all if self.is_own is None else self.is_own

    @cached_property
    def _all(self) -> Mask:
        return np.ones(len(self), dtype=bool)

    def per_customer(self, mask: Mask, n: int) -> NDArray[np.int64]:
        """How many contacts in `mask` each of the n customers had."""
        return np.bincount(self.customer[mask], minlength=n)

    def has_any(self, mask: Mask, n: int) -> Mask:
        """(n,) customers with a contact in `mask`."""
        return self.per_customer(mask, n) > 0

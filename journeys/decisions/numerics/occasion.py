"""What a decision is about: the day's run, or something that just happened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import EVENT
from campaigns.numerics.verdict_codes import Codes, Verdict, block
from segments.channels import inbound_channels


@dataclass(frozen=True)
class Occasion:
    """Which campaigns take part. By default those of the day's run: all that go out by schedule,
    series or step. An answer is one message, so additional messages take no part in it."""

    channels: tuple[str, ...] = ()  # inbound: only by these
    trigger_kind: str = ""  # kind of the event that arrived: only what it starts
    is_step: bool = False  # only steps of journeys

    def block_others(self, book: Rulebook, codes: Codes) -> None:
        """Write NOT_TRIGGERED or NOT_ASKED, (n, A), where a campaign takes no part."""
        by_event = self._of_campaigns(book, [c.opened_by == EVENT for c in book.campaigns])
        kind = self.trigger_kind
        started = self._of_campaigns(
            book, [bool(kind) and c.trigger_kind == kind for c in book.campaigns]
        )
        channels = np.array([action.channel for action in book.actions], dtype=object)
        block(codes, by_event & ~started, Verdict.NOT_TRIGGERED)
        if self.channels:
            concerned = np.isin(channels, self.channels) & book.flags.takes_slot
        else:
            concerned = ~np.isin(channels, inbound_channels())
        if self.trigger_kind:
            concerned &= by_event
        if self.is_step:
            concerned &= book.flags.opened_by_step
        block(codes, ~concerned[None, :], Verdict.NOT_ASKED)

    @staticmethod
    def _of_campaigns(book: Rulebook, flags: list[bool]) -> NDArray[np.bool_]:
        return np.array(flags, dtype=bool)[book.campaign_of]


DAILY = Occasion()

"""Steps of journey maps that are due: what lets a campaign of a map be sent at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes, Verdict, block


@dataclass(frozen=True)
class DueSteps:
    """k steps that customers of a batch are waiting at; of one campaign, one per customer."""

    traveller_ids: NDArray[np.int64]  # (k,)
    row: NDArray[np.int64]  # (k,) of the batch
    campaign_id: NDArray[np.int64]  # (k,)
    since: NDArray[np.datetime64]  # (k,) in UTC: who waits longest goes first
    is_control: NDArray[np.bool_]  # (k,) the map withholds its messages from this traveller
    control_share: NDArray[np.float64]  # (k,) P(is_control), the map's

    @classmethod
    def none(cls) -> "DueSteps":
        ids = np.zeros(0, dtype=np.int64)
        no, never = np.zeros(0, dtype=bool), np.zeros(0, dtype="datetime64[us]")
        return cls(ids, ids, ids, never, no, np.zeros(0))

    @classmethod
    def taken(
        cls, book: Rulebook, action_ids: NDArray[np.int64], is_control: NDArray[np.bool_]
    ) -> "DueSteps":
        """The steps that stored decisions (n,) took: enough to decide them again as they were.

        action_ids : (n,) of what was chosen, any other number for none.
        """
        column_of = {int(pk): i for i, pk in enumerate(book.action_ids)}
        index = np.array([column_of.get(int(pk), -1) for pk in action_ids], dtype=np.int64)
        row = np.flatnonzero((index >= 0) & np.append(book.flags.opened_by_step, False)[index])
        campaign = book.campaign_of[index[row]]
        since = np.zeros(len(row), dtype="datetime64[us]")
        control, ids = is_control[row], book.campaign_ids[campaign]
        return cls(
            np.zeros(len(row), dtype=np.int64),
            row,
            ids,
            since,
            control,
            np.where(control, 1.0, 0.0),
        )

    def __len__(self) -> int:
        return len(self.row)

    def of(self, rows: NDArray[np.int64], n: int) -> "DueSteps":
        """The same for some of a batch's n customers, in their order."""
        new_row = np.full(n, -1)
        new_row[rows] = np.arange(len(rows))
        kept = new_row[self.row] >= 0
        return DueSteps(
            self.traveller_ids[kept],
            new_row[self.row[kept]],
            self.campaign_id[kept],
            self.since[kept],
            self.is_control[kept],
            self.control_share[kept],
        )

    def and_also(self, others: "DueSteps") -> "DueSteps":
        """With the others, but for campaigns that a customer waits for already."""
        pairs = set(zip(self.row.tolist(), self.campaign_id.tolist(), strict=True))
        theirs = zip(others.row.tolist(), others.campaign_id.tolist(), strict=True)
        new = np.array([pair not in pairs for pair in theirs], dtype=bool)
        return DueSteps(
            *(
                np.concatenate([getattr(self, name), getattr(others, name)[new]])
                for name in DueSteps.__dataclass_fields__
            )
        )

    def campaigns(self, book: Rulebook) -> NDArray[np.int64]:
        """(k,) index of each step's campaign in the rulebook, -1 for one that is not in it."""
        index = {campaign.id: i for i, campaign in enumerate(book.campaigns)}
        return np.array([index.get(int(pk), -1) for pk in self.campaign_id], dtype=np.int64)

    def block_others(self, book: Rulebook, codes: Codes) -> None:
        """Keep campaigns of maps from all customers who are not at a step of theirs."""
        if book.flags.opened_by_step.any():
            is_due = np.zeros((len(codes), len(book.campaigns)), dtype=bool)
            campaign = self.campaigns(book)
            known = campaign >= 0
            is_due[self.row[known], campaign[known]] = True
            block(
                codes,
                ~is_due[:, book.campaign_of] & book.flags.opened_by_step,
                Verdict.STEP_NOT_DUE,
            )

    def first(self, book: Rulebook, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(n,) index of the campaign whose step waits longest and may be sent; -1 for none.

        allowed : (n, C). Of steps due at one moment the campaign made first goes first.
        """
        chosen = np.full(len(allowed), -1)
        campaign = self.campaigns(book)
        possible = np.flatnonzero(campaign >= 0)
        possible = possible[allowed[self.row[possible], campaign[possible]]]
        order = np.lexsort((self.campaign_id[possible], self.since[possible]))
        for index in possible[order][::-1]:  # written last is what waits longest
            chosen[self.row[index]] = campaign[index]
        return chosen

    def controls(self, book: Rulebook, n: int) -> NDArray[np.bool_]:
        """(n, A) actions whose message a map withholds from a customer."""
        withheld = np.zeros((n, len(book.campaigns)), dtype=bool)
        campaign = self.campaigns(book)
        known = campaign >= 0
        withheld[self.row[known], campaign[known]] = self.is_control[known]
        return withheld[:, book.campaign_of]

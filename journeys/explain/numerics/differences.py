"""Who gets what instead of what: messages under two sets of rules, customer by customer."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

NOTHING = 0  # in place of a campaign's id
N_EXAMPLES = 24  # customers kept, a few of every kind of change
N_OF_A_KIND = 4

Change = tuple[int, int]  # ids of campaigns, from and to; NOTHING where there is none


@dataclass
class Differences:
    """Adds up over batches of customers. Ids are those of campaigns."""

    n: int = 0  # customers looked at
    before: Counter[int] = field(default_factory=Counter)  # messages by campaign
    after: Counter[int] = field(default_factory=Counter)
    kept: Counter[int] = field(default_factory=Counter)  # the same customer gets it on both sides
    changes: Counter[Change] = field(default_factory=Counter)
    n_losing: int = 0  # customers with fewer messages
    n_gaining: int = 0  # with more
    n_swapping: int = 0  # with as many, but others
    examples: dict[int, list[Change]] = field(default_factory=dict)  # by customer
    _shown: Counter[Change] = field(default_factory=Counter)

    def add(
        self,
        customer_ids: NDArray[np.int64],
        campaign_ids: NDArray[np.int64],
        before: NDArray[np.bool_],
        after: NDArray[np.bool_],
    ) -> None:
        """before, after : (n, C) whether a customer gets a message of a campaign."""
        self.n += len(customer_ids)
        for counter, got in (
            (self.before, before),
            (self.after, after),
            (self.kept, before & after),
        ):
            for pk, k in zip(campaign_ids.tolist(), got.sum(axis=0).tolist(), strict=True):
                if k:
                    counter[pk] += k
        differs = np.flatnonzero((before != after).any(axis=1))
        more = after[differs].sum(axis=1) - before[differs].sum(axis=1)
        self.n_losing += int((more < 0).sum())
        self.n_gaining += int((more > 0).sum())
        self.n_swapping += int((more == 0).sum())
        for row in differs.tolist():
            lost = campaign_ids[before[row] & ~after[row]].tolist()
            gained = campaign_ids[after[row] & ~before[row]].tolist()
            pairs = list(zip_longest(lost, gained, fillvalue=NOTHING))
            self.changes.update(pairs)
            self._show(int(customer_ids[row]), pairs)

    def _show(self, customer_id: int, pairs: list[Change]) -> None:
        if len(self.examples) < N_EXAMPLES and any(self._shown[p] < N_OF_A_KIND for p in pairs):
            self.examples[customer_id] = pairs
            self._shown.update(pairs)


def scaled(k: int, n: int, n_all: int) -> tuple[float, float, float]:
    """k of n customers looked at, for all n_all of them: estimate and limits of 95 %.

    Exact where all were looked at. Else Wilson's interval for a proportion, as for independent
    draws, which is a little wide where a good part of all was looked at.
    Raises ValueError unless 0 <= k <= n <= n_all.
    Source: Wilson (1927), JASA 22:209-212.
    """
    if not 0 <= k <= n <= n_all:
        raise ValueError(f"{k} of {n} of {n_all} is no count")
    if n == n_all:
        return float(k), float(k), float(k)
    interval = binomtest(k, n).proportion_ci(method="wilson")
    # Nobody looked at is an exact count of those, whatever the others are.
    low, high = max(interval.low * n_all, k), min(interval.high * n_all, n_all - n + k)
    return k / n * n_all, float(low), float(high)

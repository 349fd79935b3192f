"""From a mix of choices that keeps limits on average to one choice that keeps them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

NONE = -1
BLOCK = 4096  # customers at a time: what is computed on the way stays in the cache
N_PASSES = 4  # what rounding left over is little, and less after each pass
N_MOVES = 20_000  # customers whose choice may change, at most, in a pass
ROUNDING = 1e-9  # of a limit: sums of use in floating point are not exact


class WholeChoice:
    """A choice for n customers that is changed one customer at a time, and what it uses.

    value : (n, A), -inf where not possible. use : (L, A). maximum, minimum : (L,).
    pi : (L,) prices, at which a change's cost is measured. action : (n,) the choice to begin with.
    """

    def __init__(
        self,
        value: NDArray[np.float64],
        use: NDArray[np.float64],
        maximum: NDArray[np.float64],
        minimum: NDArray[np.float64],
        pi: NDArray[np.float64],
        action: NDArray[np.int64],
    ) -> None:
        self.value, self.pi, self.minimum = value, pi, minimum
        self.use = np.column_stack([use, np.zeros(len(use))])  # NONE is the last column
        self.maximum = maximum + ROUNDING * np.where(np.isfinite(maximum), maximum, 0.0)
        self.action = action
        self.used = use @ np.bincount(action[action != NONE], minlength=use.shape[1])

    def keep(self) -> NDArray[np.int64]:
        """The choice after changes: no maximum exceeded, minima reached if changes suffice."""
        self._take_back()
        for _pass in range(N_PASSES):
            if not self._reach_minima():
                break
        for _pass in range(N_PASSES):
            if not self._fill():
                break
        return self.action

    def _take_back(self) -> None:
        """Where a maximum is exceeded, take options back from those who lose least by it.

        Ends, because each customer concerned gives up an option that uses too much.
        """
        while (over := self.used > self.maximum).any():
            at_fault = np.any(self.use[over] > 0, axis=0)
            has_room = ~(self.use[self.used >= self.maximum] > 0).any(axis=0)
            rows, options = self._cheapest(at_fault[:, None] & has_room)
            for row, option in zip(rows, options, strict=True):
                over = self.used > self.maximum
                if not over.any():
                    break
                if (self.use[over, self.action[row]] > 0).any() and not self._change(row, option):
                    self._change(row, NONE, whatever=True)

    def _reach_minima(self) -> bool:
        """Where a minimum is missed, move those to it who lose least; says whether any moved."""
        moved = False
        for limit in np.flatnonzero(self.used < self.minimum * (1 - ROUNDING)):
            more = self.use[limit][None, :] > self.use[limit][:, None]
            rows, options = self._cheapest(more & self._fits())
            for row, option in zip(rows, options, strict=True):
                if self.used[limit] >= self.minimum[limit] * (1 - ROUNDING):
                    break
                moved |= self._change(row, option)
        return moved

    def _fill(self) -> bool:
        """Give what is left to those who gain most; says whether any gained."""
        gained = False
        rows, options = self._cheapest(self._fits(), only_gains=True)
        for row, option in zip(rows, options, strict=True):
            gained |= self._change(row, option)
        return gained

    def _fits(self) -> NDArray[np.bool_]:
        """(A + 1, A + 1) whether one customer may change from an option to another, none last."""
        used = self.used[:, None, None] + self.use[:, None, :] - self.use[:, :, None]
        return self._keeps(used)

    def _change(self, row: int, option: int, *, whatever: bool = False) -> bool:
        """Change one customer's option if no limit is worse for it; says whether it was."""
        used = self.used + self.use[:, option] - self.use[:, self.action[row]]
        if not (whatever or self._keeps(used)):
            return False
        self.action[row], self.used = option, used
        return True

    def _keeps(self, used: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether use (L, ...) exceeds no maximum and misses no minimum more than now: (...)."""
        most, least = np.maximum(self.maximum, self.used), np.minimum(self.minimum, self.used)
        shape = (len(most), *[1] * (used.ndim - 1))
        return np.all((used <= most.reshape(shape)) & (used >= least.reshape(shape)), axis=0)

    def _cheapest(
        self, into: NDArray[np.bool_], *, only_gains: bool = False
    ) -> tuple[list[int], list[int]]:
        """The changes that lose least at the prices, one for each customer, best first.

        into : (A + 1, A + 1) from which option to which a change is looked for.
        only_gains : only those that are worth more, prices apart.
        """
        charge = self.pi @ self.use
        loss = np.full(len(self.value), np.inf)
        option = np.full(len(self.value), NONE)
        for start in range(0, len(self.value), BLOCK):
            block = slice(start, start + BLOCK)
            now = self.action[block]
            worth = np.column_stack([self.value[block], np.zeros(len(now))])
            each = np.arange(len(now))
            possible = into[now] & (worth > -np.inf)
            if only_gains:
                possible &= worth > worth[each, now][:, None]
            reduced = np.where(possible, worth - charge, -np.inf)
            best = reduced.argmax(axis=1)
            loss[block] = worth[each, now] - charge[now] - reduced[each, best]
            option[block] = np.where(best == self.value.shape[1], NONE, best)
        rows = np.flatnonzero(np.isfinite(loss))
        if len(rows) > N_MOVES:
            rows = rows[np.argpartition(loss[rows], N_MOVES)[:N_MOVES]]
        rows = rows[np.argsort(loss[rows], kind="stable")]
        return rows.tolist(), option[rows].tolist()


def draw_mix(
    choose: Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.int64]],
    tried: list[NDArray[np.float64]],
    shares: NDArray[np.float64],
    n: int,
    *,
    seed: int,
) -> NDArray[np.int64]:
    """(n,) for each customer one of K choices, at random by their shares.

    choose : rows and prices to the options of these rows. tried : K prices, the first of which
    stands for nothing at all. shares : (K, G), customer i being in group i mod G.
    """
    shares = np.maximum(shares, 0.0)
    reached = (shares.cumsum(axis=0) / shares.sum(axis=0)).T
    u = np.random.default_rng(seed).random(n)
    action = np.full(n, NONE, dtype=np.int64)
    picked = np.empty(n, dtype=np.int64)
    for group in range(shares.shape[1]):
        members = slice(group, None, shares.shape[1])
        picked[members] = np.searchsorted(reached[group], u[members], side="right")
    for k in np.unique(picked[picked > 0]):
        rows = np.flatnonzero(picked == k)
        action[rows] = choose(rows, tried[k])
    return action

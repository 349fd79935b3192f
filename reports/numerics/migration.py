"""What segments are worth by the moves between them: a Markov chain with earnings.

Source: Pfeifer & Carraway (2000), "Modeling customer relationships as Markov chains", Journal of
Interactive Marketing 14(2):43-55.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import t as student

Array = NDArray[np.float64]
Groups = NDArray[np.intp]  # (s,): the parent of each of s segments

LEAST_STRENGTH, MOST_STRENGTH = 1.0, 1e6  # customers' worth of evidence in a parent's row


@dataclass(frozen=True)
class Moves:
    """What customers of s segments did in a period, one unit per customer and period. Adds up."""

    counts: Array  # (s, s + 1): from each segment to each; the last column: left altogether
    cents: Array  # (s,): margin earned in the period by who began it there
    squares: Array  # (s,): sum of its squares

    def __add__(self, other: "Moves") -> "Moves":
        return Moves(
            self.counts + other.counts, self.cents + other.cents, self.squares + other.squares
        )

    def __sub__(self, other: "Moves") -> "Moves":
        return Moves(
            self.counts - other.counts, self.cents - other.cents, self.squares - other.squares
        )


@dataclass(frozen=True)
class ChainValue:
    """A chain fitted to moves, and what a customer in each of s segments is worth by it."""

    transition: Array  # (s, s + 1), rows add up to 1; the last column: left
    margin_cents: Array  # (s,), per customer and period
    strength: float  # customers that a parent's row counts for
    lifetime_cents: Array  # (s,), without end; nan where it has no bound
    horizon_cents: Array  # (s,), over the horizon only


def chain_value(
    moves: Moves,
    groups: Groups,
    *,
    discount: float,
    n_periods: float,
    strength: float | None = None,
) -> ChainValue:
    """Fit and value the chain. discount : of one period, in (0, 1]. n_periods : of the horizon.

    Margin falls on the middle of its period. strength : default: estimated.
    Raises ValueError on a discount or a horizon that makes no sense.
    """
    if not 0 < discount <= 1:
        raise ValueError(f"the discount of a period must lie in (0, 1], not {discount}")
    if not (np.isfinite(n_periods) and n_periods >= 0):
        raise ValueError(f"the horizon must be zero or more periods, not {n_periods}")
    if strength is None:
        strength = dirichlet_strength(moves.counts, groups)
    transition = shrunk_rows(moves.counts, parent_rows(moves.counts, groups), strength)
    margin = shrunk_means(moves, groups)
    earned = margin * np.sqrt(discount)
    return ChainValue(
        transition=transition,
        margin_cents=margin,
        strength=strength,
        lifetime_cents=lifetime_value(transition, earned, discount),
        horizon_cents=horizon_value(transition, earned, discount, n_periods),
    )


def parent_rows(counts: Array, groups: Groups) -> Array:
    """Where customers of each segment's parent go, as a row of the segment: (s, s + 1).

    To stay is to stay, whichever segment it is: the diagonal is the parent's share of stayers. The
    movers are spread as the parent's movers are, over the other segments. One imagined customer
    who does as all do, whatever the parent, keeps a parent without customers defined.
    """
    stayers, movers = _split(counts)
    return np.stack(
        [
            _parent_row(stayers, movers, np.flatnonzero(groups == groups[row]), row)
            for row in range(len(counts))
        ]
    )


def dirichlet_strength(counts: Array, groups: Groups) -> float:
    """How many customers a parent's row is worth when it speaks for one of its segments.

    Rows are drawn around their parent's by a Dirichlet distribution of this concentration; it
    maximises the likelihood of each row given only its siblings, the Dirichlet-multinomial
    (empirical Bayes). Between LEAST_STRENGTH, also where no parent has two observed segments,
    and MOST_STRENGTH, where segments do not differ.
    """
    stayers, movers = _split(counts)
    observed = counts.sum(axis=1) > 0
    rows, parents = [], []
    for row in np.flatnonzero(observed):
        siblings = np.flatnonzero((groups == groups[row]) & observed)
        if len(siblings) > 1:
            rows.append(counts[row])
            parents.append(_parent_row(stayers, movers, siblings[siblings != row], int(row)))
    if not rows:
        return LEAST_STRENGTH
    n, share = np.stack(rows), np.stack(parents)
    seen = n > 0  # the other cells add gammaln(a) - gammaln(a) = 0

    def unlikeliness(log_strength: float) -> float:
        prior = np.exp(log_strength)
        cells = gammaln(prior * share[seen] + n[seen]) - gammaln(prior * share[seen])
        return float((gammaln(prior + n.sum(axis=1)) - gammaln(prior)).sum() - cells.sum())

    bounds = (np.log(LEAST_STRENGTH), np.log(MOST_STRENGTH))
    optimum = minimize_scalar(unlikeliness, bounds=bounds, method="bounded")
    return float(np.exp(optimum.x))


def shrunk_rows(counts: Array, parents: Array, strength: float) -> Array:
    """Posterior mean of each row of probabilities, given its Dirichlet prior: (s, s + 1)."""
    return (counts + strength * parents) / (counts.sum(axis=1, keepdims=True) + strength)


def shrunk_means(moves: Moves, groups: Groups) -> Array:
    """Margin per customer and period in each segment, moved to its parent's by its error: (s,).

    Segments' means are normal around their parent's; the spread between them by moments
    (DerSimonian & Laird 1986, Controlled Clinical Trials 7:177-188), the spread between customers
    pooled over the parent, as money's tails are too heavy to know it of a few. A parent without
    customers earns as all do. nan where there is nobody at all.
    """
    n = moves.counts.sum(axis=1)
    means = np.full(len(n), moves.cents.sum() / n.sum() if n.sum() else np.nan)
    for group in np.unique(groups):
        rows = np.flatnonzero((groups == group) & (n > 0))
        if not len(rows):
            continue
        size, total = n[rows], moves.cents[rows]
        raw_means, pooled = total / size, total.sum() / size.sum()
        freedom = size.sum() - len(rows)
        within = max((moves.squares[rows] - total * raw_means).sum(), 0.0) / max(freedom, 1.0)
        if within == 0 or len(rows) == 1:
            kept = np.ones(len(rows))
        else:
            weight = size / within
            excess = weight @ (raw_means - pooled) ** 2 - (len(rows) - 1)
            between = max(excess, 0.0) / (weight.sum() - weight @ weight / weight.sum())
            kept = between / (between + 1 / weight)
        means[groups == group] = pooled
        means[rows] = pooled + kept * (raw_means - pooled)
    return means


def lifetime_value(transition: Array, margin: Array, discount: float) -> Array:
    """v = (I − γP)⁻¹ m: (s,), in the unit of margin (Pfeifer & Carraway 2000: value without end).

    transition : (s, s + 1), the last column being left for good, which is worth nothing. nan
    where the sum has no bound, as without a discount in a chain that some never leave.
    """
    passed_on = discount * transition[:, :-1]
    if np.abs(np.linalg.eigvals(passed_on)).max() > 1 - 1e-9:
        return np.full(len(margin), np.nan)
    return np.asarray(np.linalg.solve(np.eye(len(margin)) - passed_on, margin), np.float64)


def horizon_value(transition: Array, margin: Array, discount: float, n_periods: float) -> Array:
    """The sum of (γP)ᵗ m over the first periods: (s,); of a part of a period, that part of it."""
    passed_on = discount * transition[:, :-1]
    value: Array = np.zeros(len(margin))
    to_come = margin
    for period in range(int(np.ceil(n_periods))):
        value = value + min(n_periods - period, 1.0) * to_come
        to_come = passed_on @ to_come
    return value


@dataclass(frozen=True)
class Limits:
    """95 % limits of what a chain says, per segment (s,); nan where one group makes no spread."""

    low_cents: Array
    high_cents: Array


def jackknife_limits(
    parts: Sequence[Moves],
    groups: Groups,
    *,
    discount: float,
    n_periods: float,
    level: float = 0.95,
) -> Limits:
    """Limits of the horizon's value, from how it changes as one part of the customers is left out.

    parts : moves of disjoint random groups of customers of about one size. A customer's periods
    are in one part, so that neither their dependence nor that of earning and moving is lost.
    Source: Kott (2001), Journal of Official Statistics 17:521-526, delete-a-group jackknife.
    """
    whole = sum(parts[1:], parts[0])
    chain = chain_value(whole, groups, discount=discount, n_periods=n_periods)
    if len(parts) < 2:
        unknown = np.full(len(groups), np.nan)
        return Limits(unknown, unknown)
    without = np.stack(
        [
            chain_value(
                whole - part,
                groups,
                discount=discount,
                n_periods=n_periods,
                strength=chain.strength,
            ).horizon_cents
            for part in parts
        ]
    )
    share = (len(parts) - 1) / len(parts)
    error = np.sqrt(share * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    half = float(student.isf((1 - level) / 2, len(parts) - 1)) * error
    return Limits(chain.horizon_cents - half, chain.horizon_cents + half)


def _split(counts: Array) -> tuple[Array, Array]:
    """Who stayed (s,), and who moved (s, s + 1), nobody on the diagonal."""
    index = np.arange(len(counts))
    movers = counts.astype(float)
    stayers = movers[index, index].copy()
    movers[index, index] = 0
    return stayers, movers


def _parent_row(stayers: Array, movers: Array, rows: NDArray[np.intp], segment: int) -> Array:
    """The row (s + 1,) of a segment, made of those of its parent and one customer of them all."""
    all_stay, all_move = stayers.sum(), movers.sum(axis=0)
    everyone = all_stay + all_move.sum()
    stay = stayers[rows].sum() + (all_stay / everyone if everyone else 1.0)
    move = movers[rows].sum(axis=0) + (all_move / everyone if everyone else 0.0)
    stay_share = stay / (stay + move.sum())
    row = move.copy()
    row[segment] = 0
    if not row.sum():
        row[segment] = 1.0
        return row
    row *= (1 - stay_share) / row.sum()
    row[segment] = stay_share
    return row

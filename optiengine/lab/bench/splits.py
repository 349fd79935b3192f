"""How often segments are split where nothing is to be found, and how often where something is.

A simulated micro-segment is looked at every week for a year. Customers' features, baselines and
outcomes are made; the oracle knows the planted cut and makes one z test at the same level, of the
whole year at once, with the same scores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.state.numerics.split_scores import OTHERS, Cuts, SplitContacts, SplitSums, stratify
from segments.state.numerics.splits import WEEKS, SplitSearch

Floats = NDArray[np.float64]

N_SEGMENTS = 400  # of each world without a difference
N_PLANTED = 100  # of each with one
WORLDS = ("binary", "money")
EFFECTS = (3.5, 4.5)  # planted, in standard errors of the oracle's estimate
N_A_WEEK = {"binary": 150, "money": 1_000}  # contacts
BASELINE = {"binary": 0.2, "money": 0.1}  # P(responds) of a control member
EFFECT = np.array([0.02, 0.0, 0.05])  # of each action on P(responds), the same for everybody
CONTROL_SHARE = 0.2
PLANTED = Cuts(np.array([0]), np.array([45.0]))  # the median: no cut is tried just there
SHAPES = {"alike": np.array([1.0, 1.0, 1.0]), "opposite": np.array([1.0, -1.0, 0.0])}
MEAN_CENTS, SPREAD, LIMIT_CENTS = 2_000.0, 1.2, 40_000.0  # of an order: lognormal, winsorised
Z_LEVEL = 1.959964  # of the oracle's two-sided test at 5 %
N_PILOTS = 5  # years from which the standard error is known that planted effects are scaled by
N_STEPS = len(WORLDS) * (1 + len(SHAPES) * len(EFFECTS))
COLUMNS = {
    name: meaning
    for world in WORLDS
    for name, meaning in {
        f"splits_{world}_false": f"{world} outcomes, no difference: split within a year, in %",
        **{
            f"splits_{world}_{shape}_{size}_{figure}": f"{world}, {shape}, {size} s.e.: {meaning}"
            for shape in SHAPES
            for size in EFFECTS
            for figure, meaning in {
                "found": "split, in %",
                "near": "split at the planted feature, in %",
                "week": "median week of the split",
                "oracle": "found by the oracle's test, in %",
            }.items()
        },
    }.items()
}


@dataclass(frozen=True)
class World:
    """A micro-segment: who is contacted, and what they do."""

    kind: str  # one of WORLDS
    difference: Floats  # (3,) of each action's effect on P(responds), above the planted cut

    def contacts(self, rng: np.random.Generator) -> SplitContacts:
        """One week."""
        n = N_A_WEEK[self.kind]
        features = _features(n, rng)
        action = rng.integers(0, len(EFFECT), n)
        treated = rng.random(n) >= CONTROL_SHARE
        above = PLANTED.above(features)[:, 0]
        p = (
            BASELINE[self.kind]
            + 0.02 * np.tanh(features[:, 1] - 2)  # what they do anyway differs, too
            + treated * (EFFECT[action] + self.difference[action] * above)
        )
        value = (rng.random(n) < p).astype(np.float64)
        if self.kind == "money":
            amounts = MEAN_CENTS * rng.lognormal(-(SPREAD**2) / 2, SPREAD, n)
            value *= np.minimum(amounts, LIMIT_CENTS)
        return SplitContacts(features, action + 1, treated, np.full(n, CONTROL_SHARE), value)


@dataclass(frozen=True)
class Year:
    """What became of one segment."""

    week: int  # of the split; 0 where there was none
    feature: int  # of the split; -1 where there was none
    oracle_z: float


def live_a_year(world: World, *, seed: int, with_oracle: bool = False) -> Year:
    """Weekly looks until a split is found or the year is over. The oracle sees the whole year."""
    rng = np.random.default_rng(seed)
    search: SplitSearch | None = None
    week_found, feature = 0, -1
    known = SplitSums.empty(len(EFFECT), 1)
    for week in range(1, WEEKS + 1):
        contacts = world.contacts(rng)
        if with_oracle:
            known += _known(contacts)
        if week_found:
            continue
        search = search or SplitSearch.start(contacts)
        search, look = search.look(contacts, week=week, seed=seed)
        if look.is_found:
            week_found, feature = week, int(search.cuts.feature[look.best])
            if not with_oracle:
                break
    shape = np.sign(world.difference)
    total, variance = shape @ known.score[:, 0], shape**2 @ known.variance[:, 0]
    return Year(week_found, feature, float(total / np.sqrt(variance)) if variance else np.nan)


def bench_splits(*, n: int | None, step: Callable[[str], None]) -> dict[str, Any]:
    """n : a hundred times the segments of each world; the figures of COLUMNS."""
    n_null, n_planted = (N_SEGMENTS, N_PLANTED) if n is None else (max(n // 100, 1),) * 2
    figures: dict[str, Any] = {}
    for kind in WORLDS:
        years = [
            live_a_year(World(kind, np.zeros(len(EFFECT))), seed=seed) for seed in range(n_null)
        ]
        figures[f"splits_{kind}_false"] = _percent([year.week > 0 for year in years])
        step(f"{kind}, no difference")
        error = standard_error(kind)
        for shape, signs in SHAPES.items():
            unit = signs * error / np.sqrt((signs**2).mean())
            for size in EFFECTS:
                planted = World(kind, size * unit)
                years = [
                    live_a_year(planted, seed=10_000 + seed, with_oracle=True)
                    for seed in range(n_planted)
                ]
                name = f"splits_{kind}_{shape}_{size}"
                weeks = [year.week for year in years if year.week]
                figures |= {
                    f"{name}_found": _percent([year.week > 0 for year in years]),
                    f"{name}_near": _percent(
                        [year.feature == PLANTED.feature[0] for year in years]
                    ),
                    f"{name}_week": float(np.median(weeks)) if weeks else None,
                    f"{name}_oracle": _percent([abs(year.oracle_z) > Z_LEVEL for year in years]),
                }
                step(f"{kind}, {shape}, {size} s.e.")
    return figures


def standard_error(kind: str) -> float:
    """Of the oracle's estimate of a difference in P(responds) that all actions share."""
    world = World(kind, np.zeros(len(EFFECT)))
    errors = []
    for seed in range(N_PILOTS):
        rng = np.random.default_rng(20_000 + seed)
        batches = [_known(world.contacts(rng)) for _week in range(WEEKS)]
        errors.append(sum(batches[1:], batches[0]).pooled().difference()[1][0, 0])
    return float(np.mean(errors)) / (MEAN_CENTS if kind == "money" else 1)


def _known(contacts: SplitContacts) -> SplitSums:
    """Sums of the planted cut, each action a group."""
    actions = np.append(np.arange(1, len(EFFECT)), OTHERS)
    return SplitSums.of(stratify(PLANTED, contacts), actions, 1)


def _features(n: int, rng: np.random.Generator) -> Floats:
    """(n, 10) of the kinds that customers have: days, counts, money, some unknown, some related."""
    days = rng.exponential(65, n).round()
    orders = rng.poisson(2.0, n).astype(np.float64)
    margin = orders * rng.lognormal(7, 0.8, n)
    basket = np.where(orders > 0, margin / np.maximum(orders, 1), np.nan)
    others = [rng.gamma(1.0, 30, n).round(), rng.poisson(5, n), rng.poisson(0.4, n)]
    others += [rng.uniform(0, 1_000, n).round(), (days + rng.exponential(20, n)).round()]
    others += [rng.poisson(1 + orders)]
    return np.column_stack([days, orders, margin, basket, *others]).astype(np.float64)


def _percent(flags: list[bool]) -> float:
    return round(100 * float(np.mean(flags)), 1)

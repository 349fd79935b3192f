"""Choosing among options with probabilities that are known exactly."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_TEST = 50  # contacts in the test group before an action's mix may leave uniform
MIN_TEST_RESPONDERS = 15
MIN_CONTROL = 30
MIN_CONTROL_RESPONDERS = 5

FLOOR = 0.02  # share handed out evenly whatever is known; keeps the log fit for re-use
SHARPNESS = 2.8  # s.d. of differences are taken 1/2.8 as large: posterior temperature 1/8

CONTENDERS = 8  # options looked at beyond the floor
GRID = 32  # steps in which the chance of being best is added up
REACH = 4.0  # s.d. around a value in which it is looked for
BLOCK_ROWS = 1000


def choice_probabilities(
    value: ArrayLike,
    sd: ArrayLike,
    allowed: ArrayLike,
    n_evidence_ok: ArrayLike,
    *,
    shared_sd: ArrayLike | None = None,
    floor: float = FLOOR,
    sharpness: float = SHARPNESS,
    with_none: bool = True,
) -> NDArray[np.float64]:
    """Probability of each option, in closed form: (n, K), rows adding up to 1.

    value, sd : (n, K) posterior mean and s.d. of each option, in one unit (cents, say). nan is
        accepted where an option is not allowed.
    shared_sd : (n, K) the part of sd, at most all of it, by which options rise and fall together:
        option k is value_k + shared_sd_k F + its own, F the same for all. None: no such part.
    allowed : (n, K) bool. n_evidence_ok : (K,) bool, see `has_minimum_evidence`.
    with_none : option 0 is "none": the value of keeping the slot. It must be allowed in every
        row and always counts as known well enough.

    Options get the probability with which they are the best one, as in Thompson sampling, with all
    s.d. divided by `sharpness`: equal values give equal shares, and no draws of a posterior are
    needed. Compared with the option b of highest value, the s.d. of option k is the root of
    own_k^2 + (shared_k - shared_b)^2, b's is own_b: so each difference to b has its own s.d.
    `floor` is then spread evenly, so every allowed option has at least floor / (number allowed).

    Options short of evidence get 1 / (number allowed) each; the others share the rest as above.

    Raises ValueError on shapes that do not fit, on unknown values of allowed options, negative
    s.d., a row without an allowed option, floor outside (0, 1], sharpness not above 0.

    Source: Thompson (1933); probabilities in closed form for the sake of known propensities as in
    Foster & Rakhlin (2020), which uses inverse gaps, and Bian & Jun (2022), Gaussian gaps.
    """
    value, sd = np.asarray(value, dtype=np.float64), np.asarray(sd, dtype=np.float64)
    allowed, known = np.asarray(allowed, dtype=bool), np.array(n_evidence_ok, dtype=bool)
    _check(value, sd, allowed, known, floor, sharpness, with_none)
    if with_none:
        known[0] = True
    n_allowed = allowed.sum(axis=1, keepdims=True)
    open_known = allowed & known
    n_known = open_known.sum(axis=1, keepdims=True)
    shared = np.zeros_like(sd) if shared_sd is None else np.asarray(shared_sd, dtype=np.float64)
    weight = _chance_of_being_best(value, sd, shared, open_known, sharpness)
    even = open_known / np.maximum(n_known, 1)
    shares = floor * even + (1 - floor) * weight
    p = np.where(known, shares * (n_known / n_allowed), 1 / n_allowed)
    p = np.where(allowed, p, 0.0)
    return p / p.sum(axis=1, keepdims=True)  # takes off the last rounding


def action_mix(
    value: ArrayLike,
    sd: ArrayLike,
    allowed: ArrayLike,
    n_evidence_ok: ArrayLike,
    *,
    shared_sd: ArrayLike | None = None,
    floor: float = FLOOR,
    sharpness: float = SHARPNESS,
    with_none: bool = False,
) -> NDArray[np.float64]:
    """The mix of a chosen campaign's actions: `choice_probabilities` without "none"."""
    return choice_probabilities(
        value,
        sd,
        allowed,
        n_evidence_ok,
        shared_sd=shared_sd,
        floor=floor,
        sharpness=sharpness,
        with_none=with_none,
    )


def has_minimum_evidence(
    n_test: ArrayLike,
    n_test_responders: ArrayLike,
    n_control: ArrayLike,
    n_control_responders: ArrayLike,
    *,
    min_test: float = MIN_TEST,
    min_test_responders: float = MIN_TEST_RESPONDERS,
    min_control: float = MIN_CONTROL,
    min_control_responders: float = MIN_CONTROL_RESPONDERS,
) -> NDArray[np.bool_]:
    """Whether the mix may leave uniform: counts of any one shape in, bool of that shape out."""
    return (
        (np.asarray(n_test) >= min_test)
        & (np.asarray(n_test_responders) >= min_test_responders)
        & (np.asarray(n_control) >= min_control)
        & (np.asarray(n_control_responders) >= min_control_responders)
    )


def _chance_of_being_best(
    value: Floats, sd: Floats, shared: Floats, options: Mask, sharpness: float
) -> Floats:
    """Shares (n, K) adding up to 1 over `options`, all zero in a row that has none."""
    best = np.where(options, value, -np.inf).argmax(axis=1)[:, None]
    loading = np.where(options, shared, 0.0)
    loading -= np.take_along_axis(loading, best, axis=1)
    variance = np.where(options, sd**2 - shared**2, 0.0)
    spread = np.sqrt(np.maximum(variance, 0.0) + loading**2) / sharpness
    value = np.where(options, value, -np.inf)
    n, n_options = value.shape
    shares = np.zeros((n, n_options))
    if n_options > CONTENDERS:
        # The others are at the floor: even at three s.d. more they would not be here.
        reach = value + 3 * spread
        places = np.argpartition(-reach, CONTENDERS - 1, axis=1)[:, :CONTENDERS]
        places.sort(axis=1)
    else:
        places = np.broadcast_to(np.arange(n_options), (n, n_options))
    for start in range(0, n, BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        at = places[rows]
        block = _best_of(
            np.take_along_axis(value[rows], at, axis=1),
            np.take_along_axis(spread[rows], at, axis=1),
        )
        np.put_along_axis(shares[rows], at, block, axis=1)
    return shares


def _best_of(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(option is the largest) of independent normals: (n, K), by the trapezoid rule.

    P_k = integral of dF_k times the product of all other F_j, over the range in which the largest
    can lie; then scaled to add up to 1. Options of mean -inf have none.
    """
    possible = np.isfinite(mean)
    some = possible.any(axis=1)
    low = np.where(possible, mean - REACH * sd, -np.inf).max(axis=1)
    high = np.where(possible, mean + REACH * sd, -np.inf).max(axis=1)
    low, high = np.where(some, low, 0.0), np.where(some, high, 0.0)
    margin = np.where(high > low, (high - low) * 1e-3, 1.0)
    low, high = low - margin, high + margin
    edges = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, GRID + 1)
    width = np.maximum(sd, 1e-6 * (high - low)[:, None])
    centre = np.where(possible, mean, low[:, None] - 1e3 * (high - low)[:, None])
    below = ndtr((edges[:, None, :] - centre[:, :, None]) / width[:, :, None])  # (n, K, GRID + 1)
    below[..., -1] = 1.0
    below[~possible] = 1.0  # never the largest, in nobody's way
    others = np.ones_like(below)
    others[:, 1:] = np.cumprod(below[:, :-1], axis=1)
    others[:, :-1] *= np.cumprod(below[:, :0:-1], axis=1)[:, ::-1]
    rise = np.diff(below, axis=2)
    shares = (rise * (others[..., 1:] + others[..., :-1])).sum(axis=2)
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def _check(
    value: Floats,
    sd: Floats,
    allowed: Mask,
    known: Mask,
    floor: float,
    sharpness: float,
    with_none: bool,
) -> None:
    if value.ndim != 2 or not value.shape == sd.shape == allowed.shape or value.shape[1] == 0:
        raise ValueError(
            f"shapes do not fit: values {value.shape}, s.d. {sd.shape}, allowed {allowed.shape}"
        )
    if known.shape != value.shape[1:]:
        raise ValueError(f"evidence is {known.shape}, expected one flag for each option")
    if not 0 < floor <= 1:
        raise ValueError(f"the floor must lie in (0, 1], got {floor}")
    if not sharpness > 0:
        raise ValueError(f"sharpness must be above 0, got {sharpness}")
    unknown = allowed & ~(np.isfinite(value) & np.isfinite(sd) & (sd >= 0))
    if unknown.any():
        row, option = np.argwhere(unknown)[0]
        raise ValueError(f"option {option} of row {row} is allowed, but its value is not known")
    if with_none and not allowed[:, 0].all():
        raise ValueError(f'row {int((~allowed[:, 0]).argmax())} does not allow "none"')
    if not allowed.any(axis=1).all():
        raise ValueError(f"row {int((~allowed.any(axis=1)).argmax())} allows no option")

"""Choosing among options with probabilities that are known exactly."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

MIN_TEST = 50  # contacts in the test group before an action's mix may leave uniform
MIN_TEST_RESPONDERS = 15
MIN_CONTROL = 30
MIN_CONTROL_RESPONDERS = 5

FLOOR = 0.02  # share handed out evenly whatever is known; keeps the log fit for re-use
SHARPNESS = 2.8  # s.d. of differences are taken 1/2.8 as large: posterior temperature 1/8


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

    Let b be the allowed option of highest value and z_k = (value_b - value_k) / s.d. of that
    difference. Option k gets the weight of the odds that it is
    better than b after all, Phi(-sharpness z_k) / Phi(sharpness z_k), and b the weight 1. For two
    options and sharpness 1 this is Thompson sampling exactly; for more it is Luce's choice rule on
    its pairwise odds; equal values give equal shares, and no draws of a posterior are needed.
    `floor` is then spread evenly, so every allowed option has at least floor / (number allowed).

    Options short of evidence get 1 / (number allowed) each; the others share the rest as above.

    Raises ValueError on shapes that do not fit, on unknown values of allowed options, negative
    s.d., a row without an allowed option, floor outside (0, 1], sharpness not above 0.

    Source: Thompson (1933); Luce (1959); closed forms for the sake of known propensities as in
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
    weight = _odds_of_being_best(value, sd, shared, open_known, sharpness)
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


def _odds_of_being_best(value, sd, shared, options, sharpness) -> NDArray[np.float64]:
    """Shares (n, K) adding up to 1 over `options`, all zero in a row that has none."""
    best = np.where(options, value, -np.inf).argmax(axis=1)[:, None]

    def beyond_best(column):
        return column - np.take_along_axis(column, best, axis=1)

    value, variance, shared = (np.where(options, c, 0.0) for c in (value, sd**2, shared))
    gap = np.where(options, -beyond_best(value), 0.0)
    own = np.maximum(variance - shared**2, 0.0)
    spread = np.sqrt(own + np.take_along_axis(own, best, axis=1) + beyond_best(shared) ** 2)
    # A gap known for certain is infinitely many s.d. wide; no gap at all is none.
    z = np.divide(gap, spread, out=np.where(gap > 0, np.inf, 0.0), where=(spread > 0) & (gap > 0))
    worse = ndtr(-sharpness * z)
    odds = np.where(options, worse / (1 - worse), 0.0)
    return odds / np.maximum(odds.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def _check(value, sd, allowed, known, floor, sharpness, with_none) -> None:
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

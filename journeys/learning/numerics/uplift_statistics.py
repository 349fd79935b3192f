"""What learning keeps of the contacts of one action: sums, which add up."""

import io
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONTROL, TEST = 0, 1
VALUE, RESPONDED = 0, 1


@dataclass(frozen=True, eq=False)
class UpliftStatistics:
    """Sufficient statistics of one action for linear models per arm and micro-segment.

    The first axis of every array but the segments' is the arm: 0 control (ghosts), 1 test. The
    last axis of an outcome is (value, responded). All is additive: shards learned in parallel,
    or days, are joined with `+`; old days fade by `scaled`.

    Sums are weighted, counts are not. **Weights** correct for a treatment probability that
    changed: if the control share went from 50 % to 10 % while sales rose, controls are mostly old
    and low and the plain difference credits the campaign with the season. A weight of
    1 / P(own arm | when, who) gives every period the same make-up in both arms (Horvitz &
    Thompson 1952). Multiplying it by a constant per arm changes nothing, as a model divides by
    weight_squared / weight (Kish's effective number of contacts), so that weighting does not
    pretend to more evidence than there is. With an unchanging share leave weights out.

    Values should be winsorised first (`winsor_limit`): a square of one odd order may otherwise
    outweigh a thousand customers.
    """

    gram: Floats  # (2, d, d) sum of w x x'
    moment: Floats  # (2, d, 2) sum of w x y
    square: Floats  # (2, 2) sum of w y^2
    weight: Floats  # (2,) sum of w
    weight_squared: Floats  # (2,) sum of w^2
    n: Floats  # (2,) contacts, by their exposure, discounted by `scaled`
    n_responded: Floats  # (2,) of them
    segment_ids: NDArray[np.int64]  # (S,) ascending
    segment_n: Floats  # (S, 2) sum of w per arm
    segment_x: Floats  # (S, 2, d) sum of w x
    segment_y: Floats  # (S, 2, 2) sum of w y

    @property
    def n_features(self) -> int:
        return self.gram.shape[1]

    @classmethod
    def empty(cls, d: int) -> Self:
        """No contacts, d design columns: the zero of `+`."""
        return cls(
            gram=np.zeros((2, d, d)),
            moment=np.zeros((2, d, 2)),
            square=np.zeros((2, 2)),
            weight=np.zeros(2),
            weight_squared=np.zeros(2),
            n=np.zeros(2),
            n_responded=np.zeros(2),
            segment_ids=np.zeros(0, dtype=np.int64),
            segment_n=np.zeros((0, 2)),
            segment_x=np.zeros((0, 2, d)),
            segment_y=np.zeros((0, 2, 2)),
        )

    @classmethod
    def from_contacts(
        cls,
        X: ArrayLike,
        segment_ids: ArrayLike,
        treated: ArrayLike,
        value: ArrayLike,
        responded: ArrayLike,
        weights: ArrayLike | None = None,
        exposure: ArrayLike | None = None,
    ) -> Self:
        """The sums over n contacts of one action, test and control alike.

        X : (n, d) design with an intercept, as of the decision. segment_ids : (n,) integers.
        treated, responded : (n,) bool. value : (n,) outcome in money. weights : (n,) above 0.
        exposure : (n,) in (0, 1], the share of the final outcome that is expected to have come in
            by now, P(delay <= age of the contact); 1 where the window has closed.

        A contact whose window is open has shown y, of mean e x'theta and variance e sigma^2 when
        responses arrive one by one. It enters as y / e with the information of e contacts
        (cf. Chapelle 2014, Modeling delayed feedback, for the exposure).
        Raises ValueError on lengths that differ, unknown values, weights or exposures not above 0.
        """
        x, y, w, ids, in_test = _checked(X, segment_ids, treated, value, responded, weights)
        e = _exposure(exposure, len(x))
        n_responded = [y[in_test == arm, RESPONDED].sum() for arm in (CONTROL, TEST)]
        y = y / e[:, None]
        weight_squared = w**2 * e
        w = w * e
        n, d = x.shape
        if n == 0:
            return cls.empty(d)
        arms = [in_test == arm for arm in (CONTROL, TEST)]
        wx, wy = x * w[:, None], y * w[:, None]
        segments, segment = np.unique(ids, return_inverse=True)
        cell = segment * 2 + in_test

        def per_cell(columns: Floats) -> Floats:
            sums = np.empty((2 * len(segments), columns.shape[1]))
            for j, column in enumerate(columns.T):
                sums[:, j] = np.bincount(cell, column, len(sums))
            return sums.reshape(len(segments), 2, -1)

        return cls(
            gram=np.stack([wx[arm].T @ x[arm] for arm in arms]),
            moment=np.stack([wx[arm].T @ y[arm] for arm in arms]),
            square=np.stack([(wy[arm] * y[arm]).sum(axis=0) for arm in arms]),
            weight=np.array([w[arm].sum() for arm in arms]),
            weight_squared=np.array([weight_squared[arm].sum() for arm in arms]),
            n=np.array([e[arm].sum() for arm in arms]),
            n_responded=np.array(n_responded),
            segment_ids=segments,
            segment_n=per_cell(w[:, None])[..., 0],
            segment_x=per_cell(wx),
            segment_y=per_cell(wy),
        )

    def __add__(self, other: "UpliftStatistics") -> "UpliftStatistics":
        if self.n_features != other.n_features:
            raise ValueError(
                f"cannot add statistics of {self.n_features} and {other.n_features} columns"
            )
        ids = np.union1d(self.segment_ids, other.segment_ids)
        ours, theirs = self.on_segments(ids), other.on_segments(ids)
        sums = {
            field.name: getattr(ours, field.name) + getattr(theirs, field.name)
            for field in fields(self)
            if field.name != "segment_ids"
        }
        return UpliftStatistics(segment_ids=ids, **sums)

    def __sub__(self, other: "UpliftStatistics") -> "UpliftStatistics":
        """Without contacts that were added before: the same ones, so that nothing falls below 0."""
        names = [field.name for field in fields(other) if field.name != "segment_ids"]
        negative = {name: -getattr(other, name) for name in names}
        return self + UpliftStatistics(segment_ids=other.segment_ids, **negative)

    def scaled(self, factor: float) -> "UpliftStatistics":
        """The same contacts, each worth `factor` of a contact: how old evidence fades.

        That is a likelihood raised to a power (Ibrahim & Chen 2000), so the squared weights
        shrink by `factor`, too, and not by its square. Raises ValueError outside [0, 1].
        """
        if not 0 <= factor <= 1:
            raise ValueError(f"a discount factor lies in [0, 1], got {factor}")
        scaled = {
            field.name: getattr(self, field.name) * factor
            for field in fields(self)
            if field.name != "segment_ids"
        }
        return UpliftStatistics(segment_ids=self.segment_ids, **scaled)

    def on_segments(self, ids: NDArray[np.int64]) -> "UpliftStatistics":
        """The same sums laid out over `ids`, ascending and containing all of ours."""
        index = np.searchsorted(ids, self.segment_ids)

        def spread(sums: Floats) -> Floats:
            out = np.zeros((len(ids), *sums.shape[1:]))
            out[index] = sums
            return out

        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        per_segment = {
            name: spread(arrays[name]) for name in ("segment_n", "segment_x", "segment_y")
        }
        return UpliftStatistics(**{**arrays, "segment_ids": ids, **per_segment})

    def to_bytes(self) -> bytes:
        """An npz file without pickles; equal statistics give equal bytes."""
        file = io.BytesIO()
        np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote. Raises ValueError on anything else."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            missing = [field.name for field in fields(cls) if field.name not in arrays]
            if missing:
                raise ValueError(f"not the statistics of an action: {', '.join(missing)} missing")
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def winsor_limit(values: ArrayLike, share: float = 0.999) -> float:
    """The limit that `share` of the sizes of `values` does not exceed, in their unit.

    Clip values to [-limit, limit] before they enter `UpliftStatistics`. The largest one in a
    thousand orders carries most of the variance of a mean and next to nothing of what an e-mail
    changed: some bias towards zero is traded for intervals that mean what they say. A limit
    is fixed per goal like the scale of a feature, as sums of differently clipped values do not
    add up. The quantile is taken over values other than zero, as most customers buy nothing.

    Returns inf when there is no value other than zero. Raises ValueError on unknown values.
    Source: Tukey (1962), The Future of Data Analysis, on winsorising.
    """
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    if not np.isfinite(sizes).all():
        raise ValueError("every value must be a finite number")
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    sizes = sizes[sizes > 0]
    return float(np.quantile(sizes, share, method="higher")) if sizes.size else float("inf")


def _exposure(exposure: ArrayLike | None, n: int) -> Floats:
    e = np.ones(n) if exposure is None else np.asarray(exposure, dtype=np.float64)
    if e.shape != (n,):
        raise ValueError(f"lengths differ: {n} contacts, exposures of shape {e.shape}")
    if not ((e > 0) & (e <= 1)).all():
        raise ValueError("an exposure lies in (0, 1]")
    return e


def _checked(
    X: ArrayLike,
    segment_ids: ArrayLike,
    treated: ArrayLike,
    value: ArrayLike,
    responded: ArrayLike,
    weights: ArrayLike | None,
) -> tuple[Floats, Floats, Floats, NDArray[np.int64], NDArray[np.bool_]]:
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2:
        raise ValueError(f"the design must be a table of rows and columns, got shape {X.shape}")
    y = np.column_stack([value, responded]).astype(np.float64)
    w = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=np.float64)
    ids, treated = np.asarray(segment_ids), np.asarray(treated, dtype=bool)
    if not len(X) == len(y) == len(w) == len(ids) == len(treated):
        raise ValueError(
            f"lengths differ: design {len(X)}, outcomes {len(y)}, weights {len(w)}, "
            f"segments {len(ids)}, treated {len(treated)}"
        )
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise ValueError("every feature and outcome must be a finite number")
    if not (np.isfinite(w) & (w > 0)).all():
        raise ValueError("weights must be finite and above 0")
    return X, y, w, ids.astype(np.int64), treated

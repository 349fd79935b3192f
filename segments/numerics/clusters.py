"""Behavioural clusters inside one lifecycle stage: how many there are, and who is in which."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from segments.numerics.cluster_count import (
    gaussian_like,
    halves,
    k_means,
    nearest,
    prediction_strength,
    shallowest_valley,
)

Array = NDArray[np.float64]

NORMAL_IQR = 1.349  # interquartile range of a standard normal
NORMAL_QUARTER = 0.637  # length of its shortest interval that holds a quarter
MAX_STRETCH = 3.0  # how much a feature with several heaps may outweigh one with a single heap
CLIP = 4.0  # robust standard deviations; what lies beyond is far, and how far does not matter
MIN_SKEW = 1.0  # a feature less skewed than this stays as it is
MAX_VALLEY = 0.75  # density between two clusters, relative to the lower of their peaks
MIN_STRENGTH = 0.8  # prediction strength (Tibshirani & Walther suggest 0.8 to 0.9)
MIN_ROWS_PER_CLUSTER = 25  # below this a cluster is an anecdote
N_REFERENCES = 3  # Gaussian reference samples behind the gap
N_HALVINGS = 3  # splits into halves behind the prediction strength
TINY = np.finfo(float).tiny
BLOCK = 100_000  # rows standardised and assigned at once


class StageClusters(BaseEstimator):
    """k-means clusters of customers, as many as the data hold: often one.

    max_clusters : most clusters ever made. min_share : smallest share of rows a cluster may hold.
    sample : rows looked at by `fit`, drawn with seed.
    Features are brought to one scale: sign(v)·log(1 + |v|) where they are skewed (beyond ±1, and
    less so in logs), clipped at 4 robust standard deviations (IQR / 1.349) around the median, then
    divided by the length of the shortest interval with a quarter of the rows, over 0.637. Of one
    normal heap that is the standard deviation; of several it is nearer to the width of one, so that
    the features that separate customers are not the ones squeezed flat. A missing value counts as
    the median.

    The number of clusters is the k of the largest gap among those that hold up:
    * gap(k) = log W_k of a Gaussian with the covariance of the data - log W_k of the data, W_k the
      sum of squares within k clusters: Tibshirani, Walther & Hastie (2001), JRSS B 63:411-423,
      with SigClust's one-cluster null (Liu et al. 2008, JASA 103:1281-1293) as reference, so that a
      long or tilted cloud is not cut for its shape. gap(1) = 0;
    * a valley lies between any two clusters: on the line through their centres the density falls
      to 3/4 of the lower peak or less, so that no single heap is cut, however skewed (the idea of
      dip-means, Kalogeratos & Likas 2012, with a size of effect in place of a test, which would
      reject everything on many rows);
    * prediction strength of at least 0.8 (Tibshirani & Walther 2005, JCGS 14:511-528): clusters
      found in one half of the rows are found again in the other;
    * no cluster below min_share or 25 rows.

    Learned: centers_ (k, d) in standardised units, n_clusters_, criterion_ {k: gap, nan where k
    does not hold up}, n_features_in_ and the
    transform: median_, logged_, center_, scale_, reach_ (d,).
    The same rows and seed give the same answer, in any process and on any number of threads.
    """

    def __init__(
        self,
        max_clusters: int = 6,
        min_share: float = 0.05,
        sample: int = 20_000,
        seed: int = 0,
    ):
        self.max_clusters = max_clusters
        self.min_share = min_share
        self.sample = sample
        self.seed = seed

    def fit(self, X: ArrayLike) -> Self:
        """X : features (n, d), n > 0, nan for unknown. Raises ValueError on infinity or no rows."""
        X = _features(X)
        if not len(X):
            raise ValueError("there are no rows to cluster")
        rng = np.random.default_rng(self.seed)
        if len(X) > self.sample:
            X = X[np.sort(rng.choice(len(X), self.sample, replace=False))]
        self.n_features_in_ = X.shape[1]
        known = ~np.isnan(X)
        self.median_ = np.array(
            [np.median(X[known[:, j], j]) if known[:, j].any() else 0.0 for j in range(X.shape[1])]
        )
        filled = np.where(known, X, self.median_)
        raw_skew, log_skew = np.abs(_skewness(filled)), np.abs(_skewness(_signed_log(filled)))
        # Logs tear a symmetric feature around zero into two heaps: only the skewed ones get them.
        self.logged_ = (raw_skew > MIN_SKEW) & (log_skew < raw_skew)
        levels = self._levels(X)
        quartile_1, self.center_, quartile_3 = np.percentile(levels, [25, 50, 75], axis=0)
        spread, deviation = (quartile_3 - quartile_1) / NORMAL_IQR, levels.std(axis=0)
        # A mostly constant feature (IQR 0) falls back on its deviation; a constant one is all zero.
        spread = np.where(spread > 1e-9, spread, np.where(deviation > 1e-9, deviation, 1.0))
        heap = _shortest_quarter(levels) / NORMAL_QUARTER
        # Nothing is as narrow as an atom (a heap of width 0): there the spread is the better scale.
        self.scale_ = np.where(heap > 1e-9, np.clip(heap, spread / MAX_STRETCH, spread), spread)
        self.reach_ = CLIP * spread / self.scale_
        # One thread: summing in another order could flip the last bit, and with it a close call.
        with threadpool_limits(limits=1):
            self._choose(self.transform(X), rng)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Features (n, d) in standardised units, clipped."""
        Z = (self._levels(_features(X, self.n_features_in_)) - self.center_) / self.scale_
        return np.clip(Z, -self.reach_, self.reach_)

    def inverse_transform(self, Z: ArrayLike) -> Array:
        """Standardised units (n, d) back in the units of the features."""
        levels = np.asarray(Z, dtype=float) * self.scale_ + self.center_
        back = np.sign(levels) * np.expm1(np.abs(np.where(self.logged_, levels, 0.0)))
        return np.where(self.logged_, back, levels)

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """The cluster of each row: (n,), 0 … n_clusters_ - 1."""
        X = _features(X, self.n_features_in_)
        clusters = np.zeros(len(X), dtype=np.intp)
        if self.n_clusters_ > 1:
            for start in range(0, len(X), BLOCK):
                rows = slice(start, start + BLOCK)
                clusters[rows] = nearest(self.transform(X[rows]), self.centers_)
        return clusters

    def get_fitted(self) -> dict[str, Any]:
        """What `fit` learned, ready for JSON (a k that does not hold up has None)."""
        return {
            "centers": self.centers_.tolist(),
            "criterion": {
                str(k): None if np.isnan(gap) else gap for k, gap in self.criterion_.items()
            },
            "median": self.median_.tolist(),
            "logged": self.logged_.tolist(),
            "center": self.center_.tolist(),
            "scale": self.scale_.tolist(),
            "reach": self.reach_.tolist(),
        }

    @classmethod
    def from_fitted(cls, fitted: dict[str, Any]) -> Self:
        """The estimator that `get_fitted` described. Refuses what does not fit together."""
        model = cls()
        try:
            model.centers_ = np.array(fitted["centers"], dtype=float)
            for name in ("median", "center", "scale", "reach"):
                setattr(model, name + "_", np.array(fitted[name], dtype=float))
            model.logged_ = np.array(fitted["logged"], dtype=bool)
            model.criterion_ = {
                int(k): np.nan if gap is None else float(gap)
                for k, gap in fitted["criterion"].items()
            }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"clusters cannot be restored: {error!r}") from error
        learned = (model.median_, model.logged_, model.center_, model.scale_, model.reach_)
        shapes = [array.shape for array in learned]
        if model.centers_.ndim != 2 or shapes != [model.centers_.shape[1:]] * len(shapes):
            raise ValueError(f"clusters cannot be restored: {model.centers_.shape} and {shapes}")
        model.n_clusters_, model.n_features_in_ = model.centers_.shape
        return model

    def _levels(self, X: Array) -> Array:
        filled = np.where(np.isnan(X), self.median_, X)
        return np.where(self.logged_, _signed_log(filled), filled)

    def _choose(self, Z: Array, rng: np.random.Generator) -> None:
        self.criterion_ = {1: 0.0}
        centers, largest_gap = Z.mean(axis=0, keepdims=True), 0.0
        fewest = max(self.min_share * len(Z), MIN_ROWS_PER_CLUSTER)
        n_different = len(np.unique(Z, axis=0))
        highest = min(self.max_clusters, int(len(Z) / fewest), n_different)
        if highest > 1:
            references = [gaussian_like(Z, rng) for _ in range(N_REFERENCES)]
            halvings = [halves(len(Z), rng) for _ in range(N_HALVINGS)]
            for k in range(2, highest + 1):
                found = k_means(Z, k, rng)
                within = [k_means(sample, k, rng).inertia_ for sample in references]
                gap = float(np.mean(np.log(within)) - np.log(max(found.inertia_, TINY)))
                # Cheapest first: the halvings are only asked about a k that is otherwise good.
                holds = (
                    gap > 0
                    and np.bincount(found.labels_, minlength=k).min() >= fewest
                    and shallowest_valley(Z, found.labels_, found.cluster_centers_) <= MAX_VALLEY
                    and np.mean([prediction_strength(Z[a], Z[b], k, rng) for a, b in halvings])
                    >= MIN_STRENGTH
                )
                self.criterion_[k] = gap if holds else np.nan
                if holds and gap > largest_gap:
                    centers, largest_gap = found.cluster_centers_, gap
        # Low to high, so that the numbering does not depend on where k-means began.
        self.centers_ = centers[np.argsort(centers.sum(axis=1), kind="stable")]
        self.n_clusters_ = len(self.centers_)


def match_clusters(
    old_centers: ArrayLike, new_centers: ArrayLike, *, max_distance: float
) -> NDArray[np.intp]:
    """Which old centre each new one continues: (n_new,) indices, -1 for a new cluster.

    old_centers, new_centers : (n_old, d), (n_new, d) in the same units; after a refit that is
    new.transform(old.inverse_transform(old.centers_)). No old centre is continued twice, none over
    more than max_distance; the total distance is least (assignment problem).
    """
    old, new = np.asarray(old_centers, dtype=float), np.asarray(new_centers, dtype=float)
    matched = np.full(len(new), -1, dtype=np.intp)
    if len(old) and len(new):
        distance = cdist(new, old)
        # A pair too far apart costs the same as no pair, else it would bend the near ones.
        rows, columns = linear_sum_assignment(np.minimum(distance, max_distance))
        near = distance[rows, columns] <= max_distance
        matched[rows[near]] = columns[near]
    return matched


def name_clusters(
    centers: ArrayLike, labels: list[tuple[str, str]], *, alone: str = "all"
) -> list[str]:
    """A readable, unique name for each centre of one stage, such as "high spend, frequent".

    centers : (k, d) in standardised units. labels : per feature its word for low and for high.
    alone : the name of a single cluster. A name says the feature by which the centre differs most
    from the mean of its siblings, and the second if it differs at least half as much; more where
    two names would be the same, a number where words run out.
    """
    centers = np.asarray(centers, dtype=float)
    if centers.ndim != 2 or centers.shape[1] != len(labels):
        raise ValueError(f"{len(labels)} labels for centres of shape {centers.shape}")
    k, d = centers.shape
    if k < 2:
        return [alone] * k
    contrast = (centers - centers.mean(axis=0)) * k / (k - 1)  # against the mean of the others
    order = np.argsort(-np.abs(contrast), axis=1, kind="stable")

    def name(i: int, n_words: int) -> str:
        return ", ".join(labels[j][int(contrast[i, j] > 0)] for j in order[i, :n_words])

    sizes = np.abs(np.take_along_axis(contrast, order, axis=1))
    n_words = [1 + int(d > 1 and sizes[i, 1] >= sizes[i, 0] / 2) for i in range(k)]
    names = [name(i, n_words[i]) for i in range(k)]
    while shared := [i for i in range(k) if names.count(names[i]) > 1 and n_words[i] < d]:
        for i in shared:
            n_words[i] += 1
            names[i] = name(i, n_words[i])
    return _numbered(names)


def _numbered(names: list[str]) -> list[str]:
    unique: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in unique:
            candidate, number = f"{name} {number}", number + 1
        unique.append(candidate)
    return unique


def _features(X: ArrayLike, n_features: int | None = None) -> Array:
    array = np.asarray(X, dtype=float)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"features must be of shape (n, d), not {array.shape}")
    if n_features is not None and array.shape[1] != n_features:
        raise ValueError(f"{array.shape[1]} features given, {n_features} learned")
    if np.isinf(array).any():
        row, column = np.argwhere(np.isinf(array))[0]
        raise ValueError(f"feature {column} of row {row} is infinite")
    return array


def _signed_log(values: Array) -> Array:
    return np.sign(values) * np.log1p(np.abs(values))


def _shortest_quarter(values: Array) -> Array:
    """Length of the shortest interval that holds a quarter of each column."""
    ordered = np.sort(values, axis=0)
    quarter = max(1, len(values) // 4)
    return (ordered[quarter:] - ordered[: len(values) - quarter]).min(axis=0, initial=np.inf)


def _skewness(values: Array) -> Array:
    """Third standardised moment of each column, 0 for a constant one."""
    centred = values - values.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    return ((centred / np.where(deviation > 0, deviation, 1.0)) ** 3).mean(axis=0)

"""Behavioural clusters inside one lifecycle stage: how many there are, and who is in which."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from segments.state.numerics.cluster_count import halves, k_means, nearest, prediction_strength

Array = NDArray[np.float64]

CLIP = 3.0  # standard deviations; what lies beyond is far, and how far does not matter
MIN_SKEW = 1.0  # a feature less skewed than this stays as it is
MIN_STRENGTH = 0.8  # prediction strength (Tibshirani & Walther suggest 0.8 to 0.9)
KEEP_STRENGTH, CHANGE_STRENGTH = 0.7, 0.9  # what a number that is in use needs, and a larger one
MIN_ROWS_PER_CLUSTER = 50  # what learning wants to see before it prefers an action
N_HALVINGS = 10  # splits into halves behind the prediction strength
N_FINAL_STARTS = 10  # so that a refit does not end in another local optimum
NOTICEABLE = 0.4  # standard deviations from the stage's mean that deserve a word
BLOCK = 100_000  # rows standardised and assigned at once


class StageClusters(BaseEstimator):
    """A stage's customers in as many k-means clusters as are found again in other customers.

    max_clusters : most clusters ever made. min_share : smallest share of rows a cluster may hold.
    sample : rows looked at by `fit`, drawn with seed.
    Customers are a continuum more often than they are heaps, so the number of clusters does not
    ask for gaps between them: it is the largest k that is reproducible, and 1 where none is.
    * Prediction strength of at least 0.8, the mean over 10 random halvings: two customers whom one
      half puts into one cluster are in one cluster by the centres of the other half too. That is
      the rule of Tibshirani & Walther (2005), JCGS 14:511-528, and their threshold. A long cloud
      (who orders more spends more) is cut across its length, always at the same places; a round
      one could be cut anywhere, is cut elsewhere in each half, and stays whole.
    * No cluster below min_share or 50 rows.
    * A refit keeps the number of clusters in use while its strength is 0.7 and no larger one has
      0.9: a strength that hovers around 0.8 would otherwise regroup everybody every few weeks.

    Features are brought to one scale: sign(v)·log(1 + |v|) where they are skewed (beyond ±1, and
    less so in logs), mean and standard deviation taken between the 1st and 99th percentile, clipped
    at 3 standard deviations. Quartiles would not do: of a count that is mostly zero they say
    nothing. A missing value counts as the median.

    Learned: centers_ (k, d) in standardised units, n_clusters_, criterion_ {k: strength, nan where
    a cluster would be too small}, n_features_in_ and the transform: median_, logged_, center_,
    scale_ (d,).
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

    def fit(self, X: ArrayLike, *, n_in_use: int = 1) -> Self:
        """X : features (n, d), n > 0, nan for unknown. n_in_use : clusters until now.

        Raises ValueError on infinity or no rows.
        """
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
        usual = np.clip(levels, *np.percentile(levels, [1, 99], axis=0))
        deviation = usual.std(axis=0)
        self.center_ = usual.mean(axis=0)
        self.scale_ = np.where(deviation > 1e-9, deviation, 1.0)  # a constant feature is all zero
        # One thread: summing in another order could flip the last bit, and with it a close call.
        with threadpool_limits(limits=1):
            self._choose(self.transform(X), n_in_use, rng)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Features (n, d) in standardised units, clipped."""
        Z = (self._levels(_features(X, self.n_features_in_)) - self.center_) / self.scale_
        return np.clip(Z, -CLIP, CLIP)

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
        """What `fit` learned, ready for JSON (None for nan)."""
        return {
            "centers": self.centers_.tolist(),
            "criterion": {
                str(k): None if np.isnan(strength) else strength
                for k, strength in self.criterion_.items()
            },
            "median": self.median_.tolist(),
            "logged": self.logged_.tolist(),
            "center": self.center_.tolist(),
            "scale": self.scale_.tolist(),
        }

    @classmethod
    def from_fitted(cls, fitted: dict[str, Any]) -> Self:
        """The estimator that `get_fitted` described. Refuses what does not fit together."""
        model = cls()
        try:
            model.centers_ = np.array(fitted["centers"], dtype=float)
            for name in ("median", "center", "scale"):
                setattr(model, name + "_", np.array(fitted[name], dtype=float))
            model.logged_ = np.array(fitted["logged"], dtype=bool)
            model.criterion_ = {
                int(k): np.nan if strength is None else float(strength)
                for k, strength in fitted["criterion"].items()
            }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"clusters cannot be restored: {error!r}") from error
        learned = (model.median_, model.logged_, model.center_, model.scale_)
        shapes = [array.shape for array in learned]
        if model.centers_.ndim != 2 or shapes != [model.centers_.shape[1:]] * len(shapes):
            raise ValueError(f"clusters cannot be restored: {model.centers_.shape} and {shapes}")
        model.n_clusters_, model.n_features_in_ = model.centers_.shape
        return model

    def _levels(self, X: Array) -> Array:
        filled = np.where(np.isnan(X), self.median_, X)
        return np.where(self.logged_, _signed_log(filled), filled)

    def _choose(self, Z: Array, n_in_use: int, rng: np.random.Generator) -> None:
        self.criterion_ = {1: 1.0}
        centers = {1: Z.mean(axis=0, keepdims=True)}
        fewest = max(self.min_share * len(Z), MIN_ROWS_PER_CLUSTER)
        highest = min(self.max_clusters, int(len(Z) / fewest), len(np.unique(Z, axis=0)))
        halvings = [halves(len(Z), rng) for _ in range(N_HALVINGS if highest > 1 else 0)]
        for k in range(2, highest + 1):
            fitted = k_means(Z, k, rng, n_starts=N_FINAL_STARTS)
            if np.bincount(fitted.labels_, minlength=k).min() < fewest:
                self.criterion_[k] = np.nan
                continue
            strengths = [prediction_strength(Z[a], Z[b], k, rng) for a, b in halvings]
            self.criterion_[k] = float(np.mean(strengths))
            centers[k] = fitted.cluster_centers_
        self.n_clusters_ = self._reproducible(n_in_use)
        chosen = centers[self.n_clusters_]
        # Low to high, so that the numbering does not depend on where k-means began.
        self.centers_ = chosen[np.argsort(chosen.sum(axis=1), kind="stable")]

    def _reproducible(self, n_in_use: int) -> int:
        """The largest number of clusters whose strength suffices."""
        needed = dict.fromkeys(self.criterion_, MIN_STRENGTH)
        if n_in_use > 1 and self.criterion_.get(n_in_use, 0.0) >= KEEP_STRENGTH:
            needed = {k: KEEP_STRENGTH if k <= n_in_use else CHANGE_STRENGTH for k in needed}
        return max(k for k, strength in self.criterion_.items() if strength >= needed[k])


def match_clusters(old: ArrayLike, new: ArrayLike, n_old: int, n_new: int) -> NDArray[np.intp]:
    """Which old cluster each new one continues: (n_new,) places, -1 for a new cluster.

    old, new : the clusters of the same customers before and after a refit, (n,) places below n_old
    and n_new. A cluster continues another if more than half of the customers in either are in both
    (a Jaccard index over 1/2). Two clusters cannot both hold that of a third, so no choice is left
    to make, and customers in a pair's overlap keep the segment.
    """
    both = np.zeros((n_new, n_old))
    np.add.at(both, (np.asarray(new, dtype=np.intp), np.asarray(old, dtype=np.intp)), 1)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    continues = both > either / 2
    return np.where(continues.any(axis=1), continues.argmax(axis=1), -1)


def name_clusters(
    centers: ArrayLike,
    labels: list[tuple[str, str]],
    *,
    alone: str = "all",
    average: str = "average",
) -> list[str]:
    """A readable, unique name for each centre of one stage, such as "frequent, high spend".

    centers : (k, d) in standardised units, 0 being the stage's mean. labels : per feature its word
    for low and for high. alone : the name of the only cluster; average : of one near the mean.
    A name says the two features in which a centre is farthest from the mean, the second if at least
    half as far; between equal names, what tells these apart; and a number where words run out.
    """
    centers = np.asarray(centers, dtype=float)
    if centers.ndim != 2 or centers.shape[1] != len(labels):
        raise ValueError(f"{len(labels)} labels for centres of shape {centers.shape}")
    if len(centers) < 2:
        return [alone] * len(centers)
    names = [_words(center, labels) for center in centers]
    for _ in labels:
        for words in list(names):
            shared = [i for i, others in enumerate(names) if others == words]
            if len(shared) > 1:
                _tell_apart(shared, names, centers, labels)
    # In the order of the features, so that siblings read alike.
    return _numbered([", ".join(words[j] for j in sorted(words)) or average for words in names])


def _words(center: Array, labels: list[tuple[str, str]]) -> dict[int, str]:
    """What is to be said of a centre, by feature."""
    distance = np.abs(center)
    farthest = np.argsort(-distance, kind="stable")[:2]
    least = max(NOTICEABLE, distance.max() / 2)
    return {int(j): labels[j][int(center[j] > 0)] for j in farthest if distance[j] >= least}


def _tell_apart(
    shared: list[int], names: list[dict[int, str]], centers: Array, labels: list[tuple[str, str]]
) -> None:
    """Another word for each of the centres that share a name, if they differ in what is unsaid."""
    siblings = centers[shared]
    spread = np.ptp(siblings, axis=0)
    spread[list(names[shared[0]])] = 0
    telling = int(np.argmax(spread))
    if spread[telling] > 0:
        for i, is_high in zip(
            shared, siblings[:, telling] > siblings[:, telling].mean(), strict=True
        ):
            names[i] = names[i] | {telling: labels[telling][int(is_high)]}


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


def _skewness(values: Array) -> Array:
    """Third standardised moment of each column, 0 for a constant one."""
    centred = values - values.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    return ((centred / np.where(deviation > 0, deviation, 1.0)) ** 3).mean(axis=0)

"""What speaks for a number of clusters: that they are found again in other customers."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

Array = NDArray[np.float64]

N_STARTS = 4  # k-means starts
HALF_ROWS = 2_000  # rows in each half; strength is a matter of shares, not of many rows


def k_means(Z: Array, k: int, rng: np.random.Generator, *, n_starts: int = N_STARTS) -> KMeans:
    """The best of a few k-means runs on rows Z (n, d)."""
    return KMeans(k, n_init=n_starts, random_state=int(rng.integers(2**31))).fit(Z)


def nearest(Z: Array, centers: Array) -> NDArray[np.intp]:
    """Index of the nearest centre (k, d) to each row of Z (n, d): (n,)."""
    return np.argmin((centers**2).sum(axis=1) - 2 * Z @ centers.T, axis=1)


def halves(n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers of two random halves of n rows, at most HALF_ROWS in each."""
    order = rng.permutation(n)[: 2 * min(n // 2, HALF_ROWS)]
    return order[: len(order) // 2], order[len(order) // 2 :]


def prediction_strength(train: Array, test: Array, k: int, rng: np.random.Generator) -> float:
    """Least share, over the clusters of test, of pairs that the clusters of train keep together.

    In [0, 1]. Tibshirani & Walther (2005), eq. 2.1.
    """
    observed = k_means(test, k, rng).labels_
    foretold = nearest(test, k_means(train, k, rng).cluster_centers_)
    together = np.zeros((k, k))
    np.add.at(together, (observed, foretold), 1)
    size = together.sum(axis=1)
    pairs = (together * (together - 1)).sum(axis=1)
    return float(np.min(np.where(size > 1, pairs / np.maximum(size * (size - 1), 1), 0.0)))

"""What speaks for a number of clusters: gaps, valleys between them, being found again."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.cluster import KMeans

Array = NDArray[np.float64]

N_STARTS = 4  # k-means starts
HALF_ROWS = 2_000  # rows in each half; strength is a matter of shares, not of many rows
VALLEY_BINS = 50  # per distance between two centres
VALLEY_BANDWIDTH = 0.12  # of the distance between two centres


def k_means(Z: Array, k: int, rng: np.random.Generator) -> KMeans:
    """The best of a few k-means runs on rows Z (n, d)."""
    return KMeans(k, n_init=N_STARTS, random_state=int(rng.integers(2**31))).fit(Z)


def nearest(Z: Array, centers: Array) -> NDArray[np.intp]:
    """Index of the nearest centre (k, d) to each row of Z (n, d): (n,)."""
    return np.argmin((centers**2).sum(axis=1) - 2 * Z @ centers.T, axis=1)


def gaussian_like(Z: Array, rng: np.random.Generator) -> Array:
    """A Gaussian sample of the size and covariance of Z."""
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(Z, rowvar=False)))
    noise = rng.standard_normal(Z.shape) * np.sqrt(np.maximum(variances, 0))
    return noise @ axes.T


def halves(n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers of two random halves of n rows, at most HALF_ROWS in each."""
    order = rng.permutation(n)[: 2 * min(n // 2, HALF_ROWS)]
    return order[: len(order) // 2], order[len(order) // 2 :]


def prediction_strength(train: Array, test: Array, k: int, rng: np.random.Generator) -> float:
    """Least share, over the clusters of test, of pairs that the clusters of train keep together.

    In [0, 1]. Tibshirani & Walther (2005), eq. 2.1.
    """
    own = k_means(test, k, rng).labels_
    foretold = nearest(test, k_means(train, k, rng).cluster_centers_)
    together = np.zeros((k, k))
    np.add.at(together, (own, foretold), 1)
    size = together.sum(axis=1)
    pairs = (together * (together - 1)).sum(axis=1)
    return float(np.min(np.where(size > 1, pairs / np.maximum(size * (size - 1), 1), 0.0)))


def shallowest_valley(Z: Array, labels: NDArray[np.int32], centers: Array) -> float:
    """Lowest density between two clusters over the lower of their peaks, the worst over all pairs.

    In [0, 1], by a kernel estimate along the line from one centre (0) to the other (1); 1 where
    the density only rises or falls between them.
    """
    edges = np.linspace(-1, 2, 3 * VALLEY_BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    left, right = (middle > -0.5) & (middle < 0.5), (middle > 0.5) & (middle < 1.5)
    worst = 0.0
    for i, j in combinations(range(len(centers)), 2):
        line = centers[j] - centers[i]
        places = (Z[(labels == i) | (labels == j)] - centers[i]) @ line / (line @ line)
        heights = np.histogram(places, edges)[0].astype(float)
        density = gaussian_filter1d(heights, VALLEY_BANDWIDTH * VALLEY_BINS, mode="constant")
        first = np.flatnonzero(left)[np.argmax(density[left])]
        last = np.flatnonzero(right)[np.argmax(density[right])]
        valley = density[first : last + 1].min() / min(density[first], density[last])
        worst = max(worst, float(valley))
    return worst

"""Sums over rows of which several belong to one customer, and how far such sums are off."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClusteredSums:
    """Totals of p columns over rows in clusters. Adds up over batches that share no cluster."""

    n_clusters: int
    total: Floats  # (p,)
    second: Floats  # (p, p) products of the clusters' own totals, summed over clusters

    @classmethod
    def of(cls, totals: Floats) -> "ClusteredSums":
        """totals : (c, p) of each cluster over its rows."""
        return cls(len(totals), totals.sum(axis=0), totals.T @ totals)

    def __add__(self, other: "ClusteredSums") -> "ClusteredSums":
        return ClusteredSums(
            self.n_clusters + other.n_clusters, self.total + other.total, self.second + other.second
        )

    def squares(self, weights: ArrayLike) -> float:
        """Sum over clusters of the square of a linear combination of their totals. weights: (p,)"""
        w = np.asarray(weights, dtype=np.float64)
        return max(float(w @ self.second @ w), 0.0)


def clustered_error(squares: float, n_clusters: int, n: float) -> float:
    """Standard error of a mean over n rows whose influence sums to 0.

    squares : sum over clusters of the squared influence of the cluster. nan below two clusters.
    Source: Liang & Zeger (1986), Biometrika 73:13-22; the factor C/(C - 1) as in Cameron & Miller
    (2015), A practitioner's guide to cluster-robust inference, section VI.
    """
    if n_clusters < 2:
        return math.nan
    return math.sqrt(squares * n_clusters / (n_clusters - 1)) / n

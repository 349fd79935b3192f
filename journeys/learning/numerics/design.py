"""From features of any unit and spread to the columns that the models learn on."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator


class FeatureScaling(BaseEstimator):
    """Signed logarithm, standardised, clipped; an intercept in front.

    Learned once and then kept: sums of scaled features from different days can only be added
    up while the scale stays the same. Fit it anew and the statistics must be gathered anew.

    clip : largest size of a scaled feature, in standard deviations. It bounds what one odd
        customer can do to a linear model, at prediction as well as in learning.
    """

    def __init__(self, clip: float = 3.0) -> None:
        self.clip = clip

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """X : (n, d) raw features, nan where unknown. Raises ValueError on infinite values.

        A column that is constant, or unknown throughout, keeps scale 1: it becomes zero now and
        still says something on the day it starts to vary.
        """
        logs = _signed_log(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
            mean, spread = np.nanmean(logs, axis=0), np.nanstd(logs, axis=0)
        known = np.isfinite(mean)
        self.mean_ = np.where(known, mean, 0.0)
        varies = known & (spread > 1e-9 * np.maximum(1.0, np.abs(self.mean_)))
        self.scale_ = np.where(varies, spread, 1.0)
        self.n_features_in_ = len(self.mean_)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """(n, d) raw features to (n, d + 1): a column of ones, then values in [-clip, clip].

        Unknown values become 0, the mean. Raises ValueError on another number of columns.
        """
        logs = _signed_log(X)
        if logs.shape[1] != self.n_features_in_:
            raise ValueError(f"expected {self.n_features_in_} features, got {logs.shape[1]}")
        scaled = np.clip((logs - self.mean_) / self.scale_, -self.clip, self.clip)
        return np.column_stack([np.ones(len(scaled)), np.nan_to_num(scaled, nan=0.0)])

    def fit_transform(self, X: ArrayLike, y: Any = None) -> NDArray[np.float64]:
        """`fit`, then `transform` of the same rows."""
        return self.fit(X).transform(X)

    def get_fitted(self) -> dict[str, Any]:
        """What was learned, ready for JSON; `from_fitted` restores it to the last bit."""
        return {"clip": self.clip, "mean": self.mean_.tolist(), "scale": self.scale_.tolist()}

    @classmethod
    def from_fitted(cls, fitted: dict[str, Any]) -> Self:
        """The estimator that `get_fitted` described."""
        scaling = cls(clip=fitted["clip"])
        scaling.mean_ = np.asarray(fitted["mean"], dtype=np.float64)
        scaling.scale_ = np.asarray(fitted["scale"], dtype=np.float64)
        scaling.n_features_in_ = len(scaling.mean_)
        return scaling


def _signed_log(X: ArrayLike) -> NDArray[np.float64]:
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2:
        raise ValueError(f"features must be a table of rows and columns, got shape {X.shape}")
    infinite = np.isinf(X)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ValueError(f"feature {column} of row {row} is infinite")
    return np.sign(X) * np.log1p(np.abs(X))

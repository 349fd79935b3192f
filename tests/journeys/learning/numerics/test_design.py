import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from journeys.learning.numerics.design import FeatureScaling


def test_scaling_by_hand():
    # log1p of 0 and e^2 - 1 is 0 and 2: mean 1, s.d. 1. Minus signs go through the logarithm.
    X = np.array([[0.0, 0.0], [np.e**2 - 1, -(np.e**2 - 1)]])

    assert_allclose(FeatureScaling().fit_transform(X), [[1, -1, 1], [1, 1, -1]], atol=1e-12)


def test_unknown_values_become_the_mean_and_extremes_are_clipped():
    scaling = FeatureScaling().fit(np.array([[1.0], [2.0], [np.nan], [4.0]]))

    assert_array_equal(scaling.transform([[np.nan], [1e9], [-1e9]]), [[1, 0], [1, 3], [1, -3]])


def test_a_constant_or_unknown_column_is_zero_without_a_warning():
    X = np.column_stack([np.full(5, 7.0), np.full(5, np.nan)])

    assert_array_equal(FeatureScaling().fit_transform(X), np.tile([1.0, 0.0, 0.0], (5, 1)))


def test_what_was_learned_survives_json_to_the_last_bit():
    X = np.random.default_rng(0).lognormal(size=(200, 4))
    scaling = FeatureScaling().fit(X)

    restored = FeatureScaling.from_fitted(json.loads(json.dumps(scaling.get_fitted())))

    assert_array_equal(restored.transform(X), scaling.transform(X))


def test_bad_tables_are_refused_with_their_place():
    scaling = FeatureScaling().fit(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="expected 2 features, got 3"):
        scaling.transform(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="feature 1 of row 2 is infinite"):
        scaling.transform(np.array([[0, 0], [0, 0], [0, np.inf]]))

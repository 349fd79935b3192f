import numpy as np
import pytest
from numpy.testing import assert_allclose

from journeys.learning.numerics import delays
from journeys.learning.numerics.delays import arrived_share


def test_with_every_window_closed_it_is_the_plain_share(monkeypatch):
    monkeypatch.setattr(delays, "PRIOR_RESPONSES", 1e-9)

    share = arrived_share([1, 2, 4], [9, 9, 9], [5, 3, 2], window_days=4)

    assert_allclose(share, [0, 0.5, 0.8, 0.8, 1.0], atol=1e-6)


def test_by_hand_with_young_contacts(monkeypatch):
    # Old contacts (2 days): 4 on the first day, 4 on the second. Young ones (1 day): 6 so far.
    # Of delay 2 among those that could show it: 4 of 8, so P(delay <= 1) = 1/2, not 10 of 14.
    monkeypatch.setattr(delays, "PRIOR_RESPONSES", 1e-9)

    share = arrived_share([1, 2, 1], [2, 2, 1], [4, 4, 6], window_days=2)

    assert_allclose(share, [0, 0.5, 1.0], atol=1e-6)


def test_the_delay_is_found_in_spite_of_responses_still_on_their_way():
    rng = np.random.default_rng(0)
    age = rng.integers(1, 15, 60_000)
    delay = np.minimum(rng.geometric(1 / 3, 60_000), 14)
    here = delay <= age

    share = arrived_share(delay[here], age[here], np.ones(here.sum()), window_days=14)

    truth = np.append(1 - (2 / 3) ** np.arange(14), 1.0)
    assert_allclose(share, truth, atol=0.015)
    naive = [np.mean(delay[here] <= a) for a in range(15)]
    assert np.abs(naive - truth).max() > 0.05


def test_before_any_response_it_is_even_over_the_window():
    assert_allclose(arrived_share([], [], [], window_days=4), [0, 0.25, 0.5, 0.75, 1])


def test_a_delay_outside_the_window_or_beyond_the_age_is_refused():
    with pytest.raises(ValueError, match="window"):
        arrived_share([5], [9], [1], window_days=4)
    with pytest.raises(ValueError, match="age"):
        arrived_share([3], [2], [1], window_days=4)

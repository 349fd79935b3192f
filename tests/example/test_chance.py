import numpy as np
from scipy.stats import kstest

from optiengine.example.chance import _GOLDEN, _finalise, keyed_bits, keyed_uniform, stream_key
from optiengine.example.drawing import day_times, delay_days, gamma_quantile, pick


def test_the_mixer_is_splitmix64():
    # First three outputs of the reference implementation (splitmix64.c) from state 0.
    states = np.arange(1, 4, dtype=np.uint64) * _GOLDEN

    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert _finalise(states).tolist() == expected


def test_keyed_numbers_are_uniform_and_streams_are_unrelated():
    ids = np.arange(50_000)
    today = keyed_uniform(stream_key(1, "order", 10), ids)
    tomorrow = keyed_uniform(stream_key(1, "order", 11), ids)

    assert kstest(today, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(today, tomorrow)[0, 1]) < 4 / np.sqrt(len(ids))
    assert abs(np.corrcoef(today[:-1], today[1:])[0, 1]) < 4 / np.sqrt(len(ids))


def test_a_draw_depends_on_its_own_key_only():
    key = stream_key(7, "visit", -3)

    assert keyed_bits(key, np.array([5, 9]))[1] == keyed_bits(key, np.array([9]))[0]
    assert len(np.unique(keyed_bits(key, np.arange(100_000)))) == 100_000


def test_picks_and_delays_follow_their_probabilities():
    u = (np.arange(10_000) + 0.5) / 10_000  # an even grid: frequencies are the probabilities

    picked = pick(np.tile([0.2, 0.0, 0.8], (len(u), 1)), u)
    assert np.bincount(picked, minlength=3).tolist() == [2_000, 0, 8_000]
    # Halving over three days: 4/7, 2/7, 1/7.
    delays = np.bincount(delay_days(u, 3, 0.5)) / len(u)
    np.testing.assert_allclose(delays, [4 / 7, 2 / 7, 1 / 7], atol=1e-3)
    # Gamma with mean 1 has variance 1 / shape.
    np.testing.assert_allclose(gamma_quantile(u, 6.0).mean(), 1, atol=1e-3)
    np.testing.assert_allclose(gamma_quantile(u, 6.0).var(), 1 / 6, rtol=1e-2)
    assert day_times(u, 9, 14).min() >= 9 * 3600
    assert day_times(u, 9, 14).max() < 14 * 3600

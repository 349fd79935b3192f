"""Keyed chance: every draw is a pure function of (seed, stream, day, id).

Nothing is drawn "in order", so what happens to one customer on one day never depends on what
happened to others or on how many draws came before. Two worlds that differ only in the messages
sent therefore share all the rest of their luck (common random numbers).
"""

from hashlib import blake2b

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def stream_key(seed: int, stream: str, day: int) -> np.uint64:
    """A 64-bit key for one purpose on one day."""
    digest = blake2b(f"{seed}|{stream}|{day}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def keyed_bits(key: np.uint64, ids: np.ndarray) -> np.ndarray:
    """(n,) uint64: one well-mixed word for each id under this key.

    Source: Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators",
    the finaliser of SplitMix64; applied before and after the key enters, so that neither
    neighbouring ids nor related keys give related words.
    """
    return _finalise(_finalise(ids.astype(np.uint64) * _GOLDEN + _GOLDEN) ^ key)


def keyed_uniform(key: np.uint64, ids: np.ndarray) -> np.ndarray:
    """(n,) floats in the open interval (0, 1), one for each id under this key."""
    return ((keyed_bits(key, ids) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def _finalise(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))

"""Random draws that belong to a customer, not to a process, so that a run can be replayed."""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUM_TOLERANCE = 1e-9  # how far from 1 the probabilities of a row may add up


def keyed_uniform(customer_ids: ArrayLike, *, seed: int, purpose: str) -> NDArray[np.float64]:
    """One uniform number per customer, a pure function of (seed, purpose, customer id).

    customer_ids : (n,) integers that fit into 64 bits. Batch, order, process and machine play no
    part. Different purposes (say "choice" and "control") give independent numbers.
    Returns (n,) floats in [0, 1), multiples of 2^-53.
    Raises ValueError when the ids are not a list of integers.
    Source: BLAKE2b as a keyed pseudo-random function, RFC 7693, section 2.9.
    """
    ids = np.asarray(customer_ids)
    if ids.size == 0:
        return np.empty(0)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError("customer ids must be a one-dimensional array of integers")
    # The separator keeps (1, "2x") and (12, "x") apart.
    key = blake2b(f"{seed}\0{purpose}".encode(), digest_size=32).digest()
    keyed = blake2b(key=key, digest_size=8)
    packed = ids.astype("<i8").tobytes()
    digests = bytearray()
    for start in range(0, len(packed), 8):
        digest = keyed.copy()
        digest.update(packed[start : start + 8])
        digests += digest.digest()
    bits = np.frombuffer(bytes(digests), dtype="<u8")
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(probabilities: ArrayLike, u: ArrayLike) -> NDArray[np.int64]:
    """The option that each uniform number falls on, by the inverse distribution function.

    probabilities : (n, K), rows adding up to 1. u : (n,) in [0, 1).
    Returns (n,) option numbers; rounding never leads to an option of probability zero.
    Raises ValueError, naming the first bad row.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    u = np.asarray(u, dtype=np.float64)
    if p.ndim != 2 or u.shape != p.shape[:1]:
        raise ValueError(f"shapes do not fit: probabilities {p.shape}, uniform numbers {u.shape}")
    if p.shape[0] == 0:
        return np.empty(0, dtype=np.int64)
    bad = ~(p >= 0).all(axis=1) | ~(np.abs(p.sum(axis=1) - 1) <= SUM_TOLERANCE)
    if bad.any():
        raise ValueError(f"row {int(bad.argmax())} is not a list of probabilities adding up to 1")
    if not ((u >= 0) & (u < 1)).all():
        raise ValueError("uniform numbers must lie in [0, 1)")
    reached = p.cumsum(axis=1)
    total = reached[:, -1]
    # u * total may round up to total itself, beyond the last option: stay one step below.
    target = np.minimum(u * total, np.nextafter(total, 0))
    # The first option whose cumulated probability exceeds the target adds something to it.
    return (reached > target[:, None]).argmax(axis=1)

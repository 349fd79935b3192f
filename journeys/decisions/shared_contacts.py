"""Who shared addresses when a decision was made, as it is stored: a replay counts the same."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segments.customers.shared_addresses import SharedBy

Pinned = list[tuple[str, list[int]]]  # an address's field, and the ids of those who share it


def as_pinned(groups: Iterable[SharedBy], customer_ids: NDArray[np.int64]) -> Pinned:
    """The groups that customers of a batch belong to."""
    here = set(customer_ids.tolist())
    return [
        (group.address_field, list(group.customer_ids))
        for group in groups
        if not here.isdisjoint(group.customer_ids)
    ]

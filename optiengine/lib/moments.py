"""Moments as numpy has them. No Django: numerics use it, too."""

from datetime import UTC, datetime

import numpy as np


def utc64(moment: datetime) -> np.datetime64:
    """An aware moment, in UTC, in microseconds."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")

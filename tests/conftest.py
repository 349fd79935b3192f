"""What every test may count on."""

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def _english():
    """A request in Portuguese leaves its language behind in the thread: the next test shall not."""
    with translation.override("en"):
        yield
